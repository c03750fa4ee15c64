"""What a run began, as the engine wrote it down, kept until everything in it is accounted for.

The engine drops a creation from its state when the provider dies before answering, although the resource may exist. Its
event log still names it. Each run's log therefore lies in the local folder, locked for as long as the run lives.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

Event = Mapping[str, Any]

_OWNER_ONLY = 0o600
_CREATIONS = frozenset({"create", "create-replacement"})
_KEPT = ("type", "urn", "custom", "parent", "protect", "retainOnDelete", "inputs", "provider")
_NO_ANSWER = re.compile(
    r"error reading from server|connection refused|connection reset|transport is closing|broken pipe"
    r"|code = (?:Canceled|Unavailable)|provider.* exited"
)
# How states mark a secret, and how events hide one.
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"[secret]"'}
_HIDDEN = "[secret]"


@dataclass(frozen=True)
class Creation:
    """A creation that began, and how it ended if the engine saw that."""

    resource: Mapping[str, Any]
    replacing: bool = False
    id: str = ""
    """What the engine saw it become; empty when it saw no end."""

    @property
    def urn(self) -> str:
        return self.resource["urn"]

    @property
    def is_seen(self) -> bool:
        """Whether the engine saw how it ended, or nothing but a state holds it."""
        return bool(self.id) or not self.resource.get("custom")

    def seen(self) -> dict[str, Any]:
        """Return it as a state holds it."""
        return {**self.resource, **({"id": self.id} if self.id else {})}


@contextmanager
def recorded(folder: Path, stack: str, command: str) -> Iterator[Path]:
    """Yield the file for a run's event log; it goes with the block unless `unseen` finds something in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stack}.{command}.{os.getpid()}.jsonl"
    # Events may hold in clear what is secret: what a property had before it became one.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _OWNER_ONLY), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield path
        finally:
            if command == "preview" or not (is_doubted(folder, stack) or unseen(read(path))):
                path.unlink(missing_ok=True)


def doubt(folder: Path, stack: str) -> None:
    """Note that a stack's state is older than what its runs did, until `believe`."""
    folder.mkdir(parents=True, exist_ok=True)
    _doubted(folder, stack).touch()


def believe(folder: Path, stack: str) -> None:
    """Note that a stack's state has caught up with what its runs did."""
    _doubted(folder, stack).unlink(missing_ok=True)


def is_doubted(folder: Path, stack: str) -> bool:
    """Whether a stack's state is older than what its runs did."""
    return _doubted(folder, stack).exists()


def left(folder: Path, stack: str) -> list[Path]:
    """Return the logs of dead runs of a stack, oldest first; those of dead previews say nothing and are removed."""
    logs: list[Path] = []
    for path in folder.glob(f"{stack}.*.jsonl"):
        try:
            with path.open(encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.name.startswith(f"{stack}.preview."):
                    path.unlink()
                else:
                    logs.append(path)
        except (BlockingIOError, FileNotFoundError):
            continue
    return sorted(logs, key=lambda path: path.stat().st_mtime)


def read(path: Path) -> Iterator[Event]:
    """Yield the events of a log; what was being written when its run died is left out."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def unseen(events: Iterable[Event]) -> list[Creation]:
    """Return the creations that began and whose end the engine did not see."""
    begun: dict[str, Creation] = {}
    unanswered: set[str] = set()
    for event in events:
        if pre := event.get("resourcePreEvent"):
            creation = _creation(pre["metadata"])
            if pre["metadata"]["op"] in _CREATIONS and is_in_cloud(creation.resource):
                begun[creation.urn] = creation
        elif done := event.get("resOutputsEvent"):
            if done["metadata"]["op"] in _CREATIONS:
                begun.pop(done["metadata"]["urn"], None)
        elif failed := event.get("resOpFailedEvent"):
            if failed["metadata"]["urn"] not in unanswered:
                begun.pop(failed["metadata"]["urn"], None)
        elif (said := event.get("diagnosticEvent")) and is_unanswered(said["message"]):
            unanswered.add(said.get("urn", ""))
    return list(begun.values())


def created(events: Iterable[Event]) -> list[Creation]:
    """Return what a run created or began to, components and providers too, in the order it was registered.

    Those whose end the engine saw have their id.
    """
    begun: dict[str, Creation] = {}
    for event in events:
        if failed := event.get("resOpFailedEvent"):
            begun.pop(failed["metadata"]["urn"], None)
            continue
        step = event.get("resourcePreEvent") or event.get("resOutputsEvent")
        if step and step["metadata"]["op"] in _CREATIONS:
            creation = _creation(step["metadata"])
            # Before it has an answer, a replacement still bears the id of what it replaces.
            identity = step["metadata"]["new"].get("id") if "resOutputsEvent" in event else None
            begun[creation.urn] = replace(creation, id=identity or "")
    return list(begun.values())


def changed(events: Iterable[Event]) -> set[str]:
    """Return the URNs of what a run began to update, replace or delete."""
    begun = (event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event)
    return {metadata["urn"] for metadata in begun if metadata["op"] not in {*_CREATIONS, "same", "read"}}


def is_unanswered(message: str) -> bool:
    """Whether an error says that a provider went away, rather than what it answered."""
    return _NO_ANSWER.search(message) is not None


def is_in_cloud(resource: Mapping[str, Any]) -> bool:
    """Whether a resource is one that a cloud holds, and not a component or a provider, which only a state knows."""
    return bool(resource.get("custom")) and not str(resource["type"]).startswith("pulumi:")


def _doubted(folder: Path, stack: str) -> Path:
    return folder / f"{stack}.doubted"


def _creation(metadata: Event) -> Creation:
    state = metadata.get("new") or {}
    resource = {key: state[key] for key in _KEPT if state.get(key)}
    return Creation({**resource, "inputs": _shown(state.get("inputs") or {})}, metadata["op"] != "create")


def _shown(value: object) -> object:
    """Return inputs with hidden secrets marked as such; their values come when the resource is read back."""
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return _SECRET if value == _HIDDEN else value
