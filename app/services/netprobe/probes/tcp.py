"""The tcp probe."""

from __future__ import annotations

import asyncio

from app.services.netprobe.guard import Guard
from app.services.netprobe.models import TcpQuery, TcpResult
from app.services.netprobe.probes.series import count, reach, series, settle
from app.services.netprobe.probes.trace import Trace


async def probe(request: TcpQuery, guard: Guard, result: TcpResult) -> None:
    """Connect, and hang up."""
    ends = asyncio.get_running_loop().time() + request.timeout
    there = await reach(request, guard, request.host, result, ends)
    if there is None:
        return

    async def ask(trace: Trace, _: object) -> None:
        (await there.connect(trace, request.port)).close()

    tries = await series(request, ask, object, ends)
    settle(result, tries, there.resolve_ms)
    count(result, tries, lambda trace: trace.times["connect"])
