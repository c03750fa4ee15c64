"""What the page shows, as one document: how the account hangs together, and what of it was seen to run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from sandbox.workloads.context import Context
from sandbox.workloads.snapshot import Snapshot

SCHEMA: Final = 1
_SHOWN_EVENTS: Final = 200


class View(Protocol):
    """What the page looks at."""

    context: Context
    snapshot: Snapshot

    def described(self) -> Mapping[str, Any]:
        """Return what each manager tells of what it runs, by the manager's name."""
        ...


def state(view: View, since: int | None = None) -> dict[str, Any]:
    """Return the document; `since` is the number after which events are wanted, the last ones unless said."""
    events = [event.document() for event in view.context.events.since(since or 0)]
    return {
        "schema": SCHEMA,
        "time": time.time(),
        "speed": view.context.clock.speed,
        "stacks": [],
        "events": events if since is not None else events[-_SHOWN_EVENTS:],
    }
