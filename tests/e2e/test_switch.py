"""The one-word switch: compute changes, the base does not, the URL stays."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Workspace

# Whose resources outlive any mode. The front door's own API is base too; what containers need of it comes and goes.
BASE = (":components:Network", ":components:CustomerKey", ":components:HttpApi", "::dev-front-door-access", "api:Api::")


def destroyed(document: dict) -> list[str]:
    return [
        change["urn"]
        for stack in document["stacks"]
        for change in stack["changes"]
        if change["op"] in {"delete", "replace"}
    ]


@pytest.mark.e2e
def test_the_mode_changes_and_the_base_stays(workspace: Workspace) -> None:
    first = workspace.modeshift("up", "--stack", "dev", "--yes", "--json")
    assert first.code == 0, first
    url = first.document["stacks"][0]["outputs"]["url"]

    for mode in ("container", "serverless"):
        workspace.edit("dev", mode=mode)
        plan = workspace.modeshift("preview", "--stack", "dev", "--json")
        assert plan.code == 0, plan
        touched = [urn for urn in destroyed(plan.document) if any(part in urn for part in BASE)]
        assert touched == []

        done = workspace.modeshift("up", "--stack", "dev", "--yes", "--json")
        assert done.code == 0, done
        assert done.summary == plan.summary
        assert done.document["stacks"][0]["outputs"]["url"] == url
        assert done.summary["replace"] == 0
