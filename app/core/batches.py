"""A batch of messages that Lambda was invoked with; those that are not over are named in the answer and seen again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from app.core.queues import AWS_ERRORS, Delivery
from app.core.work import Verdict
from app.core.workers import Worker

_MARGIN = 5
"""Seconds before the function's own timeout at which work is stopped, so that what is done is still told."""

_log = logging.getLogger(__name__)


async def batch(worker: Worker, event: Mapping[str, Any], left: Callable[[], int]) -> dict[str, Any]:
    """Work on all messages of an event; `left` returns the milliseconds until the function is killed.

    Raises:
        ValueError: the event is not one of a queue of this worker, so that nothing is deleted by mistake.
    """
    deliveries = _deliveries(worker, event)
    slots = asyncio.Semaphore(worker.settings.worker_concurrency)

    async def do(delivery: Delivery) -> Verdict:
        async with slots:
            seconds = left() / 1000 - _MARGIN
            if seconds <= 0:
                return Verdict("busy", "no time is left in this invocation")
            return await worker.work.do(delivery, seconds)

    verdicts = await asyncio.gather(*map(do, deliveries))
    again = [(delivery, verdict) for delivery, verdict in zip(deliveries, verdicts, strict=True) if not verdict.over]
    await asyncio.gather(*(_put_off(worker, delivery, verdict.retry_after) for delivery, verdict in again))
    return {"batchItemFailures": [{"itemIdentifier": delivery.id} for delivery, _ in again]}


def _deliveries(worker: Worker, event: Mapping[str, Any]) -> list[Delivery]:
    found: list[Delivery] = []
    for record in event.get("Records", ()):
        trigger = worker.queues.trigger_of(record.get("eventSourceARN", ""))
        if record.get("eventSource") != "aws:sqs" or trigger is None:
            raise ValueError(
                f"A record came from {record.get('eventSourceARN')!r}; QUEUES names "
                f"{', '.join(sorted(worker.settings.queues.values()))}."
            )
        found.append(Delivery.of(trigger, record))
    if not found:
        raise ValueError("This function takes events of SQS; this one has no records.")
    return found


async def _put_off(worker: Worker, delivery: Delivery, seconds: float) -> None:
    try:
        await worker.queues.hide(delivery, seconds)
    except AWS_ERRORS as error:
        # It is seen again when the queue's own time is over.
        _log.warning("A message of %s could not be put off: %s", delivery.trigger, error)
