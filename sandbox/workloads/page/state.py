"""What the page shows, as one document: how the account hangs together, and what of it was seen to run.

How things hang together (doors, routes, weights) is the account's; states, processes and figures are what managers
saw or measured. Of what nobody has seen anything, the document says just that.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from sandbox.workloads.context import Context
from sandbox.workloads.page.doors import doors
from sandbox.workloads.page.rates import Rates
from sandbox.workloads.page.services import groups, services
from sandbox.workloads.page.told import Told
from sandbox.workloads.snapshot import Snapshot, stack_of

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
    now = time.time()
    told, rates = Told(view.described()), Rates(view.context.metrics, now)
    snapshot = view.snapshot
    parts = {
        "doors": doors(snapshot, told, rates),
        "groups": groups(snapshot, told, rates),
        "services": services(snapshot, told, rates),
    }
    names = sorted({stack_of(one) for one in snapshot.resources})
    stacks = [
        {"name": name, **{part: [one for one in ones if one["stack"] == name] for part, ones in parts.items()}}
        for name in names
    ]
    events = [event.document() for event in view.context.events.since(since or 0)]
    return {
        "schema": SCHEMA,
        "time": now,
        "speed": view.context.clock.speed,
        "stacks": [stack for stack in stacks if any(stack[part] for part in parts)],
        "failed_zones": sorted(view.context.faults.failed_zones()),
        "not_simulated": told.not_simulated(),
        "events": events if since is not None else events[-_SHOWN_EVENTS:],
    }
