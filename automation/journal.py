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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Event = Mapping[str, Any]

_CREATIONS = frozenset({"create", "create-replacement"})
_KEPT = ("type", "urn", "custom", "parent", "protect", "retainOnDelete", "inputs", "provider")
_NO_ANSWER = re.compile(
    r"error reading from server|connection refused|connection reset|transport is closing|code = Unavailable"
    r"|provider.* exited|broken pipe"
)
# How states mark a secret, and how events hide one.
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"[secret]"'}
_HIDDEN = "[secret]"


@dataclass(frozen=True)
class Creation:
    """A creation that began; nobody saw how it ended."""

    resource: Mapping[str, Any]
    replacing: bool = False

    @property
    def urn(self) -> str:
        return self.resource["urn"]


@contextmanager
def recorded(folder: Path, stack: str, command: str) -> Iterator[Path]:
    """Yield the file for a run's event log; it goes with the block unless `unseen` finds something in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stack}.{command}.{os.getpid()}.jsonl"
    with path.open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield path
        finally:
            if command == "preview" or not unseen(read(path)):
                path.unlink(missing_ok=True)


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
            if pre["metadata"]["op"] in _CREATIONS and (creation := _creation(pre["metadata"])):
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


def is_unanswered(message: str) -> bool:
    """Whether an error says that a provider went away, rather than what it answered."""
    return _NO_ANSWER.search(message) is not None


def is_in_cloud(resource: Mapping[str, Any]) -> bool:
    """Whether a resource is one that a cloud holds, and not a component or a provider, which only a state knows."""
    return bool(resource.get("custom")) and not str(resource["type"]).startswith("pulumi:")


def _creation(metadata: Event) -> Creation | None:
    state = metadata.get("new") or {}
    if not is_in_cloud(state):
        return None
    resource = {key: state[key] for key in _KEPT if state.get(key)}
    return Creation({**resource, "inputs": _shown(state.get("inputs") or {})}, metadata["op"] != "create")


def _shown(value: object) -> object:
    """Return inputs with hidden secrets marked as such; their values come when the resource is read back."""
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return _SECRET if value == _HIDDEN else value
