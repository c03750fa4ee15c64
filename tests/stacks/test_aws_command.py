"""A cluster on AWS needs the `aws` command, and who lacks it is told so before anything exists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stacks.aws_command import AwsCommandError, check_aws_command
from stacks.load import resolve

if TYPE_CHECKING:
    from stacks.settings import StackSettings

_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:" + "0" * 64


def _settings(compute: str) -> StackSettings:
    clusters = {"eks": {"kubernetes": {"admins": ["arn:aws:iam::123456789012:role/deploy"]}}, "fargate": {}}
    config = {
        "aws:region": "us-east-1",
        "modeshift:mode": "container",
        "modeshift:image": _IMAGE,
        "modeshift:owner": "platform",
        "modeshift:costCenter": "1",
        "modeshift:container": json.dumps({"compute": compute, **clusters[compute]}),
        "modeshift:network": '{"nat": "single"}',
    }
    return resolve("dev", config).settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder on PATH, where no sandbox is attached."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PULUMI_DEBUG_PROVIDERS", raising=False)
    return tmp_path


def _install(folder: Path, says: str, code: int = 0) -> None:
    command = folder / "aws"
    command.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    command.chmod(0o755)


def test_a_command_that_is_missing_is_named_with_what_to_install(folder: Path) -> None:
    del folder
    with pytest.raises(AwsCommandError, match=r"none on PATH\. Install version 2 .* nothing was created"):
        check_aws_command(_settings("eks"))


@pytest.mark.parametrize(
    ("says", "code", "words"),
    [
        ("aws-cli/2.6.4 Python/3.9.11", 0, r"2\.7 or newer, and .*/aws is 2\.6"),
        ("aws-cli/1.23.9 Python/3.9.11", 0, r"is 1\.23"),
        ("no such thing", 0, "does not tell its version"),
        ("aws-cli/2.31.0 Python/3.13", 1, "does not tell its version"),
    ],
)
def test_a_command_that_is_of_no_use_is_named(folder: Path, says: str, code: int, words: str) -> None:
    _install(folder, says, code)
    with pytest.raises(AwsCommandError, match=words):
        check_aws_command(_settings("eks"))


@pytest.mark.parametrize("says", ["aws-cli/2.7.0 Python/3.9.11", "aws-cli/1.24.0 Python/3.9", "aws-cli/3.0.1 x"])
def test_what_the_package_takes_is_taken(folder: Path, says: str) -> None:
    _install(folder, says)
    check_aws_command(_settings("eks"))


def test_nobody_needs_it_without_clusters_or_in_the_sandbox(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del folder
    check_aws_command(_settings("fargate"))
    monkeypatch.setenv("PULUMI_DEBUG_PROVIDERS", "aws:1,awsx:1")
    with pytest.raises(AwsCommandError):
        check_aws_command(_settings("eks"))
    monkeypatch.setenv("PULUMI_DEBUG_PROVIDERS", "aws:1,awsx:1,eks:1,kubernetes:1")
    check_aws_command(_settings("eks"))
