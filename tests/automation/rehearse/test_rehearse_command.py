"""The command's options: what is refused is refused before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from automation.cli import app


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: modeshift\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("automation.rehearse.rehearsal.own_place", lambda *_: pytest.fail("something was started"))
    return tmp_path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--plan", "restart"], "nothing that can be rehearsed"),
        (["--plan", "deploy", "--rate", "0"], "no load for one machine"),
        (["--plan", "deploy", "--rate", "100000"], "no load for one machine"),
        (["--plan", "deploy", "--for", "soon"], "no length of time"),
        (["--plan", "deploy", "--path", "/a b"], "no path of a URL"),
        (["--plan", "deploy", "--chart", "report.pdf"], "neither .png nor .svg"),
        (["--plan", "spike", "--base", "main"], "what a deployment comes from"),
        (["--plan", "shift:lambda→fargate", "--steps", "50,10"], "no way to move traffic"),
        (["--plan", "deploy", "--stack", "nowhere"], "no stack"),
    ],
)
def test_wrong_options_are_refused_with_a_sentence(options: list[str], words: str) -> None:
    ran = CliRunner().invoke(app, ["rehearse", *options])
    assert ran.exit_code == 2
    assert words in " ".join(ran.output.split())


def test_a_program_gets_the_sentence_as_json() -> None:
    ran = CliRunner().invoke(app, ["rehearse", "--plan", "restart", "--json"])
    assert json.loads(ran.stdout)["hint"].startswith("Plans: shift:lambda→fargate")
