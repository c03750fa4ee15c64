"""The logs of a stack's services, whatever they run on, merged by time."""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from automation.errors import UserError
from automation.operate.asking import asked, missing
from automation.operate.clients import at_once
from automation.operate.deployed import Deployed, Part
from stacks.settings import Compute

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LENGTH: Final = re.compile(r"(\d+)([smhd])")
_PAUSE_SECONDS: Final = 2.0
# CloudWatch takes lines that are late by some seconds; they are looked for again.
_LATE_SECONDS: Final = 30
_NO_GROUP: Final = "ResourceNotFoundException"


@dataclass(frozen=True, order=True)
class Source:
    """Where lines come from: a log group, and what to take from it."""

    name: str
    """What people call it: `users`, `users worker`, `front door`."""
    compute: str
    group: str
    pattern: str = ""


@dataclass(frozen=True, order=True)
class Entry:
    """A line at a time, in milliseconds since 1970."""

    time: int
    number: int
    source: Source
    stream: str
    message: str
    id: str

    def document(self) -> dict[str, Any]:
        """Return it as JSON's plain types."""
        return {
            "time": self.time,
            "service": self.source.name,
            "compute": self.source.compute,
            "group": self.source.group,
            "stream": self.stream,
            "message": self.message,
        }


def seconds_of(text: str) -> int:
    """Return the seconds of a length of time as people write it: `90s`, `10m`, `2h`, `1d`.

    Raises:
        UserError: it is none.
    """
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise UserError(f"{text!r} is no length of time.", hint="As in 90s, 10m, 2h or 1d.")
    return int(found[1]) * _UNITS[found[2]]


def sources(deployed: Deployed, service: str | None) -> list[Source]:
    """Return where the lines of a service come from; without one, those of all services and of the front door.

    Raises:
        UserError: the stack has no such service.
    """
    found = [_source(part) for each in deployed.chosen(service) for part in each.parts if part.log_group]
    if service is None and deployed.front_logs:
        found.append(Source("front door", "", deployed.front_logs))
    return found


def read(client: Any, wanted: Sequence[Source], start: int, end: int | None = None) -> Iterator[Entry]:  # noqa: ANN401
    """Yield the lines since a time, in milliseconds since 1970, in the order of their times.

    Raises:
        UserError: AWS does not let the logs be read.
    """
    return heapq.merge(*(_entries(client, source, start, end) for source in wanted))


def follow(
    client: Any,  # noqa: ANN401 boto3 has no types of its own
    wanted: Sequence[Source],
    start: int,
    *,
    pause: Callable[[], None] = lambda: time.sleep(_PAUSE_SECONDS),
) -> Iterator[Entry]:
    """Yield the lines since a time, and go on with those that come, for ever.

    A line that AWS gets late comes late, and no line comes twice.

    Raises:
        UserError: AWS does not let the logs be read.
    """
    seen: dict[str, int] = {}
    while True:
        latest = partial(_latest, client, start)
        found = [one for each in at_once(latest, wanted) for one in each]
        fresh = sorted(one for one in found if one.id not in seen)
        yield from fresh
        seen |= {one.id: one.time for one in fresh}
        start = max([start, *(one.time - _LATE_SECONDS * 1000 for one in fresh)])
        seen = {name: moment for name, moment in seen.items() if moment >= start}
        pause()


def _source(part: Part) -> Source:
    name = part.service if part.kind == "server" else f"{part.service} {part.kind}"
    # The pods of all services write to one group.
    pattern = f'{{ $.kubernetes.namespace_name = "{part.namespace}" }}' if part.compute is Compute.EKS else ""
    return Source(name, part.compute.value, part.log_group, pattern)


def _latest(client: Any, start: int, source: Source) -> list[Entry]:  # noqa: ANN401
    return list(_entries(client, source, start, None))


def _entries(client: Any, source: Source, start: int, end: int | None) -> Iterator[Entry]:  # noqa: ANN401
    parameters: dict[str, Any] = {"logGroupName": source.group, "startTime": max(0, start)}
    parameters |= {"filterPattern": source.pattern} if source.pattern else {}
    parameters |= {} if end is None else {"endTime": end}
    number = 0
    while True:
        answer = asked(
            # A group that nothing has written to yet may not exist.
            lambda: missing(lambda: client.filter_log_events(**parameters), _NO_GROUP),
            f"let the logs of {source.name} be read",
            "logs:FilterLogEvents",
            "kms:Decrypt on the stack's key",
        )
        if answer is None:
            return
        for event in answer["events"]:
            number += 1
            identity = f"{source.group}/{event['eventId']}"
            yield Entry(event["timestamp"], number, source, event["logStreamName"], event["message"], identity)
        token = answer.get("nextToken")
        if not token:
            return
        parameters["nextToken"] = token
