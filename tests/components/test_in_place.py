"""No option of what keeps data, or feeds a worker, changes a property that replaces: judged by the sandbox's facts.

What a table is found by is left out: its key and the types in it cannot change in any way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from components.bucket import Bucket
from components.bucket_events import Arrival, BucketEvents
from components.queue import Queue
from components.schedule import Schedule
from components.secret import Secret
from components.stateful import STATEFUL_TYPES
from components.table import Table
from components.table_stream import TableStream
from components.topic import Topic
from sandbox.control import paths
from sandbox.control.diff import diff
from sandbox.control.facts import Catalog
from sandbox.control.scope import Scope

Deploy = Callable[[Callable[[], Any]], Any]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
CATALOG = Catalog()
SCOPE = Scope(region="us-east-1")


def table(**choices: Any) -> None:
    given: dict[str, Any] = {"key": ["id"], "attributes": {"id": "S"}, **choices}
    Table("dev-t", **given)


def bucket(**choices: Any) -> None:
    Bucket("dev-b", **choices)


def secret(**choices: Any) -> None:
    Secret("dev-s", **choices)


def topic(**choices: Any) -> None:
    Topic("dev-n", **choices)


def fed(**choices: Any) -> None:
    """Declare a queue with all that may feed it; choices for what they are called after."""
    bucket = Bucket("dev-b")
    queue = Queue("dev-q", bucket_arns=[bucket.arn], **choices.get("queue", {}))
    BucketEvents("dev-b", bucket=bucket, arrivals=[Arrival(queue=queue, **choices.get("arrival", {}))])
    timed: dict[str, Any] = {"expression": "rate(1 hour)", **choices.get("schedule", {})}
    Schedule("dev-q", queue=queue, **timed)
    source = Table("dev-t", key=["id"], attributes={"id": "S"}, stream=True, **choices.get("table", {}))
    TableStream("dev-q", table=source, queue=queue)


@dataclass(frozen=True)
class Change:
    """What makes a component, and its options before and after."""

    make: Callable[..., Any]
    before: dict[str, Any]
    after: dict[str, Any]

    def __str__(self) -> str:
        what = "-".join((*sorted(self.before), "to", *sorted(self.after)))
        return f"{self.make.__name__}-{what}"


def changes(make: Callable[..., Any], **options: Any) -> list[Change]:
    """Return a change of each option from its default, and back."""
    return [
        change
        for name, value in options.items()
        for change in (Change(make, {}, {name: value}), Change(make, {name: value}, {}))
    ]


CHANGES = [
    *changes(
        table,
        key_arn=KEY,
        guarded=False,
        stream=True,
        ttl="expires",
    ),
    Change(
        table,
        {},
        {"attributes": {"id": "S", "day": "S", "time": "N"}, "indexes": {"by-day": ["day", "time"]}},
    ),
    *changes(
        bucket,
        key_arn=KEY,
        guarded=False,
        versioned=False,
        infrequent_days=30,
        archive_days=90,
        expire_days=365,
        access_log_days=90,
    ),
    *changes(secret, key_arn=KEY, guarded=False, recovery_days=7),
    *changes(
        topic,
        key_arn=KEY,
        email=["a@example.com"],
        https=["https://example.com/hook"],
    ),
    *changes(
        fed,
        arrival={"prefix": "in/", "suffix": ".sol"},
        queue={"key_arn": KEY, "visibility_seconds": 600},
        schedule={"expression": "cron(0 8 ? * MON-FRI *)", "timezone": "Europe/Berlin"},
        table={"key_arn": KEY, "guarded": False},
    ),
]


def compared(deploy: Deploy, change: Change) -> tuple[set[str], list[str], list[str]]:
    """Return what differs, what is replaced and which data goes, after a change of options."""
    sides = [
        {(one.type, one.name): one for one in deploy(lambda given=given: change.make(**given)) if one.custom}
        for given in (change.before, change.after)
    ]
    before, after = sides
    touched: set[str] = set()
    replaced: list[str] = []
    for identity in before.keys() & after.keys():
        kind = CATALOG.get(identity[0])
        assert kind is not None, identity
        found = diff(kind, SCOPE, before[identity].inputs, after[identity].inputs, state={})
        touched |= {f"{identity[0]} {paths.show(path)}" for path in found.changes}
        replaced += [f"{identity[0]} {paths.show(path)}" for path in found.replaces]
    gone = [
        kind for kind, name in before.keys() - after.keys() if kind in STATEFUL_TYPES and not name.endswith("-logs")
    ]
    return touched, replaced, gone


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_an_option_replaces_nothing_and_takes_no_data_away(deploy: Deploy, change: Change) -> None:
    _, replaced, gone = compared(deploy, change)
    assert replaced == []
    assert gone == []


def test_the_judge_sees_what_replaces(deploy: Deploy) -> None:
    other = {"key": ["name"], "attributes": {"name": "S"}}
    assert "aws:dynamodb/table:Table hashKey" in compared(deploy, Change(table, {}, other))[1]
    named = Change(secret, {}, {"import_id": f"arn:aws:x:r:1:secret:n-{'a' * 6}"})
    assert "aws:secretsmanager/secret:Secret name" in compared(deploy, named)[1]


def test_options_change_what_they_are_about(deploy: Deploy) -> None:
    touched = {what for change in CHANGES for what in compared(deploy, change)[0]}
    assert {
        "aws:dynamodb/table:Table globalSecondaryIndexes[0]",
        "aws:dynamodb/table:Table serverSideEncryption",
        "aws:dynamodb/table:Table streamEnabled",
        "aws:dynamodb/table:Table ttl",
        "aws:s3/bucket:Bucket forceDestroy",
        "aws:secretsmanager/secret:Secret kmsKeyId",
        "aws:sns/topic:Topic kmsMasterKeyId",
        "aws:sqs/queue:Queue visibilityTimeoutSeconds",
        "aws:scheduler/schedule:Schedule scheduleExpression",
        "aws:s3/bucketNotification:BucketNotification queues[0].filterSuffix",
    } <= touched


# All that is set of what replaces: whose it is, what is read or told, and a table's key.
IDENTITIES = {
    "aws:dynamodb/table:Table": {"hashKey", "rangeKey"},
    "aws:iam/rolePolicy:RolePolicy": {"role"},
    "aws:pipes/pipe:Pipe": {"source", "sourceParameters.dynamodbStreamParameters.startingPosition"},
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"bucket"},
    "aws:s3/bucketLogging:BucketLogging": {"bucket"},
    "aws:s3/bucketNotification:BucketNotification": {"bucket"},
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": {"bucket"},
    "aws:s3/bucketPolicy:BucketPolicy": {"bucket"},
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {"bucket"},
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {"bucket"},
    "aws:s3/bucketVersioning:BucketVersioning": {"bucket"},
    "aws:sns/topicPolicy:TopicPolicy": {"arn"},
    "aws:sns/topicSubscription:TopicSubscription": {"endpoint", "protocol", "topic"},
    "aws:sqs/queuePolicy:QueuePolicy": {"queueUrl"},
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": {"queueUrl"},
}


def test_nothing_that_replaces_is_set_but_what_tells_one_from_another(deploy: Deploy) -> None:
    def program() -> None:
        Table(
            "dev-a",
            key=["id", "time"],
            attributes={"id": "S", "time": "N"},
            indexes={"by-time": ["time"]},
            ttl="expires",
            key_arn=KEY,
        )
        Bucket("dev-a", infrequent_days=30, archive_days=90, expire_days=365, access_log_days=90, key_arn=KEY)
        secret(key_arn=KEY)
        topic(key_arn=KEY, email=["a@example.com"])
        fed()

    found: dict[str, set[str]] = {}
    for one in deploy(program):
        kind = CATALOG.get(one.type)
        if kind is None:
            assert not one.custom, one.type
            continue
        given = {paths.show(path) for path in kind.replace if paths.first(one.inputs, path) is not None}
        if given:
            found.setdefault(one.type, set()).update(given)
    assert found == IDENTITIES
