"""What the doctor finds, and that it tells what helps and nothing secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from automation import doctor
from automation.doctor import Status, Tool
from automation.toolchain import PULUMI_VERSION, environment, versions

ROOT = Path(__file__).resolve().parents[2]
NAMES = {
    *("Python", "uv", "environment", "Pulumi CLI", "Python language host", "Go"),
    *("aws provider", "awsx provider", "AWS credentials", "docker", "git"),
}


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on it: no PATH, no home, no cache, no AWS settings."""
    (tmp_path / "bin").mkdir()
    for name in [name for name in os.environ if name.startswith(("AWS_", "PULUMI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.setattr(versions, "LOCAL", tmp_path / ".modeshift")
    return tmp_path


def test_what_clusters_need_is_shown_when_a_stack_has_one(bare: Path) -> None:
    stack = bare / "Pulumi.staging.yaml"
    stack.write_text("config:\n  modeshift:mode: container # or on eks\n")
    assert "aws" not in found()
    stack.write_text("config:\n  modeshift:container: {compute: eks}\n")
    tools = found()
    assert {"eks provider", "kubernetes provider", "aws"} <= set(tools)
    assert tools["aws"].status is Status.ABSENT
    assert tools["aws"].fix == "only for --cloud aws, to reach clusters: install aws"
    program(bare / "bin" / "aws", "aws-cli/2.31.0 Python/3.13.7 Linux/6.1")
    assert found()["aws"].version == "2.31.0"


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def found() -> dict[str, Tool]:
    return {tool.name: tool for tool in doctor.diagnose()}


def test_on_a_bare_machine_every_gap_has_its_remedy(bare: Path) -> None:
    tools, fine = doctor.report()
    status = {tool.name: tool.status for tool in tools}

    assert not fine
    assert set(status) == NAMES
    assert {name for name, state in status.items() if state is Status.MISSING} == {"uv", "environment", "Pulumi CLI"}
    assert all(tool.fix for tool in tools if tool.status is not Status.OK)
    assert PULUMI_VERSION in found()["Pulumi CLI"].fix
    assert found()["Python language host"].status is Status.OK


def test_an_old_pulumi_is_named_with_what_is_needed(bare: Path) -> None:
    program(bare / "bin" / "pulumi", "v3.100.0")
    pulumi = found()["Pulumi CLI"]

    assert (pulumi.status, pulumi.version, pulumi.origin) == (Status.OUTDATED, "3.100.0", "~/bin/pulumi")
    assert "3.226.0 or newer" in pulumi.fix


def test_a_pulumi_and_its_language_host_are_found_together(bare: Path) -> None:
    program(bare / "elsewhere" / "pulumi", "v3.300.0")
    program(bare / "elsewhere" / "pulumi-language-python", "")
    (bare / "bin" / "pulumi").symlink_to(bare / "elsewhere" / "pulumi")
    tools = found()

    assert (tools["Pulumi CLI"].status, tools["Pulumi CLI"].version) == (Status.OK, "3.300.0")
    assert tools["Pulumi CLI"].origin.endswith("(PATH)")
    assert tools["Python language host"].origin == "~/elsewhere/pulumi-language-python"


def test_the_provider_of_the_locked_version_is_looked_for(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = environment.locked_version("pulumi-aws")
    assert version in found()["aws provider"].fix

    (bare / "home" / "plugins" / f"resource-aws-v{version}").mkdir(parents=True)
    monkeypatch.setenv("PULUMI_HOME", str(bare / "home"))
    assert found()["aws provider"].status is Status.OK
    assert found()["awsx provider"].status is Status.ABSENT


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"])
def test_credentials_are_named_by_where_they_are_never_by_value(
    bare: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    assert found()["AWS credentials"].status is Status.ABSENT
    monkeypatch.setenv(variable, "s3cret-value")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-value")
    tool = found()["AWS credentials"]

    assert tool.status is Status.OK
    assert variable in tool.origin
    assert "s3cret" not in str(doctor.rows([tool])) + str(tool.document())


def test_a_credentials_file_is_enough(bare: Path) -> None:
    (bare / ".aws").mkdir()
    (bare / ".aws" / "credentials").write_text("[default]\n")

    assert found()["AWS credentials"].origin == "~/.aws/credentials"


def test_packages_that_left_the_lock_are_counted_and_named(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare / ".venv" / "bin" / "python", "Python 3.11.0")
    monkeypatch.setattr(environment, "VENV", bare / ".venv")
    lacking = environment.drifted()
    tool = found()["environment"]

    assert "ruff" in {name.split("==")[0] for name in lacking}
    assert tool.status is Status.OUTDATED
    assert f"{len(lacking)} packages are not as locked: {lacking[0]}" in tool.fix
    assert tool.fix.startswith("make setup")

    for name, version in (package.split("==") for package in lacking):
        folder = (
            bare / ".venv" / "lib" / "python3.11" / "site-packages" / f"{name.replace('-', '_')}-{version}.dist-info"
        )
        folder.mkdir(parents=True)
    assert environment.drifted() == []


def test_what_is_shown_is_what_programs_read() -> None:
    tools = [Tool("uv", "0.9.0", "~/uv", Status.OK), Tool("Go", "", "", Status.ABSENT, "make setup")]

    assert doctor.rows(tools) == [("uv", "0.9.0", "~/uv", "ok", ""), ("Go", "–", "–", "not here", "make setup")]
    assert tools[1].document() == {"name": "Go", "version": "", "origin": "", "status": "not here", "fix": "make setup"}
    console = Console(width=200)
    with console.capture() as capture:
        console.print(doctor.table(tools))
    assert all(cell in capture.get() for row in doctor.rows(tools) for cell in row)


def test_it_answers_without_the_environment() -> None:
    answer = subprocess.run(
        [sys.executable, "-S", "-m", "automation.doctor"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert answer.stderr == ""
    assert all(name in answer.stdout for name in NAMES)
