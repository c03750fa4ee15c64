"""Tables, what buckets tell queues, schedules and pipes: what AWS refuses, and what it makes up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.control.errors import Refusal
from sandbox.control.wire import UNKNOWN, Value, Values

if TYPE_CHECKING:
    from tests.sandbox.conftest import Cloud, Made

TABLE = "aws:dynamodb/table:Table"
BUCKET = "aws:s3/bucket:Bucket"
NOTIFICATION = "aws:s3/bucketNotification:BucketNotification"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
SCHEDULE = "aws:scheduler/schedule:Schedule"
PIPE = "aws:pipes/pipe:Pipe"
ROLE = "aws:iam/role:Role"
KEYED: Values = {"billingMode": "PAY_PER_REQUEST", "hashKey": "id", "attributes": [{"name": "id", "type": "S"}]}
STREAM: Values = {"streamEnabled": True, "streamViewType": "NEW_IMAGE"}


def ttl(attribute: str) -> Values:
    return {"enabled": True, "attributeName": attribute}


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"rangeKey": "time"}, "all indexes must match a defined attribute. Unmatched indexes: ['time']"),
        (
            {"attributes": [{"name": "id", "type": "S"}, {"name": "text", "type": "S"}]},
            "all attributes must be indexed. Unused attributes: ['text']",
        ),
        ({"streamEnabled": True}, "stream_view_type is required when stream_enabled = true"),
        ({"streamViewType": "NEW_IMAGE"}, "stream_enabled is required when stream_view_type is set"),
        ({"ttl": {"enabled": True}}, '"ttl[0].attribute_name" must be specified'),
        ({"readCapacity": 5}, 'read_capacity can not be set when billing_mode is "PAY_PER_REQUEST"'),
    ],
)
def test_what_does_not_go_together_is_said_at_preview(cloud: Cloud, inputs: Values, says: str) -> None:
    _, (failure, *_) = cloud.check(TABLE, "results", {**KEYED, **inputs})
    assert says in failure


def test_attributes_of_every_kind_of_key_count(cloud: Cloud) -> None:
    names = ("id", "time", "day", "owner", "size")
    index: Value = {
        "name": "by-day",
        "projectionType": "ALL",
        "keySchemas": [{"attributeName": "day", "keyType": "HASH"}],
    }
    old_index: Value = {"name": "by-owner", "projectionType": "ALL", "hashKey": "owner"}
    inputs: Values = {
        **KEYED,
        "rangeKey": "time",
        "attributes": [{"name": name, "type": "S"} for name in names],
        "globalSecondaryIndexes": [index, old_index],
        "localSecondaryIndexes": [{"name": "by-size", "projectionType": "ALL", "rangeKey": "size"}],
    }
    assert cloud.check(TABLE, "results", inputs)[1] == []


def test_what_is_not_known_yet_is_not_judged(cloud: Cloud) -> None:
    assert cloud.check(TABLE, "results", {**KEYED, "rangeKey": UNKNOWN})[1] == []


def test_a_table_needs_a_key_when_it_is_made(cloud: Cloud) -> None:
    with pytest.raises(Refusal, match="ValidationException: No key schema"):
        cloud.create(TABLE, "results", billingMode="PAY_PER_REQUEST")


def test_a_stream_has_an_arn_and_another_one_when_it_was_off(cloud: Cloud) -> None:
    table = cloud.create(TABLE, "results", **KEYED, **STREAM)
    first = str(table.outputs["streamArn"])
    assert first == f"{table.outputs['arn']}/stream/{table.outputs['streamLabel']}"
    other = cloud.update(table, deletionProtectionEnabled=True)
    assert other.outputs["streamArn"] == first
    off = cloud.update(other, streamEnabled=False, streamViewType=None)
    assert off.outputs["streamArn"] == ""
    assert cloud.update(table, preview=True, streamViewType="KEYS_ONLY").outputs["streamArn"] == UNKNOWN


def test_a_table_without_a_stream_has_no_arn_of_one(cloud: Cloud) -> None:
    assert cloud.create(TABLE, "results", **KEYED).outputs["streamArn"] == ""


@pytest.mark.parametrize(
    "change",
    [
        {"hashKey": "name", "attributes": [{"name": "name", "type": "S"}]},
        {"rangeKey": "time", "attributes": [{"name": "id", "type": "S"}, {"name": "time", "type": "N"}]},
        {"localSecondaryIndexes": [{"name": "by-id", "projectionType": "ALL", "rangeKey": "id"}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_key_is_another_table(cloud: Cloud, change: dict[str, Any]) -> None:
    assert cloud.diff(cloud.create(TABLE, "results", **KEYED), **change).replaces


@pytest.mark.parametrize(
    "change",
    [
        {"ttl": ttl("expires")},
        {"pointInTimeRecovery": {"enabled": True}},
        STREAM,
        {"deletionProtectionEnabled": True},
        {"tableClass": "STANDARD_INFREQUENT_ACCESS"},
        {"globalSecondaryIndexes": [{"name": "by-id", "projectionType": "ALL", "hashKey": "id"}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_else_changes_in_place(cloud: Cloud, change: dict[str, Any]) -> None:
    planned = cloud.diff(cloud.create(TABLE, "results", **KEYED), **change)
    assert planned.changes
    assert not planned.replaces


def test_what_is_no_longer_said_of_time_to_live_stays_on(cloud: Cloud) -> None:
    table = cloud.create(TABLE, "results", **KEYED, ttl=ttl("expires"))
    assert cloud.diff(table, ttl=None).changes == {}


def test_time_to_live_moves_to_no_other_attribute_while_it_is_on(cloud: Cloud) -> None:
    table = cloud.create(TABLE, "results", **KEYED, ttl=ttl("expires"))
    with pytest.raises(Refusal, match="active on a different AttributeName: current AttributeName is expires"):
        cloud.update(table, ttl=ttl("gone"))


def test_a_protected_table_is_not_deleted(cloud: Cloud) -> None:
    table = cloud.create(TABLE, "results", **KEYED, deletionProtectionEnabled=True)
    with pytest.raises(Refusal, match="Disable deletion protection first"):
        cloud.delete(table)
    cloud.delete(cloud.update(table, deletionProtectionEnabled=False))


@pytest.fixture
def bucket(cloud: Cloud) -> Made:
    return cloud.create(BUCKET, "uploads")


@pytest.fixture
def queue(cloud: Cloud) -> Made:
    return cloud.create(QUEUE, "jobs")


def let_in(cloud: Cloud, queue: Made, **statement: Value) -> None:
    whole: Value = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue.outputs["arn"],
        **statement,
    }
    cloud.create(QUEUE_POLICY, "jobs", queueUrl=queue.id, policy=json.dumps({"Statement": [whole]}))


def told(queue: Made, **filters: str) -> Values:
    return {"queueArn": queue.outputs["arn"], "events": ["s3:ObjectCreated:*"], **filters}


def test_a_bucket_tells_no_queue_that_does_not_let_it(cloud: Cloud, bucket: Made, queue: Made) -> None:
    with pytest.raises(Refusal, match="Unable to validate the following destination configurations"):
        cloud.create(NOTIFICATION, "uploads", bucket=bucket.id, queues=[told(queue)])


@pytest.mark.parametrize(
    ("statement", "lets"),
    [
        ({}, True),
        ({"Action": ["SQS:*"]}, True),
        ({"Condition": {"ArnEquals": {"aws:SourceArn": "{bucket}"}}}, True),
        ({"Condition": {"ArnLike": {"aws:SourceArn": ["arn:aws:s3:::up*"]}}}, True),
        ({"Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::other"}}}, False),
        ({"Effect": "Deny"}, False),
        ({"Principal": {"Service": "sns.amazonaws.com"}}, False),
        ({"Action": "sqs:ReceiveMessage"}, False),
    ],
)
def test_a_queue_lets_a_bucket_send_by_its_policy(
    cloud: Cloud, bucket: Made, queue: Made, statement: Values, lets: bool
) -> None:
    text = json.dumps(statement).replace("{bucket}", str(bucket.outputs["arn"]))
    let_in(cloud, queue, **json.loads(text))
    if lets:
        assert cloud.create(NOTIFICATION, "uploads", bucket=bucket.id, queues=[told(queue)]).id == bucket.id
    else:
        with pytest.raises(Refusal, match="Unable to validate"):
            cloud.create(NOTIFICATION, "uploads", bucket=bucket.id, queues=[told(queue)])


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ({"filterSuffix": ".sol"}, {"filterSuffix": ".csv"}, False),
        ({"filterSuffix": ".sol"}, {}, True),
        ({"filterPrefix": "in/"}, {"filterPrefix": "in/a"}, True),
        ({"filterPrefix": "in/"}, {"filterPrefix": "out/"}, False),
        ({}, {"events": ["s3:ObjectRemoved:*"]}, False),
        ({}, {"events": ["s3:ObjectCreated:Put"]}, True),
    ],
)
def test_one_object_is_told_once(
    cloud: Cloud, bucket: Made, queue: Made, *, one: Values, other: Values, overlap: bool
) -> None:
    let_in(cloud, queue)
    queues: Value = [{**told(queue), **filters} for filters in (one, other)]
    if not overlap:
        assert cloud.create(NOTIFICATION, "uploads", bucket=bucket.id, queues=queues)
        return
    with pytest.raises(Refusal, match="InvalidArgument: Configurations overlap"):
        cloud.create(NOTIFICATION, "uploads", bucket=bucket.id, queues=queues)


def test_events_that_s3_does_not_have_are_refused(cloud: Cloud, bucket: Made, queue: Made) -> None:
    let_in(cloud, queue)
    wrong: Values = {**told(queue), "events": ["s3:ObjectMade:*"]}
    with pytest.raises(Refusal, match="s3:ObjectMade"):
        cloud.create(NOTIFICATION, "uploads", bucket=bucket.id, queues=[wrong])


@pytest.fixture
def role(cloud: Cloud) -> Made:
    return cloud.create(ROLE, "role", assumeRolePolicy='{"Version": "2012-10-17"}')


def schedule(cloud: Cloud, queue: Made, role: Made, expression: str, **inputs: Value) -> Made:
    target: Value = {"arn": queue.outputs["arn"], "roleArn": role.outputs["arn"]}
    return cloud.create(
        SCHEDULE,
        "hourly",
        scheduleExpression=expression,
        flexibleTimeWindow={"mode": "OFF"},
        target=target,
        **inputs,
    )


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 hour)",
        "rate(5 minutes)",
        "at(2030-01-31T08:00:00)",
        "cron(0 8 ? * MON-FRI *)",
        "cron(0/15 8-18 * * ? 2026)",
        "cron(0,30 0 L JAN,JUL ? *)",
        "cron(0 10 ? * 6L 2026-2030)",
        "cron(0 10 ? * MON#2 *)",
        "cron(0 10 15W * ? *)",
    ],
)
def test_moments_that_scheduler_knows_are_taken(cloud: Cloud, queue: Made, role: Made, expression: str) -> None:
    made = schedule(cloud, queue, role, expression)
    assert made.id.startswith("default/hourly-")
    assert str(made.outputs["arn"]).endswith(f":schedule/{made.id}")


@pytest.mark.parametrize(
    "expression",
    [
        "rate(0 hours)",
        "rate(1 week)",
        "rate(1.5 hours)",
        "at(2030-01-31)",
        "every day",
        "cron(0 8 * * *)",
        "cron(0 8 ? * ? *)",
        "cron(0 8 * * MON *)",
        "cron(60 8 ? * MON *)",
        "cron(0 24 ? * MON *)",
        "cron(0 8 32 * ? *)",
        "cron(0 8 ? 13 MON *)",
        "cron(0 8 ? * MOON *)",
        "cron(0 8 ? * 8 *)",
        "cron(0 8 ? * MON 1969)",
    ],
)
def test_moments_that_never_come_are_refused(cloud: Cloud, queue: Made, role: Made, expression: str) -> None:
    with pytest.raises(Refusal, match="ValidationException: Invalid Schedule Expression"):
        schedule(cloud, queue, role, expression)


def test_a_time_zone_has_to_exist(cloud: Cloud, queue: Made, role: Made) -> None:
    schedule(cloud, queue, role, "rate(1 hour)", scheduleExpressionTimezone="Europe/Berlin")
    with pytest.raises(Refusal, match="Invalid Schedule Expression Timezone Europe/Atlantis"):
        schedule(cloud, queue, role, "rate(2 hours)", scheduleExpressionTimezone="Europe/Atlantis")


def test_a_pipe_reads_a_stream_that_there_is(cloud: Cloud, queue: Made, role: Made) -> None:
    table = cloud.create(TABLE, "results", **KEYED, **STREAM)
    parameters: Values = {"dynamodbStreamParameters": {"startingPosition": "LATEST"}}
    given: Values = {"roleArn": role.outputs["arn"], "target": queue.outputs["arn"], "sourceParameters": parameters}
    pipe = cloud.create(PIPE, "written", source=table.outputs["streamArn"], **given)
    assert cloud.diff(
        pipe, sourceParameters={"dynamodbStreamParameters": {"startingPosition": "TRIM_HORIZON"}}
    ).replaces
    assert not cloud.diff(pipe, target=f"{queue.outputs['arn']}x").replaces
    with pytest.raises(Refusal, match="not found"):
        cloud.create(PIPE, "other", source=f"{table.outputs['arn']}/stream/2020-01-01T00:00:00.000", **given)
