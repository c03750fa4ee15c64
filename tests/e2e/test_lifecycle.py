"""Every stack in both modes: preview, up, up again with nothing to do, destroy with nothing left."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Workspace

STACKS = ("dev", "staging", "prod")
UNCHANGED = {"create": 0, "update": 0, "replace": 0, "delete": 0}


def changes(summary: dict[str, int]) -> dict[str, int]:
    return {op: count for op, count in summary.items() if op != "same"}


@pytest.mark.e2e
@pytest.mark.parametrize("mode", ["serverless", "container"])
@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_lives_and_dies(workspace: Workspace, stack: str, mode: str) -> None:
    workspace.edit(stack, mode=mode)

    preview = workspace.modeshift("preview", "--stack", stack, "--json")
    assert preview.code == 0, preview
    assert workspace.account() == []

    up = workspace.modeshift("up", "--stack", stack, "--yes", "--json")
    assert up.code == 0, up
    assert up.summary == preview.summary
    assert up.document["stacks"][0]["outputs"]["url"].startswith("https://")

    again = workspace.modeshift("up", "--stack", stack, "--yes", "--json")
    assert again.code == 0, again
    assert changes(again.summary) == UNCHANGED

    gone = workspace.modeshift("destroy", "--stack", stack, "--yes", "--unprotect", "--json")
    assert gone.code == 0, gone
    assert gone.summary["delete"] == up.summary["create"]
    assert workspace.account() == []
