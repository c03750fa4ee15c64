"""The bootstrap's settings: every mistake in one report, nothing accepted that nobody reads."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stacks.bootstrap_settings import load_bootstrap, resolve_bootstrap
from stacks.errors import SettingsError

GOOD: dict[str, object] = {"aws:region": "us-east-1", "modeshift:repository": "acme/app"}


def keys(config: dict[str, object]) -> list[str]:
    with pytest.raises(SettingsError) as error:
        resolve_bootstrap(config)
    return [problem.key for problem in error.value.problems]


def test_what_is_not_said_has_defaults() -> None:
    resolved = resolve_bootstrap(GOOD)
    assert resolved.settings.environments == ("dev", "staging", "prod")
    assert resolved.regions == ("us-east-1",)
    assert resolved.settings.branches == {}


def test_blocks_come_as_text_from_the_engine() -> None:
    config = {**GOOD, "modeshift:environments": '["dev"]', "modeshift:branches": json.dumps({"dev": ["main"]})}
    assert resolve_bootstrap(config).settings.branches == {"dev": ("main",)}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"aws:region": "us-east-9"}, "aws:region"),
        ({"aws:region": ""}, "aws:region"),
        ({"modeshift:repository": "acme"}, "modeshift:repository"),
        ({"modeshift:repository": "acme/app:*"}, "modeshift:repository"),
        ({"modeshift:repository": ""}, "modeshift:repository"),
        ({"modeshift:repositry": "acme/app"}, "modeshift:repositry"),
        ({"modeshift:environments": []}, "modeshift:environments"),
        ({"modeshift:environments": "dev"}, "modeshift:environments"),
        ({"modeshift:environments": ["Dev"]}, "modeshift:environments[0]"),
        ({"modeshift:environments": ["dev", "dev"]}, "modeshift:environments[1]"),
        ({"modeshift:environments": ["prod", "prod-eu"]}, "modeshift:environments[1]"),
        ({"modeshift:environments": ["modeshift"]}, "modeshift:environments[0]"),
        ({"modeshift:environments": ["*"]}, "modeshift:environments[0]"),
        ({"modeshift:branches": {"qa": ["main"]}}, "modeshift:branches.qa"),
        ({"modeshift:branches": {"dev": ["two words"]}}, "modeshift:branches.dev[0]"),
        ({"modeshift:trunk": "release/*"}, "modeshift:trunk"),
        ({"modeshift:regions": ["eu-west-1", "moon"]}, "modeshift:regions[1]"),
        ({"modeshift:zones": ["example.com"]}, "modeshift:zones[0]"),
        ({"modeshift:oidcProvider": "arn:aws:iam::123456789012:oidc-provider/evil.test"}, "modeshift:oidcProvider"),
        ({"modeshift:account": "123"}, "modeshift:account"),
        ({"aws:profile": "x"}, "aws:profile"),
    ],
)
def test_each_mistake_is_named(changes: dict[str, object], key: str) -> None:
    assert keys({**GOOD, **changes}) == [key]


def test_all_mistakes_come_at_once_with_their_lines(tmp_path: Path) -> None:
    config = {"aws:region": "us-esat-1", "modeshift:repositry": "acme/app", "modeshift:account": "1"}
    (tmp_path / "Pulumi.shared.yaml").write_text(yaml.safe_dump({"config": config}, sort_keys=False))
    with pytest.raises(SettingsError) as error:
        load_bootstrap(tmp_path, "shared")
    problems = {problem.key: problem for problem in error.value.problems}
    assert set(problems) == {"aws:region", "modeshift:repositry", "modeshift:account", "modeshift:repository"}
    assert problems["aws:region"].nearest == "us-east-1"
    assert problems["modeshift:repositry"].nearest == "repository"
    assert problems["modeshift:account"].where == "Pulumi.shared.yaml:4"
    assert "docs/bootstrap.md" in str(error.value)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(["repository", "environments", "branches", "regions", "zones", "oidcProvider", "account"])


@given(st.dictionaries(_NAMES, _VALUES, max_size=4))
def test_whatever_is_given_is_taken_or_explained(given_settings: dict[str, object]) -> None:
    with contextlib.suppress(SettingsError):
        resolve_bootstrap({**GOOD, **{f"modeshift:{name}": value for name, value in given_settings.items()}})
