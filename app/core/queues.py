"""SQS as a worker needs it. Every call blocks: a loop makes them in threads.

A message costs a request to take, one to delete and one for each 20 s of work beyond; a queue that is empty costs three
requests a minute for each worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from app.core.worker_settings import WorkerSettings

LEASE = 60
"""Seconds that a message stays hidden when nothing more is heard of who took it."""
MOST = 10
"""Messages that one request returns, at most."""

AWS_ERRORS = (BotoCoreError, ClientError)
"""What boto3 raises when AWS says no, or nothing."""

_WAIT = 20
"""Seconds, the longest that SQS waits for a message before it answers that there is none."""
_LONGEST_REASON = 1000
_LONGEST_HIDDEN = 43_200


@dataclass(frozen=True)
class Delivery:
    """A message as SQS hands it out, before anything is known of its body."""

    trigger: str
    id: str
    receipt: str
    text: str
    attempts: int
    sent: datetime

    @classmethod
    def of(cls, trigger: str, record: Mapping[str, Any]) -> Delivery:
        """Read a record, as the API writes it (`MessageId`) or as Lambda's event does (`messageId`)."""
        said = {name[0].lower() + name[1:]: value for name, value in record.items()}
        attributes = said["attributes"]
        return cls(
            trigger=trigger,
            id=said["messageId"],
            receipt=said["receiptHandle"],
            text=said["body"],
            attempts=int(attributes["ApproximateReceiveCount"]),
            sent=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
        )


class Queues:
    """The queues of one worker, by trigger."""

    def __init__(self, settings: WorkerSettings, sqs: Any) -> None:  # noqa: ANN401 boto3 makes its clients at run time
        self._urls = settings.queues
        self._dead = settings.dead_letters
        self._sqs = sqs
        # Who is told to stop waits for the answer, so that what is in it can be given back.
        self._wait = min(_WAIT, settings.stop_seconds)
        self._triggers = {url.rpartition("/")[2]: trigger for trigger, url in self._urls.items()}

    def trigger_of(self, arn: str) -> str | None:
        """Return the trigger whose queue has an ARN."""
        return self._triggers.get(arn.rpartition(":")[2])

    async def take(self, trigger: str, most: int) -> list[Delivery]:
        """Wait for messages and return them; each is hidden from others for the time of the lease."""
        answer = await asyncio.to_thread(
            self._sqs.receive_message,
            QueueUrl=self._urls[trigger],
            MaxNumberOfMessages=min(most, MOST),
            WaitTimeSeconds=self._wait,
            VisibilityTimeout=LEASE,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        return [Delivery.of(trigger, record) for record in answer.get("Messages", ())]

    async def hide(self, delivery: Delivery, seconds: float) -> None:
        """Let a message be seen again after so many seconds from now; 0 gives it back at once."""
        await self._call(self._sqs.change_message_visibility, delivery, VisibilityTimeout=_whole(seconds))

    async def delete(self, delivery: Delivery) -> None:
        """Forget a message for good."""
        await self._call(self._sqs.delete_message, delivery)

    async def park(self, delivery: Delivery, reason: str) -> None:
        """Put a copy of a message into the dead letter queue, with why it is there."""
        told = {
            "reason": _readable(reason),
            "trigger": delivery.trigger,
            "id": delivery.id,
            "attempts": str(delivery.attempts),
        }
        await asyncio.to_thread(
            self._sqs.send_message,
            QueueUrl=self._dead[delivery.trigger],
            MessageBody=delivery.text,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in sorted(told.items())
            },
        )

    async def _call(self, call: Callable[..., object], delivery: Delivery, **rest: object) -> None:
        url = self._urls[delivery.trigger]
        await asyncio.to_thread(call, QueueUrl=url, ReceiptHandle=delivery.receipt, **rest)


def _whole(seconds: float) -> int:
    return min(round(seconds), _LONGEST_HIDDEN)


def _readable(reason: str) -> str:
    """Return a reason as SQS takes it: not empty, not endless, and nothing that XML has no character for."""
    text = "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in reason)
    return text[:_LONGEST_REASON] or "no reason was given"
