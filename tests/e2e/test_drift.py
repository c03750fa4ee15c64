"""What somebody changes outside is noticed, shown and repaired; what somebody made outside can be imported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.toolchain import pulumi_binary
from tests.e2e import chaos
from tests.e2e.chaos import UP
from tests.e2e.conftest import Workspace, make_workspace

pytestmark = pytest.mark.e2e

LOGS = "aws:cloudwatch/logGroup:LogGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@pytest.fixture(scope="module")
def brought_up(tmp_path_factory: pytest.TempPathFactory, build_cache: Path) -> Iterator[Workspace]:
    """A serverless dev stack; every test here leaves it repaired."""
    workspace = make_workspace(tmp_path_factory.mktemp("drift") / "project", build_cache)
    up = workspace.modeshift(*UP)
    assert up.code == 0, up
    yield workspace
    workspace.modeshift("sandbox", "stop")
    chaos.until(lambda: not chaos.processes_of(workspace), "every process to end", 10)


def one(workspace: Workspace, token: str) -> str:
    """Return the id of the first resource of a type."""
    return next(str(resource["id"]) for resource in workspace.account() if resource["type"] == token)


def changes(document: dict[str, Any]) -> dict[str, str]:
    return {change["type"]: change["op"] for stack in document["stacks"] for change in stack["changes"]}


def test_a_change_outside_is_noticed_shown_and_repaired(brought_up: Workspace) -> None:
    logs = one(brought_up, LOGS)
    touched = brought_up.modeshift("sandbox", "touch", logs, "retentionInDays=3")
    assert touched.code == 0, touched

    shown = brought_up.modeshift("preview", "--refresh", "--stack", "dev", "--json")
    assert shown.code == 0, shown
    assert changes(shown.document) == {LOGS: "update"}

    noticed = brought_up.modeshift("refresh", "--stack", "dev", "--expect-no-changes", "--json")
    assert noticed.code == 4, noticed
    assert changes(noticed.document) == {LOGS: "update"}

    touched = brought_up.modeshift("sandbox", "touch", logs, "retentionInDays=1")
    assert touched.code == 0, touched
    repaired = brought_up.modeshift(*UP, "--refresh", "--json")
    assert repaired.code == 0, repaired
    assert changes(repaired.document) == {LOGS: "update"}
    calm = brought_up.modeshift("refresh", "--stack", "dev", "--expect-no-changes", "--json")
    assert calm.code == 0, calm


def test_a_deletion_outside_is_noticed_and_made_good(brought_up: Workspace) -> None:
    before = chaos.names(brought_up)
    forgotten = brought_up.modeshift("sandbox", "forget", one(brought_up, ALARM))
    assert forgotten.code == 0, forgotten

    noticed = brought_up.modeshift("refresh", "--stack", "dev", "--expect-no-changes", "--json")
    assert noticed.code == 4, noticed
    assert changes(noticed.document) == {ALARM: "delete"}

    again = brought_up.modeshift(*UP, "--json")
    assert again.code == 0, again
    assert again.summary["create"] == 1
    assert chaos.names(brought_up) == before
    chaos.assert_account_is_state(brought_up)


def test_what_was_made_outside_is_imported_by_plain_pulumi(brought_up: Workspace) -> None:
    variables = brought_up.modeshift("sandbox", "env", "--stack", "dev", "--json")
    assert variables.code == 0, variables
    env = {name: value for name, value in variables.document.items() if name != "PATH"}
    queue = one(brought_up, "aws:sqs/queue:Queue")
    engine = str(pulumi_binary())
    imported = brought_up.run(
        [engine, "import", "--yes", "--skip-preview", "--generate-code=false", "aws:sqs/queue:Queue", "found", queue],
        env,
    )
    assert imported.code == 0, imported
    exported = brought_up.run([engine, "stack", "export"], env)
    resources = json.loads(exported.stdout)["deployment"]["resources"]
    [found] = [resource for resource in resources if resource["urn"].endswith("::found")]
    assert found["id"] == queue
    assert found["inputs"]["name"] == queue.rsplit("/", 1)[-1]

    let_go = brought_up.run([engine, "state", "delete", "--yes", "--force", found["urn"]], env)
    assert let_go.code == 0, let_go
    assert brought_up.modeshift("sandbox", "stop").code == 0
