"""Record the previews that tests read: `python tests/automation/recorded/record.py`, from the repository's root.

Each is what the engine said of a preview in a fresh sandbox, without what no plan is made of. Physical names and ids
are new in every recording, so the golden comments are written again after it: `python -m tests.automation.scenarios`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automation.cloud import Cloud, open_session
from automation.project import find_project
from tests.e2e.conftest import Workspace, make_workspace

FOLDER = Path(__file__).parent
_BAD = """\
    after = pulumi.ResourceOptions(depends_on=[base.front_door])
    aws.sqs.Queue("jobs", visibility_timeout_seconds=999999, opts=pulumi.ResourceOptions.merge(base.opts, after))
"""
_STACK = "pulumi:pulumi:Stack"
_WITHOUT_INPUTS = frozenset({"same", "create-replacement", "delete-replaced"})
_OF_A_STATE = ("type", "urn", "custom", "parent", "protect", "retainOnDelete")
_OF_A_STEP = ("op", "urn", "type", "keys", "diffs", "detailedDiff", "logical")


def main() -> None:
    """Take one stack through what a pull request may do to it."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder) / "project", Path(folder) / "build")
        _record(workspace, "first")
        _run(workspace, "up", "--yes", "--skip-preview")
        _record(workspace, "same")
        workspace.edit("dev", mode="container")
        _record(workspace, "switch")
        workspace.edit("dev", mode="serverless", frontDoor="alb")
        _record(workspace, "front-door")
        workspace.edit("dev", frontDoor=None, network={"cidr": "10.99.0.0/16"})
        _record(workspace, "network")
        larger = {"route": "/", "env": {"LOG_LEVEL": "debug"}, "size": {"memory": 2048}}
        workspace.edit("dev", network=None, owner="apps", services={"netprobe": larger})
        _record(workspace, "settings")
        workspace.edit("dev", mode="container")
        _break(workspace)
        _record(workspace, "failing")
        _shift(make_workspace(Path(folder) / "shift", Path(folder) / "build"))


def _shift(workspace: Workspace) -> None:
    """Record how a tenth of the traffic with containers becomes a half."""
    for step, moved in ((1, 10), (2, 50)):
        shift = {"step": step, "weights": {"lambda": 100 - moved, "fargate": moved}}
        workspace.edit("dev", services={"netprobe": {"route": "/", "shift": shift}})
        if step == 1:
            _run(workspace, "up", "--yes", "--skip-preview")
    _record(workspace, "shift")


def _break(workspace: Workspace) -> None:
    """Let the program ask for what the provider refuses, half way through."""
    program = workspace.root / "stacks" / "deploy.py"
    end = "    return _outputs(base, services)\n"
    assert end in program.read_text()
    program.write_text(program.read_text().replace(end, _BAD + end))


def _record(workspace: Workspace, name: str) -> None:
    lines = [json.dumps(event, sort_keys=True) for event in _kept(_run(workspace, "preview"))]
    (FOLDER / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def _run(workspace: Workspace, *args: str) -> list[Any]:
    log = workspace.root / "events.jsonl"
    log.unlink(missing_ok=True)
    with open_session(find_project(workspace.root), "dev", Cloud.SANDBOX, runs=False) as session:
        return list(session.engine.operate(*args, "--stack", "dev", log=log).events)


def _kept(events: list[Any]) -> Iterator[dict[str, Any]]:
    for event in events:
        kind = next(key for key in event if key not in {"sequence", "timestamp"})
        value = event[kind]
        if kind in {"resourcePreEvent", "resOutputsEvent"}:
            metadata = value["metadata"]
            if kind == "resourcePreEvent" or metadata["type"] == _STACK:
                yield {kind: {"metadata": _step(metadata), "planning": True}}
        elif kind == "diagnosticEvent":
            if value["severity"] != "debug" and not value.get("ephemeral"):
                yield {kind: value}
        elif kind in {"preludeEvent", "resOpFailedEvent", "summaryEvent"}:
            yield {kind: value}


def _step(metadata: dict[str, Any]) -> dict[str, Any]:
    step = {key: metadata[key] for key in _OF_A_STEP if key in metadata}
    return {**step, **{side: _state(metadata[side], metadata["op"]) for side in ("old", "new") if metadata.get(side)}}


def _state(state: dict[str, Any], op: str) -> dict[str, Any]:
    kept = {key: state[key] for key in _OF_A_STATE if key in state}
    if state["type"] == _STACK:
        kept["outputs"] = state["outputs"]
    elif op not in _WITHOUT_INPUTS:
        kept["inputs"] = json.loads(json.dumps(state["inputs"]), object_hook=_without_place)
    return kept


def _without_place(value: dict[str, Any]) -> dict[str, Any]:
    """Return an archive without where it lay."""
    return {key: item for key, item in value.items() if key != "path" or "hash" not in value}


if __name__ == "__main__":
    main()
