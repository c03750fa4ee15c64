"""A delivery becomes what its trigger's kind says, or is rejected with a reason; nothing else ever happens to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from app.core.bodies import KINDS, messages
from app.core.messages import Json, Keyed, Message, Rejected, StoredObject, TableChange, Tick
from app.core.queues import Delivery
from tests.app.worker.desk import TRIGGERS, Desk, client

SENT = datetime(2026, 11, 21, 12, 0, 0, 500_000, UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
WRITTEN: dict[str, Any] = {
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "awsRegion": "us-east-1",
    "eventTime": "2026-11-21T12:00:00.000Z",
    "eventName": "ObjectCreated:Put",
    "s3": {
        "bucket": {"name": "uploads-1a2b3c", "arn": "arn:aws:s3:::uploads-1a2b3c"},
        "object": {
            "key": "a+b/caf%C3%A9%2B1.sol",
            "size": 12,
            "eTag": "0" * 32,
            "versionId": "v1",
            "sequencer": "0055AED6DCD90281E5",
        },
    },
}
CHANGED: dict[str, Any] = {
    "eventID": "c4ca4238a0b923820dcc509a6f75849b",
    "eventVersion": "1.1",
    "eventName": "MODIFY",
    "eventSource": "aws:dynamodb",
    "awsRegion": "us-east-1",
    "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/results/stream/2026-11-21T12:00:00.000",
    "dynamodb": {
        "ApproximateCreationDateTime": 1_795_262_400,
        "Keys": {"hash": {"S": "abc"}},
        "OldImage": {"hash": {"S": "abc"}, "cost": {"N": "1.5"}},
        "NewImage": {"hash": {"S": "abc"}, "cost": {"N": "2"}, "tags": {"L": [{"BOOL": True}, {"NULL": True}]}},
        "SequenceNumber": "111",
        "SizeBytes": 26,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    },
}
DUE = {"schedule": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/hourly", "time": "2026-11-21T12:00:00Z"}
DUE_BY_DEFAULT = {
    "version": "0",
    "id": "1",
    "detail-type": "Scheduled Event",
    "source": "aws.scheduler",
    "account": "123456789012",
    "time": "2026-11-21T12:00:00Z",
    "region": "us-east-1",
    "resources": [DUE["schedule"]],
    "detail": "{}",
}


async def _consumer(message: Message[Any]) -> None:
    pass


def _read(kind: str, body: Any, consumer: Any = _consumer) -> list[Message[Any]]:
    text = body if isinstance(body, str) else json.dumps(body)
    return messages(Delivery("t", "id-1", "receipt", text, 2, SENT), kind, consumer)


def _one(kind: str, body: Any, consumer: Any = _consumer) -> Message[Any]:
    (message,) = _read(kind, body, consumer)
    return message


def test_every_kind_of_a_manifest_is_understood() -> None:
    assert frozenset(TRIGGERS.values()) == KINDS


def test_a_delivery_reads_alike_from_the_api_and_from_an_event() -> None:
    attributes = {"ApproximateReceiveCount": "2", "SentTimestamp": str(int(SENT.timestamp() * 1000))}
    api = {"MessageId": "id-1", "ReceiptHandle": "receipt", "Body": "{}", "Attributes": attributes}
    event = {"messageId": "id-1", "receiptHandle": "receipt", "body": "{}", "attributes": attributes}
    assert Delivery.of("t", api) == Delivery.of("t", event) == Delivery("t", "id-1", "receipt", "{}", 2, SENT)


def test_a_queue_brings_json_known_by_the_messages_id() -> None:
    message = _one("queue", {"a": [1]})
    assert message == Message(trigger="t", id="id-1", body={"a": [1]}, attempts=2, sent=SENT, key="id-1")


def test_a_consumer_may_say_what_makes_work_the_same() -> None:
    assert _one("queue", {"hash": "abc"}, Keyed(_consumer, by=lambda body: body["hash"])).key == "abc"
    by_object = Keyed(_consumer, by=lambda stored: stored.key)
    assert _one("bucket", {"Records": [WRITTEN]}, by_object).key == "a b/café+1.sol"


@pytest.mark.parametrize(("body", "said"), [({}, "KeyError: 'hash'"), ([], "TypeError"), ({"hash": ""}, "is empty")])
def test_a_body_without_its_key_is_rejected(body: Any, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        _read("queue", body, Keyed(_consumer, by=lambda body: body["hash"]))


def test_a_bucket_brings_objects_by_their_real_keys() -> None:
    message = _one("bucket", {"Records": [WRITTEN]})
    assert message.body == StoredObject("ObjectCreated:Put", "uploads-1a2b3c", "a b/café+1.sol", 12, "v1")
    assert message.key == "uploads-1a2b3c/a+b/caf%C3%A9%2B1.sol/0055AED6DCD90281E5"


def test_a_notification_of_several_objects_is_several_messages() -> None:
    bare = {**WRITTEN, "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}
    keys = [message.key for message in _read("bucket", {"Records": [WRITTEN, bare, bare]})]
    assert keys[1:] == ["id-1/1", "id-1/2"]


def test_the_test_of_a_bucket_is_no_message() -> None:
    assert _read("bucket", {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b", "HostId": "h"}) == []


def test_what_a_bucket_really_sends_is_understood(desk: Desk) -> None:
    s3, bucket = client("s3", desk.endpoint), f"b-{desk.environ['IDEMPOTENCY_TABLE']}"
    s3.create_bucket(Bucket=bucket)
    arn = f"arn:aws:sqs:us-east-1:123456789012:{desk.url('uploaded').rpartition('/')[2]}"
    rule = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [rule]})
    s3.put_object(Bucket=bucket, Key="a b/ü+1.sol", Body=b"contract")
    found: list[Message[Any]] = []
    for record in desk.event("uploaded")["Records"]:
        found += messages(Delivery.of("uploaded", record), "bucket", _consumer)
    assert [message.body for message in found] == [StoredObject("ObjectCreated:Put", bucket, "a b/ü+1.sol", 8)]
    s3.close()


@pytest.mark.parametrize("body", [DUE, DUE_BY_DEFAULT])
def test_a_schedule_brings_when_it_was_due(body: dict[str, Any]) -> None:
    message = _one("schedule", body)
    assert message.body == Tick(datetime(2026, 11, 21, 12, tzinfo=UTC), DUE["schedule"])
    assert message.key == _one("schedule", DUE).key, "the same hour twice is one piece of work"


def test_a_stream_brings_plain_values() -> None:
    message = _one("stream", CHANGED)
    new = {"hash": "abc", "cost": Decimal(2), "tags": [True, None]}
    old = {"hash": "abc", "cost": Decimal("1.5")}
    assert message.body == TableChange("MODIFY", {"hash": "abc"}, old, new)
    assert message.key == CHANGED["eventID"]


def test_a_stream_may_hold_keys_alone() -> None:
    change = {"Keys": {"n": {"N": "1"}}, "SequenceNumber": "1", "SizeBytes": 1, "StreamViewType": "KEYS_ONLY"}
    removed = {**CHANGED, "eventName": "REMOVE", "dynamodb": change}
    assert _one("stream", removed).body == TableChange("REMOVE", {"n": Decimal(1)})


def _cut(document: Any, chance: Callable[[Any], Any]) -> Any:
    """Return a document in which one value, somewhere, is another."""
    if isinstance(document, dict) and document:
        key = chance(st.sampled_from(sorted(document)))
        return {**document, key: _cut(document[key], chance)}
    return chance(JSON)


@given(text=st.text() | JSON.map(json.dumps), kind=st.sampled_from(sorted(KINDS)))
def test_nonsense_is_rejected_with_a_reason(text: str, kind: str) -> None:
    try:
        found = _read(kind, text)
    except Rejected as rejected:
        assert str(rejected)  # noqa: PT017 either is right
    else:
        assert all(message.key for message in found)


@given(data=st.data(), kind=st.sampled_from(["bucket", "schedule", "stream"]))
def test_what_is_nearly_right_is_rejected_or_understood(data: st.DataObject, kind: str) -> None:
    broken = _cut({"bucket": WRITTEN, "schedule": DUE, "stream": CHANGED}[kind], data.draw)
    try:
        assert len(_read(kind, {"Records": [broken]} if kind == "bucket" else broken)) == 1
    except Rejected as rejected:
        assert str(rejected).startswith("the body is not ")  # noqa: PT017 either is right


@pytest.mark.parametrize("number", ["100000000000000020000000000000000000000.5", "1e999", "many"])
def test_a_number_that_no_table_can_hold_is_rejected(number: str) -> None:
    image = {"hash": {"S": "abc"}, "cost": {"N": number}}
    with pytest.raises(Rejected, match="not what a stream sends"):
        _read("stream", {**CHANGED, "dynamodb": {**CHANGED["dynamodb"], "NewImage": image}})


class Job(BaseModel):
    hash: str
    lines: int


def _message(body: Json) -> Message[Json]:
    return Message(trigger="jobs", id="1", body=body, attempts=1, sent=SENT, key="1")


def test_a_body_reads_as_a_model() -> None:
    assert _message({"hash": "a", "lines": 2}).read(Job) == Job(hash="a", lines=2)


def test_a_body_that_fits_no_model_is_rejected_by_its_fields_and_never_shown() -> None:
    with pytest.raises(Rejected) as rejected:
        _message({"hash": "hunter2", "lines": "hunter2"}).read(Job)
    assert str(rejected.value).startswith("no Job: lines: ")
    assert "hunter2" not in str(rejected.value)
    with pytest.raises(Rejected, match=r"no Job: the body: Input should be a valid dictionary"):
        _message([]).read(Job)
