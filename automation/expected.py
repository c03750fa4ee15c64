"""A plan that somebody has reviewed, and whether it is still what would be done.

The reviewed plan is the document of `modeshift preview --json`. It holds for one commit, one set of settings, one
version of the engine, and one state of what exists; a fresh preview tells whether all four are still the same.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automation.errors import Exit, UserError
from automation.plan.document import SCHEMA
from automation.project import Project
from automation.toolchain import pulumi_binary
from automation.toolchain.versions import remembered, show
from stacks.files import read_stack_file

Document = Mapping[str, Any]

_ORIGIN = {"commit": "the commit", "settings": "the settings", "pulumi": "the Pulumi CLI"}
_DIGITS = 12
_NAMED = 5


def origin(project: Project, stack: str) -> dict[str, str]:
    """Return what a plan of a stack is made from, besides what exists: commit, hash of the settings, CLI version."""
    git = ["git", "-C", str(project.root), "rev-parse", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    # Only the config: what else is in the file, the engine may write by itself.
    config = read_stack_file(project.stack_file(stack)).config
    return {
        "commit": commit or "unknown",
        "settings": _hash(config),
        "pulumi": show(remembered(pulumi_binary(), ["version"])),
    }


def digest(stack: Document) -> str:
    """Return a hash of what a stack's plan does; the order in which the engine looked does not count, nor the time."""
    return _hash([stack["stack"], [_normal(change) for change in _changes(stack)]])


def refuse_other(reviewed: Path, fresh: Document) -> None:
    """Refuse to go on when a stack's fresh plan is not the reviewed one.

    Args:
        reviewed: the document that `modeshift preview --json` wrote.
        fresh: the stack's part of such a document, made just now.

    Raises:
        UserError: they differ, or there is no complete plan of this stack in the file.
    """
    name = str(fresh["stack"])
    before = _read(reviewed, name)
    reasons = [
        f"{what} was {_short(before['origin'].get(key))} and is {_short(fresh['origin'].get(key))}"
        for key, what in _ORIGIN.items()
        if before["origin"].get(key) != fresh["origin"].get(key)
    ]
    if digest(before) != digest(fresh):
        reasons += _differences(before, fresh)
    if reasons:
        raise UserError(
            f"The plan of {name} that was reviewed no longer holds: {'; '.join(reasons)}.",
            hint=f"Nothing was changed. Review a new one: modeshift preview --stack {name} --json.",
            code=Exit.CHANGES,
        )


def _read(path: Path, stack: str) -> Document:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = next(one for one in document["stacks"] if one["stack"] == stack)
        if document["schema"] == SCHEMA and found["ok"] and found["origin"]:
            digest(found)
            return found
    except (OSError, ValueError, LookupError, TypeError, StopIteration):
        pass
    raise UserError(
        f"{path} holds no complete plan of {stack}.",
        hint=f"Write one: modeshift preview --stack {stack} --json > {path}",
    )


def _differences(before: Document, fresh: Document) -> list[str]:
    old, new = ({change["urn"]: change for change in _changes(one)} for one in (before, fresh))
    groups = (
        ("would be new", [new[urn] for urn in new if urn not in old]),
        ("is gone", [old[urn] for urn in old if urn not in new]),
        ("is another change", [new[urn] for urn in new if urn in old and _normal(new[urn]) != _normal(old[urn])]),
    )
    return [f"{_names(changes)} {what}" for what, changes in groups if changes]


def _names(changes: Sequence[Document]) -> str:
    named = [f"{change['op']} {change['name']}" for change in changes[:_NAMED]]
    return ", ".join(named) + (f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else "")


def _changes(stack: Document) -> list[Document]:
    return sorted(stack["changes"], key=lambda change: change["urn"])


def _normal(change: Document) -> Document:
    ordered = {key: sorted(change[key]) for key in ("causes", "properties") if key in change}
    return {**change, **ordered, "diff": sorted(change.get("diff", ()), key=lambda one: one["path"])}


def _short(value: object) -> str:
    return str(value)[:_DIGITS]


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
