"""Event source mappings: what waits in queues is handed to functions in batches, and what failed comes again.

Source: Lambda developer guide (services-sqs-configure, services-sqs-errorhandling, services-sqs-scaling).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sandbox.workloads.functions.batches import event_of, failures
from sandbox.workloads.functions.delivery import Delivery, UndeliverableError
from sandbox.workloads.snapshot import name_of, stack_of

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.context import Context
    from sandbox.workloads.surfaces import Invoker

_RECEIVED = 10
"""Messages that SQS hands out at once."""
_IDLE_SECONDS = 0.5
_BACK_OFF_SECONDS = 2.0
_FIRST_POLLERS, _MORE_POLLERS = 5, 5.0
"""Batches at once to begin with, and how many more a second of AWS as long as messages wait."""
_MOST_POLLERS = 1000
_OK = 200
_UNSIMULATED = ("filterCriteria", "provisionedPollerConfig", "destinationConfig", "tumblingWindowInSeconds")


class Mappings:
    """All mappings of the account."""

    def __init__(self, context: Context, invoker: Invoker, delivery: Delivery) -> None:
        self._context = context
        self._invoker = invoker
        self._delivery = delivery
        self._mappings: dict[str, Mapping] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def take(self, resources: Sequence[Resource]) -> None:
        """Become what the account says now."""
        found = {one.id: one for one in resources}
        for identity in self._mappings.keys() - found.keys():
            self._end(self._mappings.pop(identity))
        for identity, resource in found.items():
            known = self._mappings.get(identity)
            if known is not None and known.resource.outputs == resource.outputs:
                continue
            if known is not None:
                self._end(known)
            self._mappings[identity] = Mapping(self._context, self._invoker, self._delivery, resource)

    def describe(self) -> list[dict[str, Any]]:
        """Return what is."""
        return [one.describe() for one in self._mappings.values()]

    async def close(self) -> None:
        """Poll no more; what is under way comes again."""
        await asyncio.gather(*(one.close() for one in self._mappings.values()), *self._ending)
        self._mappings.clear()

    def _end(self, mapping: Mapping) -> None:
        task = asyncio.ensure_future(mapping.close(patiently=True))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class Mapping:
    """One queue that feeds one function."""

    def __init__(self, context: Context, invoker: Invoker, delivery: Delivery, resource: Resource) -> None:
        outputs: dict[str, Any] = resource.outputs
        self.resource = resource
        self._context = context
        self._invoker = invoker
        self._delivery = delivery
        self._source = str(outputs.get("eventSourceArn") or "")
        self._function = str(outputs.get("functionArn") or outputs["functionName"])
        self._size = int(outputs.get("batchSize") or _RECEIVED)
        self._window = float(outputs.get("maximumBatchingWindowInSeconds") or 0)
        self._partial = "ReportBatchItemFailures" in (outputs.get("functionResponseTypes") or [])
        self._most = int((outputs.get("scalingConfig") or {}).get("maximumConcurrency") or _MOST_POLLERS)
        self._unsimulated = [name for name in _UNSIMULATED if outputs.get(name)]
        self._batches: set[asyncio.Task[None]] = set()
        self._free = asyncio.Event()
        self._counts = {"batches": 0, "messages": 0, "failed": 0}
        self._reason = ""
        self._state = "Enabled" if outputs.get("enabled", True) else "Disabled"
        if ":sqs:" not in self._source or self._unsimulated:
            what = ", ".join(self._unsimulated) or self._source or "its source"
            self._fail(f"Not simulated: {what}. Nothing is polled.")
        self._polling = asyncio.ensure_future(self._poll()) if self._state == "Enabled" else None

    def describe(self) -> dict[str, Any]:
        """Return what is."""
        return {
            "subject": name_of(self.resource),
            "stack": stack_of(self.resource),
            "uuid": self.resource.id,
            "source": self._source,
            "function": self._function,
            "state": self._state,
            "reason": self._reason,
            "under_way": len(self._batches),
            "not_simulated": self._unsimulated,
            **self._counts,
        }

    async def close(self, *, patiently: bool = False) -> None:
        """Poll no more; wait for batches under way if asked to."""
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling
        tasks = list(self._batches)
        if not patiently:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self) -> None:
        since = time.monotonic()
        while True:
            while len(self._batches) >= self._pollers(since):
                self._free.clear()
                # Not wait_for, which before Python 3.12 can lose the cancellation that ends this loop.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_SECONDS):
                        await self._free.wait()
            try:
                messages = await self._gathered() if self._invoker.has(self._function) else []
            except UndeliverableError as problem:
                if self._reason != str(problem):
                    self._reason = str(problem)
                    self._note(f"The queue cannot be read: {problem}", "warning")
                await asyncio.sleep(_BACK_OFF_SECONDS)
                continue
            self._reason = ""
            if messages:
                task = asyncio.ensure_future(self._handle(messages))
                self._batches.add(task)
                task.add_done_callback(self._done)
            else:
                since = time.monotonic()
                await asyncio.sleep(_IDLE_SECONDS)

    def _pollers(self, since: float) -> float:
        """Return how many batches may be under way after messages have waited since a time."""
        waited = (time.monotonic() - since) * self._context.clock.speed
        return min(self._most, _FIRST_POLLERS + _MORE_POLLERS * waited)

    async def _gathered(self) -> list[dict[str, Any]]:
        """Return a batch: what there is, or what came within the window."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + self._window
        while len(found) < self._size:
            received = await self._delivery.call(
                "sqs",
                self._source,
                "receive_message",
                MaxNumberOfMessages=min(_RECEIVED, self._size - len(found)),
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=0,
            )
            found += received.get("Messages", ())
            if not found or time.monotonic() >= deadline:
                break
            if not received.get("Messages"):
                await asyncio.sleep(_IDLE_SECONDS / 5)
        return found

    async def _handle(self, messages: list[dict[str, Any]]) -> None:
        received = time.monotonic()
        answer = await self._invoker.invoke(self._function, event_of(messages, self._source))
        known = [str(one["MessageId"]) for one in messages]
        if answer.status != _OK or answer.error:
            failed = set(known)
        else:
            failed = failures(answer.payload, known) if self._partial else set[str]()
        self._counts["batches"] += 1
        self._counts["messages"] += len(messages)
        self._counts["failed"] += len(failed)
        try:
            await self._forget([one for one in messages if one["MessageId"] not in failed])
            await self._hide([one for one in messages if one["MessageId"] in failed], received)
        except UndeliverableError as problem:
            self._note(f"Messages that were handled come again: {problem}", "warning")

    async def _forget(self, messages: list[dict[str, Any]]) -> None:
        for start in range(0, len(messages), _RECEIVED):
            entries = [
                {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]}
                for number, one in enumerate(messages[start : start + _RECEIVED])
            ]
            await self._delivery.call("sqs", self._source, "delete_message_batch", Entries=entries)

    async def _hide(self, messages: list[dict[str, Any]], received: float) -> None:
        """Let messages come again when the queue says, by the sandbox's clock."""
        if not messages or self._context.clock.speed == 1:
            return
        told = await self._delivery.call(
            "sqs", self._source, "get_queue_attributes", AttributeNames=["VisibilityTimeout"]
        )
        left = float(told["Attributes"]["VisibilityTimeout"]) - (time.monotonic() - received)
        hidden = max(0, round(self._context.clock.real(left)))
        for one in messages:
            await self._delivery.call(
                "sqs",
                self._source,
                "change_message_visibility",
                ReceiptHandle=one["ReceiptHandle"],
                VisibilityTimeout=hidden,
            )

    def _done(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        self._free.set()
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._note(f"A batch was not handled: {problem}", "error")

    def _fail(self, reason: str) -> None:
        self._state, self._reason = "Failed", reason
        self._note(reason, "error")

    def _note(self, text: str, level: Any) -> None:  # noqa: ANN401 - one of the levels of events
        self._context.events.add(name_of(self.resource), "function", text, stack=stack_of(self.resource), level=level)
