"""The app refuses a wrong environment at start, with a sentence for each variable."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from app.core.settings import EnvironmentSettings, Settings, SettingsError
from app.reference import reference
from app.services.contracts.settings import ContractsSettings
from app.services.netprobe.settings import NetprobeSettings
from app.services.rewriter.settings import RewriterSettings

REPOSITORY = Path(__file__).resolve().parents[2]
CLASSES: tuple[type[EnvironmentSettings], ...] = (Settings, ContractsSettings, NetprobeSettings, RewriterSettings)


def test_every_setting_has_a_default_and_a_meaning() -> None:
    for settings in CLASSES:
        settings.from_environ({})
        for name, field in settings.model_fields.items():
            assert field.description, f"{settings.__name__}.{name} does not say what it is"


def test_the_page_of_settings_is_the_one_they_make() -> None:
    page = (REPOSITORY / "docs/app-settings.md").read_text(encoding="utf-8")
    assert page == reference(), "write it anew: python -m app.reference > docs/app-settings.md"


def test_unset_means_production() -> None:
    assert Settings.from_environ({}).environment == "prod"
    assert NetprobeSettings.from_environ({}).environment == "prod"


def test_values_are_read_by_their_upper_case_names() -> None:
    settings = Settings.from_environ({"PORT": "9000", "LOG_LEVEL": "debug", "port": "1", "HOME": "/root"})
    assert (settings.port, settings.log_level) == (9000, "DEBUG")


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_environ({"PORT": ""}).port == 8080


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("HEALTH_PATH", "health"),
        ("HEALTH_PATH", "/"),
        ("HEALTH_PATH", "/a b"),
        ("HEALTH_PATH", "/{path}"),
        ("HEALTH_PATH", "/version"),
        ("HEALTH_PATH", "/v1/probes/tcp"),
        ("LOG_LEVEL", "loud"),
        ("ENVIRONMENT", "production"),
        ("COMMIT", "main"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}='") as raised:
        Settings.from_environ({name: value})
    assert repr(value) in str(raised.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({"PORT": "x", "LOG_LEVEL": "y", "COMMIT": "z"})
    assert len(str(raised.value).splitlines()) == 3


@pytest.mark.parametrize("environment", ["prod", "staging", ""])
def test_private_targets_are_refused_outside_dev(environment: str) -> None:
    with pytest.raises(SettingsError, match="NETPROBE_ALLOW_PRIVATE is set, but ENVIRONMENT is"):
        NetprobeSettings.from_environ({"NETPROBE_ALLOW_PRIVATE": "127.0.0.1/32", "ENVIRONMENT": environment})


def test_private_targets_are_an_explicit_list_in_dev() -> None:
    settings = NetprobeSettings.from_environ({"NETPROBE_ALLOW_PRIVATE": "127.0.0.1/32, ::1/128", "ENVIRONMENT": "dev"})
    assert settings.allow_private == (ip_network("127.0.0.1/32"), ip_network("::1/128"))


@pytest.mark.parametrize(
    "networks", ["169.254.169.254/32", "169.254.170.2/32", "0.0.0.0/0", "::/0", "fd00:ec2::254/128", "fd00::/8"]
)
def test_no_list_opens_cloud_metadata(networks: str) -> None:
    with pytest.raises(SettingsError, match="holds cloud metadata"):
        NetprobeSettings.from_environ({"NETPROBE_ALLOW_PRIVATE": networks, "ENVIRONMENT": "dev"})


@pytest.mark.parametrize("networks", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "127.0.0.1/32,,"])
def test_a_list_that_is_none_is_refused(networks: str) -> None:
    with pytest.raises(SettingsError, match=r"^NETPROBE_ALLOW_PRIVATE="):
        NetprobeSettings.from_environ({"NETPROBE_ALLOW_PRIVATE": networks, "ENVIRONMENT": "dev"})


@pytest.mark.parametrize("ports", ["", "443", "80,443", "8000-8999, 443"])
def test_ports_are_a_list_of_ports_and_ranges(ports: str) -> None:
    assert 443 in NetprobeSettings.from_environ({"NETPROBE_PORTS": ports}).ports


@pytest.mark.parametrize("ports", ["all", "0", "1-", "9-8", "1-65536", "443;80", "443,"])
def test_ports_that_are_none_are_refused(ports: str) -> None:
    with pytest.raises(SettingsError, match=r"^NETPROBE_PORTS="):
        NetprobeSettings.from_environ({"NETPROBE_PORTS": ports})
