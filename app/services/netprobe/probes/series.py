"""Attempts, one after the other, under one deadline; each gets an equal share of the time that is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.services.netprobe.guard import Guard
from app.services.netprobe.models import Attempt, ProbeError, Result, SeriesResult
from app.services.netprobe.models.base import Reaching, Repeated
from app.services.netprobe.probes.reach import Reach
from app.services.netprobe.probes.statistics import statistics
from app.services.netprobe.probes.trace import Trace, explained

F = TypeVar("F")


@dataclass(frozen=True)
class Try(Generic[F]):
    """One attempt: its trace, the facts it found, of which a failed one may have some, and why it failed."""

    trace: Trace
    facts: F
    error: ProbeError | None


async def attempt(ask: Callable[[Trace, F], Awaitable[None]], facts: F, ends: float) -> Try[F]:
    """Ask once; a mistake of ours stays an exception."""
    trace = Trace(ends)
    try:
        async with asyncio.timeout_at(ends):
            await ask(trace, facts)
    except Exception as error:
        problem = explained(error, trace.phase)
        if problem is None:
            raise
        return Try(trace, facts, problem)
    return Try(trace, facts, None)


async def series(
    request: Repeated, ask: Callable[[Trace, F], Awaitable[None]], new: Callable[[], F], ends: float
) -> list[Try[F]]:
    """Ask as often as requested and as fits in before the end, at the requested interval."""
    clock = asyncio.get_running_loop().time
    tries: list[Try[F]] = []
    for left in range(request.count, 0, -1):
        begun = clock()
        tries.append(await attempt(ask, new(), begun + (ends - begun) / left))
        following = max(begun + request.interval, clock())
        if left == 1 or following >= ends:
            break
        await asyncio.sleep(following - clock())
    return tries


async def reach(request: Reaching, guard: Guard, host: str, result: Result, ends: float) -> Reach | None:
    """Look the host up, once for all attempts; returns nothing, and tells why in the result, if that fails."""

    async def resolve(trace: Trace, there: Reach) -> None:
        await there.resolve(trace, host, request)

    looked_up = await attempt(resolve, Reach(guard), ends)
    result.error = looked_up.error
    result.timings = looked_up.trace.timings()
    if looked_up.error:
        return None
    there = looked_up.facts
    there.resolve_ms = result.timings.total_ms
    result.addresses = [str(address) for address in there.addresses]
    return there


def settle(result: Result, tries: Sequence[Try[F]], resolve_ms: float | None = None) -> Try[F]:
    """Tell in the result how the attempts went; returns the one whose facts it should show."""
    shown = next((each for each in reversed(tries) if each.error is None), tries[-1])
    address = shown.trace.address
    result.reached = shown.error is None
    result.error = shown.error
    result.timings = shown.trace.timings(resolve_ms)
    result.address = None if address is None else str(address)
    result.family = None if address is None else "ipv4" if address.version == 4 else "ipv6"  # noqa: PLR2004
    return shown


def count(result: SeriesResult, tries: Sequence[Try[F]], measure: Callable[[Trace], float]) -> None:
    """Tell in the result of each attempt, and what they amount to; `measure` returns what the statistics are about."""
    result.attempts = [
        Attempt(
            ok=each.error is None,
            address=None if each.trace.address is None else str(each.trace.address),
            time_ms=None if each.error else round(measure(each.trace), 3),
            error=each.error,
        )
        for each in tries
    ]
    result.statistics = statistics([each.time_ms for each in result.attempts])
