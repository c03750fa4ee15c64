"""A preview's report says what the command prints, for every stack, in Markdown and in JSON of a published shape."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from tests.automation.rendered import rendered
from tests.e2e.conftest import Workspace

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "plan.schema.json"


@pytest.mark.e2e
def test_all_stacks_are_one_report_also_when_one_fails(workspace: Workspace) -> None:
    program = workspace.root / "stacks" / "deploy.py"
    text = program.read_text()
    end = "    return {**_outputs(base"
    assert end in text
    bad = """\
    if resolved.stack == "prod":
        aws.sqs.Queue("q", visibility_timeout_seconds=999999, opts=base.opts)
"""
    program.write_text(text.replace(end, bad + end))

    ran = workspace.modeshift("preview", "--all", "--json", "--markdown", "report.md")

    assert ran.code == 1, ran
    jsonschema_rs.validator_for(json.loads(SCHEMA.read_text())).validate(ran.document)
    report = (workspace.root / "report.md").read_text()
    assert "Preview of 3 stacks: 1 failed" in report
    assert "visibility_timeout_seconds" in report
    assert "Sandbox: nothing was created in AWS." in report
    for stack in ran.document["stacks"]:
        assert stack["ok"] is (stack["stack"] != "prod")
        assert f"### `{stack['stack']}`" in report
        for change in stack["changes"]:
            assert change["name"] in report
    page = rendered(report)
    assert (page.unbalanced, page.open) == ([], [])


@pytest.mark.e2e
def test_a_pattern_of_the_stack_hides_in_every_output(workspace: Workspace) -> None:
    workspace.edit("dev", owner="team-hunter2", maskPatterns=["hunter[0-9]"])
    ran = workspace.modeshift("preview", "--stack", "dev", "--json", "--markdown", "report.md")
    assert ran.code == 0, ran
    assert "hunter2" not in ran.stdout + ran.stderr + (workspace.root / "report.md").read_text()


@pytest.mark.e2e
def test_a_report_that_cannot_be_written_is_said(workspace: Workspace) -> None:
    ran = workspace.modeshift("preview", "--stack", "dev", "--markdown", "nowhere/report.md")
    assert ran.code == 1
    assert "nowhere/report.md" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
