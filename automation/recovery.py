"""What an interrupted run leaves behind: stale locks, creations nobody saw finish, guards to lift before a destroy."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from automation.cloud import Session
from automation.engine import Outcome
from automation.errors import Exit, UserError
from automation.inventory import Inventory

_LOCKED = "currently locked by"
_HOLDER = re.compile(r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<time>\S+)")

Deployment = dict[str, Any]


def is_locked(outcome: Outcome) -> bool:
    """Whether a run ended because another one holds the stack's lock."""
    return outcome.code != 0 and _LOCKED in outcome.stderr + outcome.stdout


def release_stale_lock(session: Session, console: Console, outcome: Outcome) -> None:
    """Release a lock whose holder is dead, after saying so.

    Raises:
        UserError: the holder is alive, or on another machine, where nobody here can tell.
    """
    holders = [match.groupdict() for match in _HOLDER.finditer(outcome.stderr + outcome.stdout)]
    alive = [holder for holder in holders if not _is_dead(holder)]
    if alive or not holders:
        who = "; ".join(f"{h['user']}@{h['host']}, process {h['pid']}, since {h['time']}" for h in alive)
        raise UserError(
            f"The stack {session.stack} is locked by another run: {who or 'holder unknown'}.",
            hint=(
                "Wait for it to end. If you know that it is dead, release the lock with: "
                f"pulumi cancel --stack {session.stack}"
            ),
            code=Exit.FAILED,
        )
    for holder in holders:
        console.print(
            f"The run that locked {session.stack} (process {holder['pid']}, {holder['time']}) is dead; "
            "its lock is released.",
            style="yellow",
        )
    session.engine.query("cancel", "--yes", "--stack", session.stack)


def recover(session: Session, console: Console) -> None:
    """Settle what an earlier run began and nobody saw finish.

    The engine forgets such a creation and makes the resource once more. What exists is found in the cloud and taken
    into the state, then read back; what was never made is dropped, and the next update creates it.

    Raises:
        UserError: more than one resource fits, so that a person has to choose.
    """
    state = _export(session)
    deployment = state.get("deployment") or {}
    pending = deployment.pop("pending_operations", None) or []
    if not pending:
        return
    creations = [operation["resource"] for operation in pending if operation["type"] == "creating"]
    console.print(f"An earlier run was cut off in {len(pending)} operation(s); looking at what exists.", style="yellow")
    inventory = Inventory(session, _resources(state))
    adopted: list[str] = []
    for resource in creations:
        found = inventory.find(resource)
        name = resource["urn"].rsplit("::", 1)[-1]
        if len(found) > 1:
            raise UserError(
                f"{name} ({resource['type']}) may exist {len(found)} times: {', '.join(found)}.",
                hint=f"Delete all but one of them, then run the command again. Stack: {session.stack}.",
                code=Exit.FAILED,
            )
        if found:
            deployment.setdefault("resources", []).append({**resource, "id": found[0]})
            adopted.append(resource["urn"])
        console.print(f"  {name}: {'taken over as ' + found[0] if found else 'was never made'}")
    _import(session, state)
    if adopted:
        _read_back(session, adopted)


def guarded_resources(session: Session) -> list[tuple[str, str]]:
    """Return type and name of every protected or retained resource in the state."""
    return [
        (resource["type"], resource["urn"].rsplit("::", 1)[-1])
        for resource in _resources(_export(session))
        if resource.get("custom") and (resource.get("protect") or resource.get("retainOnDelete"))
    ]


def lift_guards(session: Session) -> None:
    """Take protection and retention off every resource in the state."""
    state = _export(session)
    for resource in _resources(state):
        resource.pop("protect", None)
        resource.pop("retainOnDelete", None)
    _import(session, state)


def _read_back(session: Session, urns: list[str]) -> None:
    """Fill in the outputs of adopted resources; one that does not exist after all leaves the state again."""
    targets = [argument for urn in urns for argument in ("--target", urn)]
    answer = session.engine.query("refresh", "--yes", "--skip-preview", *targets, "--stack", session.stack)
    if answer.code != 0:
        raise UserError(
            "What the earlier run left could not be read back.",
            hint=answer.stderr.strip() or answer.stdout.strip(),
            code=Exit.FAILED,
        )


def _export(session: Session) -> Deployment:
    answer = session.engine.query("stack", "export", "--stack", session.stack)
    if answer.code != 0:
        raise UserError(
            f"The state of {session.stack} cannot be read.", hint=answer.stderr.strip(), code=Exit.FAILED
        )
    return json.loads(answer.stdout)


def _import(session: Session, state: Deployment) -> None:
    answer = session.engine.query("stack", "import", "--stack", session.stack, stdin=json.dumps(state))
    if answer.code != 0:
        raise UserError(
            f"The state of {session.stack} could not be written.", hint=answer.stderr.strip(), code=Exit.FAILED
        )


def _resources(state: Deployment) -> list[Deployment]:
    return (state.get("deployment") or {}).get("resources") or []


def _is_dead(holder: Mapping[str, str]) -> bool:
    if holder["host"] != socket.gethostname():
        return False
    try:
        os.kill(int(holder["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
