"""Write a report where the last one stands: one comment, never an older over a newer, whoever else writes meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from automation.comment.marker import Marker
from automation.errors import Exit, UserError

_ROUNDS = 8
_SETTLING = 2.0
"""Seconds after a write before it is read again: longer than another run takes from its look to its write."""


class Done(StrEnum):
    """What writing a report came to."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    OUTDATED = "outdated"
    """A newer run has reported already; its comment stays."""


@dataclass(frozen=True)
class Comment:
    """A comment as the host of the pull request has it."""

    id: int
    author: str
    body: str


class LaterError(Exception):
    """A write was refused for now; whether it took effect is unknown."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Target(Protocol):
    """One pull request on some host. Writes may raise `LaterError`."""

    author: str
    """As whom comments are written."""

    def comments(self) -> Iterable[Comment]:
        """Return all comments, oldest first."""
        ...

    def create(self, body: str) -> None:
        """Write a new comment."""
        ...

    def update(self, comment: Comment, body: str) -> None:
        """Replace the text of a comment."""
        ...

    def delete(self, comment: Comment) -> None:
        """Remove a comment."""
        ...


def upsert(target: Target, marker: Marker, text: str, sleep: Callable[[float], None] = time.sleep) -> Done:
    """Bring the one comment of this name up to date and return what that took.

    Hosts offer no conditional write. So all is read before each write, after a refused one too, and once more when it
    has settled: of several comments the oldest stays, and what a newer run wrote wins.

    Raises:
        UserError: others kept writing at the same time, or the host kept refusing.
    """
    body = marker.on(text)
    done, reason = Done.UNCHANGED, "Something else keeps writing it."
    for _ in range(_ROUNDS):
        own = _own(target, marker)
        if any(marker.is_older_than(other) for _, other in own):
            return Done.OUTDATED
        if len(own) == 1 and own[0][0].body == body:
            return done
        if done is Done.UNCHANGED:
            done = Done.UPDATED if own else Done.CREATED
        try:
            _write(target, [comment for comment, _ in own], body)
        except LaterError as error:
            reason = f"{error}"
            sleep(error.seconds)
        else:
            sleep(_SETTLING)
    raise UserError(f"The comment could not be brought up to date in {_ROUNDS} tries.", hint=reason, code=Exit.FAILED)


def _write(target: Target, own: list[Comment], body: str) -> None:
    if not own:
        target.create(body)
        return
    first, *others = own
    for other in others:
        target.delete(other)
    if first.body != body:
        target.update(first, body)


def _own(target: Target, marker: Marker) -> list[tuple[Comment, Marker]]:
    """Return our comments of one name; a marker that somebody else pasted into theirs does not make it ours."""
    found = [(comment, Marker.of(comment.body)) for comment in target.comments() if comment.author == target.author]
    return [(comment, one) for comment, one in found if one is not None and one.name == marker.name]
