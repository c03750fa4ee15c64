"""One call of a worker: the event in, the answer or why there is none, and what Lambda's platform writes about it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.workloads.functions import answers, report
from sandbox.workloads.functions.runtime_api import Event
from sandbox.workloads.functions.worker import Ending, Worker

if TYPE_CHECKING:
    from sandbox.workloads.functions.settings import Version


@dataclass(frozen=True)
class Done:
    """What a call came to."""

    payload: bytes
    failed: bool
    seconds: float
    cold: bool
    log_tail: str
    provisioned: bool = False


async def handled(
    worker: Worker, version: Version, arn: str, payload: bytes, *, seconds: float, spent: float
) -> tuple[Done, bool]:
    """Have a worker handle an event within some seconds; return what came of it, and whether the worker outlived it.

    `spent` are the seconds of an initialisation that was part of the call.
    """
    event = Event(arn, payload, time.time() + seconds)
    first = worker.calls == 0 and worker.kind != "provisioned-concurrency"
    output = worker.output
    output.begin()
    output.line(f"START RequestId: {event.request} Version: {version.number}")
    began = time.monotonic()
    told = await worker.handle(event, seconds)
    taken = time.monotonic() - began + spent
    status, failed, answer = "", True, b""
    if isinstance(told, Ending):
        status, answer = _ended(worker, version, event.request, told)
    elif told.too_large:
        status, answer = "error\tError Type: Function.ResponseSizeTooLarge", answers.too_large_a_response()
    else:
        failed, answer = told.failed, told.payload
    output.line(f"END RequestId: {event.request}")
    output.line(
        report.Report(
            event.request,
            taken,
            version.memory,
            worker.peak,
            init=worker.init if first and worker.restored is None and not spent else None,
            restore=worker.restored if first else None,
            status=status,
        ).line()
    )
    done = Done(answer, failed, taken, first, output.tail(), worker.kind == "provisioned-concurrency")
    return done, not isinstance(told, Ending)


def never_begun(worker: Worker, version: Version, arn: str, ending: Ending, spent: float) -> Done:
    """Return what a call comes to whose worker could not be initialised as part of it."""
    request = Event(arn, b"", 0).request
    worker.output.line(f"START RequestId: {request} Version: {version.number}")
    status, answer = _ended(worker, version, request, ending)
    worker.output.line(f"END RequestId: {request}")
    worker.measure()
    told = report.Report(request, spent, version.memory, worker.peak, status=status)
    worker.output.line(told.line())
    return Done(answer, failed=True, seconds=spent, cold=True, log_tail=worker.output.tail())


def _ended(worker: Worker, version: Version, request: str, ending: Ending) -> tuple[str, bytes]:
    if ending.code is None:
        worker.output.line(report.timed_out(request, version.timeout))
        return "timeout", answers.timed_out(request, version.timeout)
    if ending.payload is not None:
        return "error", ending.payload
    worker.output.line(f"RequestId: {request} Error: {answers.exit_reason(ending.code)}\nRuntime.ExitError")
    return "error\tError Type: Runtime.ExitError", answers.exited(request, ending.code)
