"""The backend's lock on a stack: released when its holder is dead, respected and explained otherwise."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlparse

from rich.console import Console

from automation import processes
from automation.cloud import Session
from automation.engine import Outcome
from automation.errors import Exit, UserError

_LOCKED = "currently locked by"
_HOLDER = re.compile(r"(?P<lock>\S+): created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<time>\S+)")
_PATIENCE_SECONDS = 3


def unlocked(session: Session, console: Console, run: Callable[[], Outcome]) -> Outcome:
    """Run an engine command; when the lock of a dead run is in its way, release that and run it again.

    Raises:
        UserError: the holder is alive, or on another machine, where nobody here can tell.
    """
    outcome = run()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while outcome.code != 0 and _LOCKED in outcome.stderr + outcome.stdout:
        holders = [match.groupdict() for match in _HOLDER.finditer(outcome.stderr + outcome.stdout)]
        alive = [holder for holder in holders if not _is_dead(holder)]
        if alive or not holders:
            # A run whose `modeshift` was killed ends by itself, a moment later.
            if time.monotonic() > deadline or any(holder["host"] != socket.gethostname() for holder in alive):
                raise _refusal(session, alive)
            time.sleep(0.2)
        else:
            _release(session, console, holders)
        outcome = run()
    return outcome


def _release(session: Session, console: Console, holders: list[dict[str, str]]) -> None:
    for holder in holders:
        console.print(
            f"The run that locked {session.stack} (process {holder['pid']}, since {holder['time']}) is dead; "
            "its lock is released.",
            style="yellow",
        )
        place = urlparse(holder["lock"])
        if place.scheme == "file":
            # Just this lock: `pulumi cancel` would also release one that a live run takes meanwhile.
            Path(unquote(place.path)).unlink(missing_ok=True)
        else:
            session.engine.query("cancel", "--yes", "--stack", session.stack)


def _refusal(session: Session, holders: list[dict[str, str]]) -> UserError:
    who = "; ".join(f"{one['user']}@{one['host']}, process {one['pid']}, since {one['time']}" for one in holders)
    return UserError(
        f"The stack {session.stack} is locked by another run: {who or 'holder unknown'}.",
        hint=(
            "Wait for it to end. If you know that it is dead, release the lock with: "
            f"pulumi cancel --stack {session.stack}"
        ),
        code=Exit.FAILED,
    )


def _is_dead(holder: Mapping[str, str]) -> bool:
    return holder["host"] == socket.gethostname() and not processes.runs(int(holder["pid"]), "pulumi")
