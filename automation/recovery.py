"""Settle what an interrupted run left behind, and lift the guards before a destroy."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from automation import journal, render
from automation.cloud import Session
from automation.errors import Exit, UserError
from automation.inventory import Found, Inventory
from automation.journal import Creation
from automation.locks import unlocked

Deployment = dict[str, Any]
Resource = dict[str, Any]


def recover(session: Session, console: Console) -> None:
    """Settle what an earlier run began and nobody saw finish.

    The engine forgets such a creation and makes the resource once more. What exists is found in the cloud and taken
    into the state, then read back; what was never made is dropped, and the next update creates it.

    Raises:
        UserError: more than one resource fits, so that a person has to choose.
    """
    state = _export(session)
    deployment = state.get("deployment") or {}
    resources: list[Resource] = deployment.setdefault("resources", [])
    pending = deployment.pop("pending_operations", None) or []
    folder = session.project.local / "journal"
    logs = journal.left(folder, session.stack)
    doubted = journal.is_doubted(folder, session.stack)
    if doubted:
        console.print(
            "The state was damaged; a copy of it took its place, and what ran since is looked up.", style="yellow"
        )
    creations = _creations(pending, logs, resources, doubted=doubted)
    stale = [operation["resource"]["urn"] for operation in pending if operation["type"] in {"updating", "deleting"}]
    if doubted:
        stale += sorted(set[str]().union(*(journal.changed(journal.read(log)) for log in logs)) - set(stale))
    unread = _Unread(folder / f"{session.stack}.unread")
    if pending or creations or stale or unread.urns():
        console.print(
            f"An earlier run left {len(creations) + len(stale)} operation(s) unfinished; looking at what exists.",
            style="yellow",
        )
        adopted = _adopt(session, creations, resources)
        known = {resource["urn"] for resource in resources}
        unread.add(urn for urn in (*adopted, *stale) if urn in known)
        if pending or adopted:
            _import(session, console, state)
        _read_back(session, console, sorted(known & unread.urns()))
        unread.clear()
        _report(session, console, creations)
    for log in logs:
        log.unlink()
    journal.believe(folder, session.stack)


def guarded_resources(session: Session) -> list[tuple[str, str]]:
    """Return type and name of every protected or retained resource in the state."""
    return [
        (resource["type"], resource["urn"].rsplit("::", 1)[-1])
        for resource in _resources(_export(session))
        if resource.get("custom") and (resource.get("protect") or resource.get("retainOnDelete"))
    ]


def lift_guards(session: Session, console: Console) -> None:
    """Take protection and retention off every resource in the state."""
    state = _export(session)
    for resource in _resources(state):
        resource.pop("protect", None)
        resource.pop("retainOnDelete", None)
    _import(session, console, state)


class _Unread:
    """The URNs taken into the state and not read back yet, kept in a file in case this run is killed as well."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def urns(self) -> set[str]:
        return set(self._path.read_text().split("\n")) - {""} if self._path.is_file() else set()

    def add(self, urns: Iterable[str]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("\n".join(sorted({*self.urns(), *urns})))

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


def _creations(
    pending: list[Deployment], logs: list[Path], resources: list[Resource], *, doubted: bool
) -> list[Creation]:
    """Return the creations to look for: what the state says is pending, and what only a run's log tells of."""
    urns = {resource["urn"] for resource in resources if not resource.get("delete")}
    found = {
        operation["resource"]["urn"]: Creation(operation["resource"], operation["resource"]["urn"] in urns)
        for operation in pending
        if operation["type"] == "creating" and journal.is_in_cloud(operation["resource"])
    }
    for log in logs:
        for creation in (journal.created if doubted else journal.unseen)(journal.read(log)):
            if creation.replacing or creation.urn not in urns:
                found.setdefault(creation.urn, creation)
    return list(found.values())


def _adopt(session: Session, creations: list[Creation], resources: list[Resource]) -> list[str]:
    """Put into `resources` what exists of some creations; return the URNs of those that the cloud holds."""
    inventory = Inventory(session.aws_client, resources)
    known = {(resource["urn"], resource.get("id")) for resource in resources}
    adopted: list[str] = []
    for creation in creations:
        # What was looked up is never in the state, though it may share its id with what it replaces.
        is_known = creation.is_seen and (creation.urn, creation.id or None) in known
        found = creation.seen() if creation.is_seen else _looked_up(session, inventory, creation)
        if found is None or is_known:
            continue
        for old in resources:
            # What it replaces is the engine's to delete, as it was about to.
            if old["urn"] == creation.urn:
                old["delete"] = True
        resources.append(found)
        if journal.is_in_cloud(found):
            adopted.append(creation.urn)
    return adopted


def _looked_up(session: Session, inventory: Inventory, creation: Creation) -> Resource | None:
    """Return a resource as a state holds it, if it exists; raises UserError when more than one fits."""
    name, kind = creation.urn.rsplit("::", 1)[-1], creation.resource["type"]
    found = _look(inventory, creation)
    if len(found) > 1:
        raise UserError(
            f"{name} ({kind}) may exist {len(found)} times: {', '.join(one.id for one in found)}.",
            hint=f"Delete all but one of them, then run the command again. Stack: {session.stack}.",
            code=Exit.FAILED,
        )
    if not found:
        return None
    inputs = {key: value for key, value in creation.resource.get("inputs", {}).items() if key != "__defaults"}
    return {**creation.resource, "id": found[0].id, "outputs": {**inputs, **found[0].outputs}}


def _report(session: Session, console: Console, creations: list[Creation]) -> None:
    ids = {
        resource["urn"]: resource.get("id") for resource in _resources(_export(session)) if not resource.get("delete")
    }
    for creation in (one for one in creations if journal.is_in_cloud(one.resource)):
        what = f"{render.kind(creation.resource['type'])} {creation.urn.rsplit('::', 1)[-1]}"
        result = f"taken over as {ids[creation.urn]}" if creation.urn in ids else "was never made"
        console.print(f"  {what}: {result}", soft_wrap=True)


def _look(inventory: Inventory, creation: Creation) -> list[Found]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 slow, and rarely needed

    try:
        return inventory.find(creation.resource)
    except ClientError as error:
        if "NotFound" in error.response["Error"]["Code"]:
            return []
        problem = str(error)
    except BotoCoreError as error:
        problem = str(error)
    raise UserError(
        "What the earlier run left could not be looked up, so nothing was changed.", hint=problem, code=Exit.FAILED
    )


def _read_back(session: Session, console: Console, urns: list[str]) -> None:
    """Fill in the outputs of adopted resources; one that does not exist after all leaves the state again."""
    if not urns:
        return
    targets = [argument for urn in urns for argument in ("--target", urn)]
    command = ("refresh", "--yes", "--skip-preview", *targets, "--stack", session.stack)
    answer = unlocked(session, console, lambda: session.engine.query(*command))
    if answer.code != 0:
        raise UserError(
            "What the earlier run left could not be read back.",
            hint=answer.stderr.strip() or answer.stdout.strip(),
            code=Exit.FAILED,
        )


def _export(session: Session) -> Deployment:
    answer = session.engine.query("stack", "export", "--stack", session.stack)
    if answer.code != 0:
        raise UserError(f"The state of {session.stack} cannot be read.", hint=answer.stderr.strip(), code=Exit.FAILED)
    return json.loads(answer.stdout)


def _import(session: Session, console: Console, state: Deployment) -> None:
    command = ("stack", "import", "--stack", session.stack)
    answer = unlocked(session, console, lambda: session.engine.query(*command, stdin=json.dumps(state)))
    if answer.code != 0:
        raise UserError(
            f"The state of {session.stack} could not be written.", hint=answer.stderr.strip(), code=Exit.FAILED
        )


def _resources(state: Deployment) -> list[Resource]:
    return (state.get("deployment") or {}).get("resources") or []
