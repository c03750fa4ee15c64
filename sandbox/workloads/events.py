"""What happened, in order: the timeline that status, the page and rehearsals show."""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["info", "warning", "error"]
_KEPT = 2000


@dataclass(frozen=True)
class Event:
    """Something that happened at a time, in seconds since 1970, to what goes by a logical name."""

    number: int
    time: float
    level: Level
    stack: str
    subject: str
    kind: str
    text: str

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


class Events:
    """The last two thousand events."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._events: deque[Event] = deque(maxlen=_KEPT)

    def add(self, subject: str, kind: str, text: str, *, stack: str = "", level: Level = "info") -> Event:
        """Note an event.

        Args:
            subject: The logical name of what it happened to, as in `dev-netprobe`.
            kind: One word for what happened, as in `deployment`, `task`, `health`, `scaling`, `function`, `front`.
            text: What happened, in one sentence and, where AWS has words for it, in those.
            stack: The stack; the subject's first word unless said.
            level: `warning` for what a person should see, `error` for what did not work.

        """
        stack = stack or subject.split("-", 1)[0]
        event = Event(next(self._numbers), time.time(), level, stack, subject, kind, text)
        self._events.append(event)
        return event

    def since(self, number: int = 0) -> list[Event]:
        """Return the events after a number, the oldest first."""
        return [event for event in self._events if event.number > number]
