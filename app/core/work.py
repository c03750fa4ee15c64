"""One delivery from beginning to end, whoever took it: what it holds is done once, or it is said what became of it.

Who took it deletes or hides the message by the verdict.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from opentelemetry import trace

from app.core import bodies
from app.core.exchange import Exchange, current
from app.core.idempotency import InProgressError, Once
from app.core.logs import Fields
from app.core.message_metrics import MessageRecorder, Outcome
from app.core.messages import Consumer, Rejected
from app.core.queues import AWS_ERRORS, Delivery, Queues
from app.core.worker_settings import WorkerSettings

_GROWTH = 4
_LONGEST_BACKOFF = 900

_log = logging.getLogger("app.messages")
_tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class Trigger:
    """What feeds a worker: the kind says what its messages hold."""

    kind: str
    consumer: Consumer
    once: Once


@dataclass(frozen=True)
class Verdict:
    """What became of a delivery."""

    outcome: Outcome
    reason: str = ""
    retry_after: float = 0
    """Seconds until it is to be seen again, where it is not over."""

    @property
    def over(self) -> bool:
        """Whether the message can be deleted."""
        return self.outcome in {"done", "duplicate", "parked"}


class Work:
    """The work of one service's triggers."""

    def __init__(
        self,
        settings: WorkerSettings,
        triggers: Mapping[str, Trigger],
        queues: Queues,
        recorder: MessageRecorder | None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._settings = settings
        self._triggers = triggers
        self._queues = queues
        self._recorder = recorder
        self._uniform = uniform

    async def do(self, delivery: Delivery, seconds: float) -> Verdict:
        """Do what a delivery holds within so many seconds, count and log it. Nothing but a cancellation gets out."""
        began = perf_counter()
        token = current.set(Exchange(delivery.id, "", {}))
        try:
            with _tracer.start_as_current_span(f"process {delivery.trigger}", kind=trace.SpanKind.CONSUMER):
                verdict = await self._judge(delivery, seconds)
                taken = perf_counter() - began
                if self._recorder is not None:
                    self._recorder.ended(delivery.trigger, verdict.outcome, taken)
                _log_delivery(delivery, verdict, taken)
        finally:
            current.reset(token)
        return verdict

    async def _judge(self, delivery: Delivery, seconds: float) -> Verdict:
        try:
            return await self._consume(delivery, seconds)
        except InProgressError as error:
            return Verdict("busy", str(error), self._later(delivery, error.seconds))
        except Rejected as error:
            return await self._park(delivery, str(error))
        except Exception as error:  # noqa: BLE001 whatever a consumer raises, the others' messages go on
            _log.exception("Attempt %d at a message of %s failed", delivery.attempts, delivery.trigger)
            reason = f"{type(error).__name__}: {error}"
        # SQS would park it without a word when it is taken once more.
        if delivery.attempts >= self._settings.worker_attempts:
            return await self._park(delivery, reason)
        return self._again(delivery, reason)

    async def _consume(self, delivery: Delivery, seconds: float) -> Verdict:
        """Do each message of a delivery, so that none keeps another from being done; raise the least final failure."""
        trigger = self._triggers[delivery.trigger]
        until = perf_counter() + seconds
        failures: list[Exception] = []
        messages = bodies.messages(delivery, trigger.kind, trigger.consumer)
        ran = not messages
        for message in messages:
            try:
                ran |= await trigger.once.run(
                    message.key, partial(trigger.consumer, message), max(0, until - perf_counter())
                )
            except Exception as error:  # noqa: BLE001 it is raised below
                failures.append(error)
        if failures:
            raise min(failures, key=_finality)
        return Verdict("done" if ran else "duplicate")

    async def _park(self, delivery: Delivery, reason: str) -> Verdict:
        try:
            await self._queues.park(delivery, reason)
        except AWS_ERRORS as error:
            # It stays where it is. At last SQS moves it itself, and this line is all that says why.
            return self._again(delivery, f"{reason}; the dead letter queue does not take it: {error}")
        return Verdict("parked", reason)

    def _again(self, delivery: Delivery, reason: str) -> Verdict:
        return Verdict("failed", reason, self._backoff(delivery))

    def _backoff(self, delivery: Delivery) -> float:
        longest = min(_LONGEST_BACKOFF, self._settings.worker_backoff * _GROWTH ** min(delivery.attempts - 1, 10))
        # Not all at once: what failed together, such as by a lost connection, would meet again.
        return self._uniform(longest / 2, longest)

    def _later(self, delivery: Delivery, left: float) -> float:
        """Return when to look again at what somebody else does and may be done with any moment."""
        if delivery.attempts >= self._settings.worker_attempts - 1:
            # SQS would park it when it is taken too often, so the last look is when the other is done or gone.
            return left + self._uniform(0, 1)
        return min(left, self._backoff(delivery))


def _finality(failure: Exception) -> int:
    return 2 if isinstance(failure, Rejected) else 0 if isinstance(failure, InProgressError) else 1


def _log_delivery(delivery: Delivery, verdict: Verdict, seconds: float) -> None:
    fields: Fields = {
        "trigger": delivery.trigger,
        "message_id": delivery.id,
        "attempts": delivery.attempts,
        "outcome": verdict.outcome,
        "milliseconds": round(seconds * 1000, 2),
    }
    if verdict.reason:
        fields["reason"] = verdict.reason
    if not verdict.over:
        fields["retry_after"] = round(verdict.retry_after)
    level = logging.WARNING if verdict.outcome in {"failed", "parked"} else logging.INFO
    _log.log(level, "message", extra={"fields": fields})
