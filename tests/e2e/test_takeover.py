"""Everything that two stacks with all options hold can be taken over when nobody saw it made, level by level."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from automation import recovery
from automation.cloud import Cloud, open_session
from automation.project import Project
from tests.e2e.conftest import Workspace

pytestmark = pytest.mark.e2e

Resource = dict[str, Any]

DOMAIN = {"name": "api.example.com", "zone": "example.com"}
SCALING = {
    "max": 4,
    "spotPercent": 50,
    "schedules": {"night": {"cron": "cron(0 20 * * ? *)", "min": 1, "max": 2}},
    "steps": [{"cpuPercent": 80, "change": 2}],
}
STACKS: dict[str, dict[str, object]] = {
    "load balancer": {
        "mode": "container",
        "frontDoor": "alb",
        "domain": DOMAIN,
        "services": {"web": {"route": "/", "scaling": SCALING}, "api": {"route": "/api", "mode": "serverless"}},
    },
    "API": {
        "mode": "serverless",
        "domain": DOMAIN,
        "serverless": {"provisionedConcurrency": 2},
        "services": {"web": {"route": "/"}, "api": {"route": "/api", "mode": "container"}},
    },
}


@pytest.mark.parametrize("stack", STACKS)
def test_whatever_was_under_way_is_taken_over_as_it_is(
    workspace: Workspace, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.offer("web", "api")
    workspace.edit("prod", **STACKS[stack])
    up = workspace.modeshift("up", "--stack", "prod", "--yes", "--skip-preview")
    assert up.code == 0, up
    monkeypatch.setenv("PYTHONPATH", workspace.environment["PYTHONPATH"])
    file = workspace.root / ".modeshift/state/.pulumi/stacks/modeshift/prod.json"
    whole = json.loads(file.read_text())
    resources: list[Resource] = whole["checkpoint"]["latest"]["resources"]

    with open_session(
        Project(workspace.root, workspace.root / ".modeshift"), "prod", Cloud.SANDBOX, runs=False
    ) as session:
        for before, pending in cuts(resources):
            interrupt(file, whole, before, pending)
            recovery.recover(session, Console(file=io.StringIO()))
            latest = json.loads(file.read_text())["checkpoint"]["latest"]
            assert not latest.get("pending_operations")
            after = {one["urn"]: (one["id"], one.get("outputs")) for one in latest["resources"] if one.get("id")}
            for one in pending:
                assert after.get(one["urn"]) == (one["id"], one.get("outputs"))


def interrupt(file: Path, whole: dict[str, Any], before: list[Resource], pending: list[Resource]) -> None:
    """Write the state that a kill leaves when `before` is done and the creation of `pending` has begun."""
    state = json.loads(json.dumps(whole))
    begun = [{key: value for key, value in one.items() if key not in {"id", "outputs"}} for one in pending]
    state["checkpoint"]["latest"] |= {
        "resources": before,
        "pending_operations": [{"type": "creating", "resource": one} for one in begun],
    }
    file.write_text(json.dumps(state))


def cuts(resources: list[Resource]) -> Iterator[tuple[list[Resource], list[Resource]]]:
    """Yield, level by level, what is below and what can be made at the same time on top of it."""
    levels: dict[str, int] = {}
    for one in resources:
        below = max((levels.get(urn, 0) for urn in needs(one)), default=0)
        levels[one["urn"]] = below + is_in_cloud(one)
    for level in range(1, max(levels.values()) + 1):
        pending = [one for one in resources if levels[one["urn"]] == level and is_in_cloud(one)]
        urns = {one["urn"] for one in pending}
        yield [one for one in resources if levels[one["urn"]] <= level and one["urn"] not in urns], pending


def is_in_cloud(resource: Resource) -> bool:
    return bool(resource.get("custom")) and not resource["type"].startswith("pulumi:")


def needs(resource: Resource) -> set[str]:
    """Return the URNs that must exist before a resource."""
    found = {*(resource.get("dependencies") or ()), resource.get("parent"), resource.get("deletedWith")}
    for urns in (resource.get("propertyDependencies") or {}).values():
        found.update(urns or ())
    found.add((resource.get("provider") or "").rpartition("::")[0])
    return {urn for urn in found if urn}
