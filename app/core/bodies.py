"""What a delivery holds, by the kind of its trigger: the messages that a consumer is given.

Only a worker imports this: a service has the types in `app.core.messages`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote_plus

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from app.core.messages import Consumer, Json, Keyed, Message, Rejected, StoredObject, TableChange, Tick
from app.core.queues import Delivery


class _Bucket(BaseModel):
    name: str


class _Object(BaseModel):
    key: str
    size: int | None = None
    version: str | None = Field(None, alias="versionId")
    sequencer: str | None = None


class _S3(BaseModel):
    bucket: _Bucket
    object: _Object


class _Written(BaseModel):
    source: Literal["aws:s3"] = Field(alias="eventSource")
    event: str = Field(alias="eventName")
    s3: _S3


class _Notification(BaseModel):
    """Of S3, which encodes the key as a form field is encoded."""

    records: list[_Written] = Field(alias="Records")


class _Due(BaseModel):
    """What the stack has Scheduler send."""

    schedule: str
    time: datetime


class _DueByDefault(BaseModel):
    """What Scheduler sends where nobody says what."""

    source: Literal["aws.scheduler"]
    resources: list[str] = Field(min_length=1)
    time: datetime


class _Found(NamedTuple):
    body: Any
    key: str
    """What the body is told apart by; empty where it does not say."""


def messages(delivery: Delivery, kind: str, consumer: Consumer) -> list[Message[Any]]:
    """Return the messages of a delivery, none where it is a test of S3's.

    Raises:
        Rejected: it is not what its trigger sends, or has no key.
    """
    try:
        document: Json = from_json(delivery.text)
    except ValueError as error:
        raise Rejected(f"the body is not JSON: {error}") from None
    try:
        found = list(_KINDS[kind](document))
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in wrong["loc"]) or "the body"
        raise Rejected(f"the body is not what a {kind} sends: {place}: {wrong['msg']}") from None
    return [
        Message(
            trigger=delivery.trigger,
            id=delivery.id,
            body=one.body,
            attempts=delivery.attempts,
            sent=delivery.sent,
            key=_key(consumer, one, delivery.id if len(found) == 1 else f"{delivery.id}/{place}"),
        )
        for place, one in enumerate(found)
    ]


def _key(consumer: Consumer, found: _Found, otherwise: str) -> str:
    if not isinstance(consumer, Keyed):
        return found.key or otherwise
    try:
        key = consumer.by(found.body)
    except Exception as error:  # noqa: BLE001 the body is anybody's, so anything can be wrong with it
        raise Rejected(f"the body has no key: {type(error).__name__}: {error}") from None
    if not key:
        raise Rejected("the key of the body is empty")
    return key


def _queue(document: Json) -> Iterator[_Found]:
    yield _Found(document, "")


def _bucket(document: Json) -> Iterator[_Found]:
    if isinstance(document, dict) and document.get("Event") == "s3:TestEvent":
        return
    for written in _Notification.model_validate(document).records:
        item, bucket = written.s3.object, written.s3.bucket.name
        stored = StoredObject(
            event=written.event, bucket=bucket, key=unquote_plus(item.key), size=item.size, version=item.version
        )
        # S3 may tell the same twice, in two messages; the sequencer is the same.
        yield _Found(stored, f"{bucket}/{item.key}/{item.sequencer}" if item.sequencer else "")


def _schedule(document: Json) -> Iterator[_Found]:
    if isinstance(document, dict) and "detail-type" in document:
        said = _DueByDefault.model_validate(document)
        tick = Tick(at=said.time, schedule=said.resources[0])
    else:
        due = _Due.model_validate(document)
        tick = Tick(at=due.time, schedule=due.schedule)
    yield _Found(tick, f"{tick.schedule} {tick.at.isoformat()}")


def _stream(document: Json) -> Iterator[_Found]:
    # Only here: no other kind needs what it imports.
    from aws_lambda_powertools.utilities.parser.models.dynamodb import DynamoDBStreamRecordModel  # noqa: PLC0415

    try:
        record = DynamoDBStreamRecordModel.model_validate(document)
    except (ArithmeticError, AttributeError, TypeError) as error:
        # A number that DynamoDB could not hold has no words of its own.
        reason = "it holds a number that no table can" if isinstance(error, ArithmeticError) else str(error)
        raise Rejected(f"the body is not what a stream sends: {reason}") from None
    change = record.dynamodb
    old, new = (image if isinstance(image, dict) else None for image in (change.OldImage, change.NewImage))
    yield _Found(TableChange(event=record.eventName, keys=change.Keys, old=old, new=new), record.eventID)


_KINDS: dict[str, Callable[[Json], Iterator[_Found]]] = {
    "queue": _queue,
    "bucket": _bucket,
    "schedule": _schedule,
    "stream": _stream,
}
KINDS = frozenset(_KINDS)
"""Kinds of triggers that a worker understands."""
