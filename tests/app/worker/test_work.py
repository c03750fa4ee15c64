"""What becomes of a delivery, by what happens to the messages in it and how often it was tried."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from app.core.idempotency import InProgressError
from app.core.messages import Message, Rejected
from app.core.queues import Delivery
from app.core.work import Trigger, Verdict, Work
from app.core.worker_settings import WorkerSettings
from tests.app.worker.test_bodies import WRITTEN


class Never:
    """A store that has seen nothing, or says what it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def run(self, key: str, work: Callable[[], Awaitable[None]], seconds: float) -> bool:
        if self._error:
            raise self._error
        await work()
        return True


class Parking:
    """Queues that remember what was parked, or take nothing."""

    def __init__(self, error: Exception | None = None) -> None:
        self.parked: list[str] = []
        self._error = error

    async def park(self, delivery: Delivery, reason: str) -> None:
        if self._error:
            raise self._error
        self.parked.append(reason)


def do(
    consumer: Callable[[Message[Any]], Awaitable[None]],
    *,
    kind: str = "queue",
    text: str = "{}",
    attempts: int = 1,
    once: Never | None = None,
    queues: Parking | None = None,
    **settings: Any,
) -> Verdict:
    """Work on one delivery; of the times that could be waited the longest is."""
    urls = {"t": "http://x"}
    made = WorkerSettings(queues=urls, dead_letters=urls, idempotency_table="t", **settings)
    triggers = {"t": Trigger(kind, consumer, cast("Any", once or Never()))}
    work = Work(made, triggers, cast("Any", queues or Parking()), None, lambda _, longest: longest)
    return asyncio.run(work.do(Delivery("t", "id", "receipt", text, attempts, datetime.now(UTC)), 60))


async def fine(_: Message[Any]) -> None:
    pass


async def failing(_: Message[Any]) -> None:
    raise RuntimeError("no way")


async def rejecting(_: Message[Any]) -> None:
    raise Rejected("never")


def test_each_wait_is_longer_until_the_last_attempt_parks() -> None:
    waits = [do(failing, attempts=attempts).retry_after for attempts in range(1, 5)]
    assert waits == [15, 60, 240, 900]
    queues = Parking()
    assert do(failing, attempts=5, queues=queues) == Verdict("parked", "RuntimeError: no way")
    assert queues.parked == ["RuntimeError: no way"]


def test_no_wait_is_longer_than_a_quarter_of_an_hour() -> None:
    assert do(failing, attempts=900, worker_attempts=1000).retry_after == 900


def test_what_somebody_else_does_is_looked_at_again_soon_and_at_last_when_it_must_be_over() -> None:
    waits = [do(fine, attempts=attempts, once=Never(InProgressError(300))).retry_after for attempts in range(1, 6)]
    assert waits == [15, 60, 240, 301, 301]
    assert do(fine, once=Never(InProgressError(3))) == Verdict("busy", "somebody else is at it, for 3 s at most", 3)


def test_a_dead_letter_queue_that_takes_nothing_loses_nothing() -> None:
    gone = Parking(EndpointConnectionError(endpoint_url="http://x"))
    verdict = do(rejecting, queues=gone)
    assert (verdict.outcome, verdict.over, verdict.retry_after) == ("failed", False, 15)
    assert verdict.reason.startswith("never; the dead letter queue does not take it: ")


@pytest.mark.parametrize(
    ("errors", "outcome", "reason"),
    [
        ((None, Rejected("never"), None), "parked", "never"),
        ((RuntimeError("no way"), Rejected("never"), None), "failed", "RuntimeError: no way"),
        ((RuntimeError("no way"), InProgressError(1), Rejected("never")), "busy", "somebody else is at it, for 1 s"),
        ((None, None, None), "done", ""),
    ],
)
def test_of_several_messages_none_keeps_another_from_being_done(
    errors: tuple[Exception | None, ...], outcome: str, reason: str
) -> None:
    begun: list[str] = []

    async def consumer(message: Message[Any]) -> None:
        begun.append(message.body.bucket)
        if error := errors[len(begun) - 1]:
            raise error

    verdict = do(consumer, kind="bucket", text=json.dumps({"Records": [WRITTEN] * 3}))
    assert len(begun) == 3
    assert verdict.outcome == outcome
    assert verdict.reason.startswith(reason)
