"""A stack file as people write it: lines, YAML's traps, and what it may not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.errors import Problem, SettingsError
from stacks.load import load, read_stack_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "Pulumi.dev.yaml"


def problems(root: Path, stack: str = "dev") -> list[Problem]:
    with pytest.raises(SettingsError) as caught:
        load(root, stack)
    return list(caught.value.problems)


def test_values_and_lines(file: Path) -> None:
    file.write_text(
        "# a comment\n"
        "config:\n"
        "  aws:region: us-east-1\n"
        "  mode: serverless\n"
        "  modeshift:network:\n"
        "    azs: 3\n"
        "    endpoints:\n"
        "      - logs\n"
        "      - ecr.api\n"
    )

    read = read_stack_file(file)

    assert read.config == {
        "aws:region": "us-east-1",
        "modeshift:mode": "serverless",
        "modeshift:network": {"azs": 3, "endpoints": ["logs", "ecr.api"]},
    }
    assert read.positions.of(("network", "endpoints", 1)) == "Pulumi.dev.yaml:9"
    assert read.positions.of(("network", "nat")) == "Pulumi.dev.yaml:5"
    assert read.positions.of(("image",)) == "Pulumi.dev.yaml"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("'true'", "true"),
        ("7", 7),
        ("-7", -7),
        ("'7'", "7"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("2030-01-31", "2030-01-31"),
        ("12:30", "12:30"),
        ("~", None),
        ("", None),
        (".inf", ".inf"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
def test_scalars_are_what_the_engine_takes_them_for(file: Path, written: str, value: object) -> None:
    file.write_text(f"config:\n  a: {{b: {written} }}\n")

    read = read_stack_file(file).config["modeshift:a"]

    assert read == {"b": value}
    assert type(read["b"]) is type(value)  # type: ignore[index]


@pytest.mark.parametrize("text", ["", "config:\n", "config: {}\n", "# nothing\n", "encryptionsalt: v1:x\n"])
def test_a_file_may_be_empty(file: Path, text: str) -> None:
    file.write_text(text)

    assert read_stack_file(file).config == {}
    assert [problem.key for problem in problems(file.parent)] == ["aws:region"]


@pytest.mark.parametrize(
    ("text", "key", "why", "line"),
    [
        ("  aws:region: us-east-1\n  account: 012345678901\n", "modeshift:account", "put it in quotes", 3),
        ("  aws:region: us-east-1\n  owner: 0x1F\n", "modeshift:owner", "put it in quotes", 3),
        ("  aws:region: us-east-1\n  owner: 1_000\n", "modeshift:owner", "put it in quotes", 3),
        ("  aws:region: us-east-1\n  owner: a\n  owner: b\n", "modeshift:owner", "stands twice", 4),
        ("  aws:region: us-east-1\n  tags: {a: b, a: c}\n", "modeshift:tags.a", "stands twice", 3),
        ("  aws:region: us-east-1\n  owner: &o a\n  costCenter: *o\n", "modeshift:costCenter", "alias", 4),
        ("  aws:region: us-east-1\n  owner: !!binary aGk=\n", "modeshift:owner", "has a tag", 3),
        ("  aws:region: us-east-1\n  ? [a]\n  : b\n", "Pulumi.dev.yaml", "key must be text", 3),
        ("  aws:region: us-east-1\n  owner:\n    secure: v1:abc\n", "modeshift:owner", "encrypted", 3),
        (
            "  aws:region: us-east-1\n  services:\n    netprobe:\n      env:\n        A: {secure: v1:abc}\n",
            "modeshift:services.netprobe.env.A",
            "encrypted",
            6,
        ),
        ("  aws:region: us-east-1\n  aws:profile: me\n", "aws:profile", "no effect", 3),
        ("  aws:region: us-east-1\n  modeshfit:mode: container\n", "modeshfit:mode", "namespace modeshfit", 3),
        ("  aws:region: us-east-1\n  gcp:project: x\n", "gcp:project", "namespace gcp", 3),
        ("  aws:region: us-east-1\nconfg: {}\n", "confg", "not a key of a stack file", 3),
    ],
)
def test_what_a_stack_file_cannot_hold(file: Path, text: str, key: str, why: str, line: int) -> None:
    file.write_text(f"config:\n{text}")

    (problem,) = problems(file.parent)

    assert problem.key == key
    assert why in problem.why
    assert problem.where == f"Pulumi.dev.yaml:{line}"


def test_mistakes_of_yaml_and_of_settings_come_together(file: Path) -> None:
    file.write_text("config:\n  aws:region: us-east-1\n  owner: a\n  owner: b\n  mode: x\n")

    assert [problem.key for problem in problems(file.parent)] == ["modeshift:owner", "modeshift:mode"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("config: {a: [1\n", 2), ("config:\n\t- x\n", 2), ("a: b: c\n", 1), ("config: {}\n---\nb: 1\n", 2)],
)
def test_what_is_no_yaml_is_said_with_its_line(file: Path, text: str, line: int) -> None:
    file.write_text(text)

    (problem,) = problems(file.parent)

    assert "not valid YAML" in problem.why
    assert problem.where == f"Pulumi.dev.yaml:{line}"


@pytest.mark.parametrize("text", ["- a\n", "5\n", "config: 5\n", "config: [a]\n"])
def test_what_is_no_block_is_refused(file: Path, text: str) -> None:
    file.write_text(text)

    assert "not a block" in problems(file.parent)[0].why


@pytest.mark.parametrize("nested", ["[" * 1200 + "]" * 1200, "[" * 30 + "]" * 30, "{a: " * 30 + "1" + "}" * 30])
def test_depth_is_refused_not_followed(file: Path, nested: str) -> None:
    file.write_text(f"config: {{aws:region: us-east-1, network: {nested} }}\n")

    assert any("too deep" in problem.why for problem in problems(file.parent))


def test_what_cannot_be_read_is_said(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in problems(file.parent)[0].why

    file.unlink()
    file.mkdir()
    assert "cannot be read" in problems(file.parent)[0].why


def test_a_missing_stack_names_those_that_exist(root: Path) -> None:
    (problem,) = problems(root, "prd")

    assert problem.why == "there is no stack prd"
    assert problem.allowed == "dev, prod, staging"
    assert problem.nearest == "prod"
