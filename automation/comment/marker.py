"""The hidden first line of a comment: whose it is, and which run wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_PATTERN = re.compile(
    r"\A<!-- modeshift:(?P<name>[a-z0-9-]{1,40})"
    r" run=(?P<run>\d{1,18})\.(?P<attempt>\d{1,9}) sha=(?P<sha>[0-9a-f]{7,64}) -->"
)


@dataclass(frozen=True)
class Marker:
    """A run of the workflow and what it looked at."""

    run: int
    attempt: int
    sha: str
    name: str = "preview"
    """Which of several comments of ours it is."""

    @classmethod
    def of(cls, body: str) -> Self | None:
        """Return the marker that a comment begins with, if it does."""
        found = _PATTERN.match(body)
        return cls(int(found["run"]), int(found["attempt"]), found["sha"], found["name"]) if found else None

    def on(self, text: str) -> str:
        """Return a comment's body: this marker, then the text."""
        return f"{self}\n{text}"

    def is_older_than(self, other: Self) -> bool:
        """Whether another run began later; what a run was about does not count."""
        return (self.run, self.attempt) < (other.run, other.attempt)

    def __str__(self) -> str:
        """Return the line."""
        return f"<!-- modeshift:{self.name} run={self.run}.{self.attempt} sha={self.sha} -->"
