"""Events that nobody waits for: called later, again when that failed, and put aside when nothing helped.

Source: Lambda developer guide (invocation-async, invocation-async-error-handling, invocation-async-retain-records).
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.workloads.functions.delivery import Delivery, UndeliverableError
from sandbox.workloads.functions.function import NAMESPACE, Function

if TYPE_CHECKING:
    from sandbox.workloads.context import Context
    from sandbox.workloads.functions.settings import Asynchronous
    from sandbox.workloads.surfaces import Invocation, Invoker

_DELAYS = (60.0, 120.0)
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 300.0
_OK = 200
_MOST = 10_000


@dataclass
class _Event:
    function: Function
    qualifier: str
    arn: str
    payload: bytes
    request: str = field(default_factory=lambda: str(uuid.uuid4()))
    taken: float = field(default_factory=time.time)
    attempts: int = 0


class Waiting:
    """The queue of events of each function; it is kept in memory, and lost with this process."""

    def __init__(self, context: Context, invoker: Invoker, delivery: Delivery) -> None:
        self._context = context
        self._invoker = invoker
        self._delivery = delivery
        self._counts: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, function: Function, qualifier: str, arn: str, payload: bytes) -> None:
        """Take an event."""
        event = _Event(function, qualifier, arn, payload)
        self._measure(event, "AsyncEventsReceived", 1)
        if self._counts[function.latest.arn] >= _MOST:
            self._drop(event, f"The sandbox keeps {_MOST} events of a function at most.")
            return
        self._counts[function.latest.arn] += 1
        task = asyncio.get_running_loop().create_task(self._work(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def count(self, arn: str) -> int:
        """Return how many events of a function wait or are under way."""
        return self._counts[arn]

    async def close(self) -> None:
        """Let go of all events."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, event: _Event) -> None:
        try:
            options = event.function.asynchronous.get(event.qualifier) or event.function.asynchronous[""]
            answer = await self._attempt(event, options)
            if answer is None:
                await self._put_aside(event, options, None, "EventAgeExceeded")
            elif answer.status == _OK and not answer.error:
                await self._deliver(event, options.on_success, answer, "Success")
            else:
                await self._put_aside(event, options, answer, "RetriesExhausted")
        finally:
            self._counts[event.function.latest.arn] -= 1

    async def _attempt(self, event: _Event, options: Asynchronous) -> Invocation | None:
        """Return what the last attempt came to; None when the event got too old before there was any."""
        wait = _FIRST_WAIT
        while True:
            self._measure(event, "AsyncEventAge", (time.time() - event.taken) * 1000)
            answer = await self._invoker.invoke(event.arn, event.payload)
            if answer.status == _OK:
                event.attempts += 1
                if not answer.error or event.attempts > options.retries:
                    return answer
                pause = _DELAYS[min(event.attempts, len(_DELAYS)) - 1]
            else:
                # Throttles and faults of the platform are no attempts: it tries until the event is too old.
                pause, wait = wait, min(wait * 2, _LONGEST_WAIT)
            age = (time.time() - event.taken) * self._context.clock.speed
            if age + pause > options.age:
                return answer if answer.status == _OK else None
            await self._context.clock.sleep(pause)

    async def _put_aside(self, event: _Event, options: Asynchronous, answer: Invocation | None, why: str) -> None:
        if not options.dead_letters and not options.on_failure:
            self._drop(event, f"An event failed and was dropped ({why}): there is no place for it.")
            return
        if options.dead_letters:
            error = _error(answer)
            code = "200" if answer is not None else "429"
            told = {"RequestID": event.request, "ErrorCode": code, "ErrorMessage": error[:1024] or why}
            try:
                await self._delivery.send(options.dead_letters, event.payload.decode(), told)
            except UndeliverableError as problem:
                self._measure(event, "DeadLetterErrors", 1)
                self._warn(event, f"A dead letter could not be sent: {problem}")
        await self._deliver(event, options.on_failure, answer, why)

    async def _deliver(self, event: _Event, destination: str, answer: Invocation | None, condition: str) -> None:
        if not destination:
            return
        record = _record(event, answer, condition)
        try:
            await self._delivery.send(destination, json.dumps(record), {})
        except UndeliverableError as problem:
            self._measure(event, "DestinationDeliveryFailures", 1)
            self._warn(event, f"What became of an event could not be sent: {problem}")

    def _drop(self, event: _Event, text: str) -> None:
        self._measure(event, "AsyncEventsDropped", 1)
        self._warn(event, text)

    def _warn(self, event: _Event, text: str) -> None:
        latest = event.function.latest
        self._context.events.add(latest.subject, "function", text, stack=latest.stack, level="warning")

    def _measure(self, event: _Event, metric: str, value: float) -> None:
        self._context.metrics.add(NAMESPACE, metric, {"FunctionName": event.function.latest.name}, value)


def _error(answer: Invocation | None) -> str:
    if answer is None:
        return "Rate Exceeded."
    told = _json(answer.payload)
    return str(told.get("errorMessage", "")) if isinstance(told, dict) else ""


def _record(event: _Event, answer: Invocation | None, condition: str) -> dict[str, Any]:
    """Return what a destination gets."""
    now = datetime.now(UTC)
    context = {"requestId": event.request, "functionArn": event.arn if event.qualifier else f"{event.arn}:$LATEST"}
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "requestContext": {**context, "condition": condition, "approximateInvokeCount": max(event.attempts, 1)},
        "requestPayload": _json(event.payload),
    }
    if answer is not None:
        response: dict[str, Any] = {"statusCode": answer.status, "executedVersion": answer.version}
        if answer.error:
            response["functionError"] = answer.error
        record |= {"responseContext": response, "responsePayload": _json(answer.payload)}
    return record


def _json(payload: bytes) -> Any:  # noqa: ANN401 - whatever it is
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")
