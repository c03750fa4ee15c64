"""One report with everything that is wrong, which a person can read and which tells no secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stacks.errors import MASK, Problem, SettingsError, nearest, render, show
from stacks.load import load, resolve, stack_file

MISTAKES = """\
config:
  aws:region: us-esat-1
  modeshift:mode: serverles
  modeshift:account: "12345"
  modeshift:logRetentionDays: 31
  modeshift:netwrk: {nat: single}
  modeshift:network:
    cidr: 52.20.0.0/16
    azs: two
    endpoints: [ecr.drk]
  modeshift:serverless: {placement: public}
  modeshift:container: {compute: fargate, placement: pubic}
  modeshift:dbPassword: hunter2
  modeshift:services:
    netprobe:
      route: /
      size: {cpu: 512, memory: 700}
      scaling: {min: 5, max: 2}
      secrets: {API_KEY: hunter3}
    a-service-with-a-long-name: {route: /a}
"""

EXPECTED = {
    "aws:region": (2, "us-east-1"),
    "modeshift:mode": (3, "serverless"),
    "modeshift:account": (4, ""),
    "modeshift:logRetentionDays": (5, "30"),
    "modeshift:netwrk": (6, "network"),
    "modeshift:network.cidr": (8, ""),
    "modeshift:network.azs": (9, ""),
    "modeshift:network.endpoints[0]": (10, "ecr.dkr"),
    "modeshift:serverless.placement": (11, "modeshift:container.placement"),
    "modeshift:container.placement": (12, "public"),
    "modeshift:dbPassword": (13, "dashboard"),
    "modeshift:services.netprobe.size.memory": (17, "1024"),
    "modeshift:services.netprobe.scaling.min": (18, ""),
    "modeshift:services.netprobe.secrets.API_KEY": (19, ""),
    "modeshift:services.a-service-with-a-long-name": (20, ""),
}


@pytest.fixture
def error(tmp_path: Path) -> SettingsError:
    (tmp_path / "Pulumi.dev.yaml").write_text(MISTAKES)
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "dev")
    return caught.value


def test_fifteen_mistakes_make_one_report_of_fifteen(error: SettingsError) -> None:
    found = {p.key: (int(p.where.rpartition(":")[2]), p.nearest) for p in error.problems}

    assert found == EXPECTED
    assert len(error.problems) == len(EXPECTED) == 15
    for problem in error.problems:
        assert problem.why
        assert problem.value
        assert problem.allowed or problem.fix
    lines = [int(problem.where.rpartition(":")[2]) for problem in error.problems]
    assert lines == sorted(lines)


def test_no_secret_is_told(error: SettingsError) -> None:
    told = f"{error} {error!r} {error.args} {[problem.as_dict() for problem in error.problems]}"

    assert "hunter" not in told
    assert told.count(MASK) >= 2


def test_the_report_reads_well(error: SettingsError) -> None:
    text = str(error)

    assert all(len(line) <= 100 for line in text.splitlines())
    assert text.splitlines()[0].startswith(" 1. aws:region")
    assert text.splitlines()[0].endswith("  Pulumi.dev.yaml:2")
    assert "    nearest   us-east-1" in text
    assert "15 problems in the settings of stack dev. Nothing was created or changed." in text
    assert "Traceback" not in text


def test_one_problem_is_one() -> None:
    text = render([Problem(key="modeshift:mode", why="is not serverless or container", allowed="a\nb")])

    assert text.startswith("1. modeshift:mode\n   why       is not")
    assert "\n   allowed   a\n             b\n" in text
    assert "1 problem in the settings. Nothing" in text


def test_the_engine_s_config_gets_lines_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  aws:region: us-east-1\n  mode: x\n  owner: {secure: v1:abc}\n"
    )
    config = {"aws:region": "us-east-1", "modeshift:mode": "x", "modeshift:owner": "decrypted-by-the-engine"}

    with pytest.raises(SettingsError) as caught:
        resolve("dev", config, source=stack_file(tmp_path, "dev"))

    assert [(p.key, p.where) for p in caught.value.problems] == [
        ("modeshift:mode", "Pulumi.dev.yaml:3"),
        ("modeshift:owner", "Pulumi.dev.yaml:4"),
    ]
    assert "decrypted" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        (("owner",), "a team", "a team"),
        (("owner",), " a\n", '" a\\n"'),
        (("owner",), "", '""'),
        (("owner",), "x" * 200, "x" * 120 + "…"),
        (("azs",), None, "null"),
        (("azs",), True, "true"),
        (("network",), {"a": 1, "b": 2}, "a block with 2 keys"),
        (("network",), ["a"], "a list of 1"),
        (("services", "token-service", "route"), "/x", "/x"),
        (("services", "a", "env", "DB_PASSWORD"), "x", MASK),
        (("services", "a", "env", "API_TOKEN"), 5, MASK),
        (("services", "a", "env", "DATABASE"), "postgres://me:pw@host/db", MASK),
        (("services", "a", "env", "KEY"), "AKIA" + "A" * 16, MASK),
        (("services", "a", "secrets", "X"), "value", MASK),
        (
            ("services", "a", "secrets", "X"),
            "arn:aws:secretsmanager:r:1:secret:x",
            "arn:aws:secretsmanager:r:1:secret:x",
        ),
    ],
)
def test_values_are_shown_short_and_safe(path: tuple[str, ...], value: object, shown: str) -> None:
    assert show(path, value) == shown  # type: ignore[arg-type]


def test_the_nearest_word() -> None:
    assert nearest("us-esat-1", ["us-west-1", "us-east-1"]) == "us-east-1"
    assert nearest("PROD", ["dev", "prod"]) == "prod"
    assert nearest("zzz", ["dev", "prod"]) == ""
    assert nearest(None, ["dev"]) == ""


def test_settings_need_no_pulumi(root: Path) -> None:
    code = "import sys, stacks.load; print({'pulumi', 'pulumi_aws', 'boto3', 'botocore'} & set(sys.modules))"

    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "set()"
