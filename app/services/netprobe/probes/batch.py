"""Several probes side by side; whatever becomes of one, the others have their own outcome."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from app.services.netprobe.limits import LimitError
from app.services.netprobe.models import BatchRequest, BatchResult, ProbeResult
from app.services.netprobe.models.batch import BatchProbe
from app.services.netprobe.probes.trace import failed

_AT_ONCE = 4
_SHORTEST = 0.1

_LOG = logging.getLogger(__name__)

Run = Callable[[BatchProbe], Awaitable[ProbeResult]]


async def run_all(request: BatchRequest, run: Run) -> BatchResult:
    """Run the probes of a batch, some at a time, and answer in their order."""
    begun = time.perf_counter()
    ends = asyncio.get_running_loop().time() + request.timeout
    places = asyncio.Semaphore(_AT_ONCE)
    results = await asyncio.gather(*(_run_one(each, run, places, ends) for each in request.probes))
    return BatchResult(
        ok=all(result.ok for result in results),
        elapsed_ms=round((time.perf_counter() - begun) * 1000, 3),
        results=results,
    )


async def _run_one(probe: BatchProbe, run: Run, places: asyncio.Semaphore, ends: float) -> ProbeResult:
    async with places:
        left = round(ends - asyncio.get_running_loop().time(), 3)
        if left < _SHORTEST:
            return _not_run(probe, "The time of the batch was up before this probe began.")
        try:
            return await run(probe if probe.timeout <= left else probe.model_copy(update={"timeout": left}))
        except LimitError as error:
            return _not_run(probe, str(error))
        except Exception:  # noqa: BLE001 whatever it was, it is this probe's alone
            _LOG.exception("A probe of a batch went wrong")
            return _not_run(probe, "The mistake is ours and has been logged.")


def _not_run(probe: BatchProbe, reason: str) -> ProbeResult:
    result = probe.blank()
    result.error = failed("not_run", "resolve", reason)
    return result
