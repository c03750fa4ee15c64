"""Raw engine events as the engine writes them, built by hand for what no sandbox stack holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from automation.plan import Plan, build

RECORDED = Path(__file__).parent / "recorded"
STACK_TYPE = "pulumi:pulumi:Stack"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}

Event = dict[str, Any]


def recorded(name: str) -> list[Event]:
    """Return the events of a recorded preview."""
    return [json.loads(line) for line in (RECORDED / f"{name}.jsonl").read_text().splitlines()]


def plan_of(name: str, stack: str = "dev") -> Plan:
    """Return the plan of a recorded preview; for another stack as if it had been recorded there."""
    text = (
        (RECORDED / f"{name}.jsonl")
        .read_text()
        .replace("pulumi:dev::", f"pulumi:{stack}::")
        .replace("dev-", f"{stack}-")
    )
    return build(stack, map(json.loads, text.splitlines()))


def urn(token: str, name: str, parent: str = "") -> str:
    chain = f"{parent.split('::')[2]}$" if parent else ""
    return f"urn:pulumi:prod::modeshift::{chain}{token}::{name}"


def component(name: str, op: str = "same", token: str = "modeshift:components:Database") -> Event:
    root = urn(STACK_TYPE, "modeshift-prod")
    state = {"type": token, "urn": urn(token, name), "parent": root}
    return _pre(
        op, urn(token, name), token, old=None if op == "create" else state, new=None if op == "delete" else state
    )


def step(
    op: str,
    token: str,
    name: str = "prod-thing",
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    parent: str = "",
    detailed: Mapping[str, str] | None = None,
    old_state: Mapping[str, Any] | None = None,
    new_state: Mapping[str, Any] | None = None,
    **metadata: Any,
) -> Event:
    """Return one step on a resource; `detailed` maps property paths to kinds of difference."""
    here = urn(token, name, parent)
    base = {"type": token, "urn": here, "custom": True, "parent": parent or urn(STACK_TYPE, "modeshift-prod")}
    has_old, has_new = op != "create", op != "delete"
    if detailed is not None:
        metadata["detailedDiff"] = {path: {"diffKind": kind, "inputDiff": True} for path, kind in detailed.items()}
    return _pre(
        op,
        here,
        token,
        old={**base, "inputs": dict(old or {}), **(old_state or {})} if has_old else None,
        new={**base, "inputs": dict(new or {}), **(new_state or {})} if has_new else None,
        **metadata,
    )


def outputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Event:
    """Return the end of a stack: its outputs before and after."""
    root = urn(STACK_TYPE, "modeshift-prod")
    sides = {"old": {"outputs": dict(before)}, "new": {"outputs": dict(after)}}
    return {"resOutputsEvent": {"metadata": {"op": "same", "urn": root, "type": STACK_TYPE, **sides}, "planning": True}}


def said(severity: str, message: str, about: str = "") -> Event:
    return {"diagnosticEvent": {"severity": severity, "message": message, "urn": about, "color": "never"}}


def prelude(**config: object) -> Event:
    texts = {
        f"modeshift:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in config.items()
    }
    return {"preludeEvent": {"config": {"aws:region": "us-east-1", **texts}}}


def summary(result: str = "succeeded") -> Event:
    return {"summaryEvent": {"result": result, "isPreview": True, "resourceChanges": {}}}


def replacement(token: str, name: str, *, first: str = "create", **more: Any) -> Iterator[Event]:
    """Yield the three steps of a replacement; `first` says which of create and delete comes first."""
    created = step("create-replacement", token, name, logical=False, **more)
    deleted = step("delete-replaced", token, name, parent=more.get("parent", ""), logical=False)
    logical = step("replace", token, name, **more)
    yield from (created, logical, deleted) if first == "create" else (deleted, logical, created)


def _pre(op: str, here: str, token: str, **metadata: Any) -> Event:
    return {"resourcePreEvent": {"metadata": {"op": op, "urn": here, "type": token, **metadata}, "planning": True}}
