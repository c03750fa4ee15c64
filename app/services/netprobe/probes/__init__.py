"""The probes, one module each, imported by the first request that needs it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from importlib import import_module
from typing import Protocol, TypeVar, cast

from app.services.netprobe.guard import Guard
from app.services.netprobe.limits import LimitError
from app.services.netprobe.models import ProbeError, Question, Result
from app.services.netprobe.probes.evidence import Evidence

_LOG = logging.getLogger(__name__)

R = TypeVar("R", bound=Result)


async def run(request: Question[R], guard: Guard) -> R:
    """Run one probe, whichever it is; what goes wrong in it, our own mistakes included, is in the result.

    Raises:
        LimitError: the guard has counted enough attempts.
    """
    result = request.blank()
    begun = time.perf_counter()
    try:
        evidence = await _probe(request, guard, result)
        if request.expect is not None:
            from app.services.netprobe.probes.expectations import judged  # noqa: PLC0415 most requests expect nothing

            # In a thread: what RE2 takes for a pattern made to be slow would hold up every other probe.
            result.expectations = await asyncio.to_thread(judged, request.expect, result, evidence)
    except LimitError:
        raise
    except Exception:  # noqa: BLE001 whatever it was, the caller gets a result and the log the rest
        _LOG.exception("A %s probe went wrong", request.kind)
        result.reached = False
        result.error = ProbeError(
            kind="internal", phase="resolve", failure_source="us", reason="The mistake is ours and has been logged."
        )
    result.elapsed_ms = round((time.perf_counter() - begun) * 1000, 3)
    result.ok = result.reached and all(each.passed for each in result.expectations)
    return result


class _Probe(Protocol):
    def __call__(self, request: object, guard: Guard, result: Result) -> Awaitable[Evidence | None]: ...


async def _probe(request: Question[R], guard: Guard, result: R) -> Evidence:
    probe = cast("_Probe", import_module(f"{__name__}.{request.kind}").probe)
    return await probe(request, guard, result) or Evidence()
