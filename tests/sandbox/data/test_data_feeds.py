"""What feeds queues: schedules by a clock that the test moves, pipes by a table's stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.control.account import Resource
from sandbox.data import mirror, schedules
from sandbox.data.aws import Services
from sandbox.data.feeds import PIPE, SCHEDULE, Feeds

pytestmark = pytest.mark.e2e

REGION = "eu-central-1"
QUEUE = f"arn:aws:sqs:{REGION}:123456789012:jobs"
URL = f"https://sqs.{REGION}.amazonaws.com/123456789012/jobs"
STREAM = f"arn:aws:dynamodb:{REGION}:123456789012:table/results/stream/2026-03-01T00:00:00.000"
START = datetime(2026, 3, 1, 7, 59, 30, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def resource(key: int, kind: str, identity: str, /, **outputs: Any) -> Resource:
    return Resource(key, kind, REGION, identity, f"urn:pulumi:dev::shop::{kind}::{identity}", {}, outputs)


def queue(key: int = 1) -> Resource:
    return resource(key, "aws:sqs/queue:Queue", URL, name="jobs", url=URL, arn=QUEUE, visibilityTimeoutSeconds=0)


def schedule(expression: str, **more: Any) -> Resource:
    target = {"arn": QUEUE, **({"input": more.pop("input")} if "input" in more else {})}
    arn = f"arn:aws:scheduler:{REGION}:123456789012:schedule/default/hourly"
    return resource(2, SCHEDULE, "hourly", arn=arn, scheduleExpression=expression, target=target, **more)


def table(**more: Any) -> Resource:
    index = {"name": "by-day", "keySchemas": [{"attributeName": "day", "keyType": "HASH"}], "projectionType": "ALL"}
    told = {
        "name": "results",
        "hashKey": "hash",
        "attributes": [{"name": "hash", "type": "S"}, {"name": "day", "type": "S"}],
        "globalSecondaryIndexes": [index],
        "streamEnabled": True,
        "streamViewType": "NEW_AND_OLD_IMAGES",
        "streamLabel": "2026-03-01T00:00:00.000",
    }
    return resource(3, "aws:dynamodb/table:Table", "results", **{**told, **more})


def pipe(position: str = "TRIM_HORIZON") -> Resource:
    parameters = {"dynamodbStreamParameters": {"startingPosition": position}}
    arn = f"arn:aws:pipes:{REGION}:123456789012:pipe/written"
    return resource(4, PIPE, "written", arn=arn, source=STREAM, target=QUEUE, sourceParameters=parameters)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("services") / "services.pickle"


@pytest.fixture(scope="module")
def services(file: Path) -> Iterator[Services]:
    made = Services(file, 0, lambda _, __: None)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def fresh(services: Services) -> Iterator[None]:
    """Begin each test with an empty account."""
    yield
    assert mirror.bring_about(services, []) == {}
    services.notes.clear()


def sent(services: Services) -> list[Any]:
    sqs = services.client("sqs", REGION)
    bodies: list[Any] = []
    while messages := sqs.receive_message(QueueUrl=URL, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=URL, ReceiptHandle=message["ReceiptHandle"])
    return bodies


@pytest.mark.parametrize(
    ("expression", "zone", "due"),
    [
        ("rate(1 minute)", "UTC", "2026-03-01T08:00:30+00:00"),
        ("rate(2 hours)", "UTC", "2026-03-01T09:59:30+00:00"),
        ("rate(1 day)", "UTC", "2026-03-02T07:59:30+00:00"),
        ("cron(0 8 * * ? *)", "UTC", "2026-03-01T08:00:00+00:00"),
        ("cron(0 9 * * ? *)", "Europe/Berlin", "2026-03-01T08:00:00+00:00"),
        ("cron(0 8 ? * MON-FRI *)", "", "2026-03-02T08:00:00+00:00"),
        ("cron(0/15 * ? * 2#1 *)", "UTC", "2026-03-02T00:00:00+00:00"),
        ("cron(0 0 L * ? *)", "UTC", "2026-03-31T00:00:00+00:00"),
        ("at(2026-03-01T09:00:00)", "Europe/Berlin", "2026-03-01T08:00:00+00:00"),
        ("at(2026-03-01T07:00:00)", "UTC", None),
        ("cron(0 8 * * ? 2020)", "UTC", None),
    ],
)
def test_when_a_schedule_is_due(expression: str, zone: str, due: str | None) -> None:
    found = schedules.next_time(expression, zone, START, START)
    assert (found and found.isoformat()) == due


def test_the_wall_clock_keeps_its_hour_when_summer_begins() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    found = schedules.next_time("cron(0 9 * * ? *)", "Europe/Berlin", before, before)
    assert found is not None
    assert found.isoformat() == "2026-03-29T07:00:00+00:00"


class TestSchedules:
    def test_each_time_that_is_due_sends_one_message_with_its_time(self, services: Services) -> None:
        given = json.dumps({"schedule": "<aws.scheduler.schedule-arn>", "time": "<aws.scheduler.scheduled-time>"})
        hourly, clock = schedule("cron(0 * * * ? *)", input=given), Clock()
        feeds = Feeds(services, clock)
        mirror.bring_about(services, [queue()])
        feeds.take([queue(), hourly])
        feeds.turn()
        assert sent(services) == []
        clock.move(seconds=31)
        feeds.turn()
        feeds.turn()
        assert sent(services) == [{"schedule": hourly.outputs["arn"], "time": "2026-03-01T08:00:00Z"}]
        clock.move(hours=1)
        feeds.turn()
        assert [body["time"] for body in sent(services)] == ["2026-03-01T09:00:00Z"]

    def test_what_was_due_while_nothing_ran_is_not_made_up_for(self, services: Services) -> None:
        clock = Clock()
        feeds = Feeds(services, clock)
        mirror.bring_about(services, [queue()])
        feeds.take([queue(), schedule("rate(1 minute)")])
        feeds.turn()
        clock.move(minutes=10)
        feeds.turn()
        assert [(body["detail-type"], body["time"]) for body in sent(services)] == [
            ("Scheduled Event", "2026-03-01T08:00:30Z")
        ]

    def test_a_disabled_or_changed_or_removed_one_does_not_fire(self, services: Services) -> None:
        clock = Clock()
        feeds = Feeds(services, clock)
        mirror.bring_about(services, [queue()])
        for others in ([schedule("rate(1 minute)", state="DISABLED")], [schedule("rate(1 day)")], []):
            feeds.take([queue(), *others])
            feeds.turn()
            clock.move(minutes=2)
            feeds.turn()
        assert sent(services) == []


class TestPipes:
    def test_each_change_of_a_table_arrives_once_in_order(self, services: Services) -> None:
        resources = [queue(), table(), pipe()]
        assert mirror.bring_about(services, resources) == {}
        feeds = Feeds(services, Clock())
        database = services.client("dynamodb", REGION)
        database.put_item(TableName="results", Item={"hash": {"S": "a"}, "blob": {"B": b"\x00\xff"}})
        feeds.take(resources)
        feeds.turn()
        database.put_item(TableName="results", Item={"hash": {"S": "a"}, "note": {"S": "new"}})
        database.delete_item(TableName="results", Key={"hash": {"S": "a"}})
        feeds.turn()
        feeds.turn()
        first, second, third = sent(services)
        assert (first["eventName"], second["eventName"], third["eventName"]) == ("INSERT", "MODIFY", "REMOVE")
        assert first["dynamodb"]["NewImage"]["blob"] == {"B": "AP8="}
        assert second["dynamodb"]["OldImage"]["hash"] == {"S": "a"}
        assert second["dynamodb"]["NewImage"]["note"] == {"S": "new"}
        assert {change["eventSourceARN"] for change in (first, second, third)} == {STREAM}
        assert {change["awsRegion"] for change in (first, second, third)} == {REGION}
        assert isinstance(first["dynamodb"]["ApproximateCreationDateTime"], int)
        assert len({change["eventID"] for change in (first, second, third)}) == 3

    def test_one_that_begins_with_the_latest_leaves_out_what_was_before(self, services: Services) -> None:
        resources = [queue(), table(), pipe("LATEST")]
        mirror.bring_about(services, resources)
        database = services.client("dynamodb", REGION)
        database.put_item(TableName="results", Item={"hash": {"S": "before"}})
        feeds = Feeds(services, Clock())
        feeds.take(resources)
        feeds.turn()
        database.put_item(TableName="results", Item={"hash": {"S": "after"}})
        feeds.turn()
        assert [change["dynamodb"]["Keys"]["hash"]["S"] for change in sent(services)] == ["after"]

    def test_changes_wait_while_the_queue_is_not_there(self, services: Services) -> None:
        mirror.bring_about(services, [table(), pipe()])
        feeds = Feeds(services, Clock())
        feeds.take([table(), pipe()])
        services.client("dynamodb", REGION).put_item(TableName="results", Item={"hash": {"S": "a"}})
        feeds.turn()
        mirror.bring_about(services, [queue(), table(), pipe()])
        feeds.turn()
        assert len(sent(services)) == 1


def test_a_table_changes_its_indexes_and_its_stream_in_place(services: Services) -> None:
    mirror.bring_about(services, [table(streamEnabled=False, streamLabel="")])
    database = services.client("dynamodb", REGION)
    database.put_item(TableName="results", Item={"hash": {"S": "kept"}})
    changed = table(globalSecondaryIndexes=[], ttl={"enabled": True, "attributeName": "expires"})
    assert mirror.bring_about(services, [changed]) == {}
    described = database.describe_table(TableName="results")["Table"]
    assert described["LatestStreamArn"] == STREAM
    assert described.get("GlobalSecondaryIndexes", []) == []
    assert database.describe_time_to_live(TableName="results")["TimeToLiveDescription"]["AttributeName"] == "expires"
    assert database.scan(TableName="results")["Count"] == 1


def test_a_message_that_fails_too_often_goes_to_the_dead_letters(services: Services) -> None:
    dead_arn, dead_url = f"{QUEUE}-dead", f"{URL}-dead"
    dead = resource(1, "aws:sqs/queue:Queue", dead_url, name="jobs-dead", url=dead_url, arn=dead_arn)
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    redrive = resource(5, "aws:sqs/redrivePolicy:RedrivePolicy", URL, queueUrl=URL, redrivePolicy=policy)
    assert mirror.bring_about(services, [dead, queue(2), redrive]) == {}
    sqs = services.client("sqs", REGION)
    sqs.send_message(QueueUrl=URL, MessageBody='"poison"')
    assert len(sqs.receive_message(QueueUrl=URL)["Messages"]) == 1
    assert "Messages" not in sqs.receive_message(QueueUrl=URL)
    assert sqs.receive_message(QueueUrl=dead_url)["Messages"][0]["Body"] == '"poison"'


def test_secrets_go_by_the_arn_that_the_account_gave_them(services: Services) -> None:
    arn = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:keys-AbCdEf"
    secret = resource(1, "aws:secretsmanager/secret:Secret", arn, name="keys", arn=arn)
    version = resource(
        2, "aws:secretsmanager/secretVersion:SecretVersion", "v", secretId=arn, secretString='{"KEY": "value"}'
    )
    mirror.bring_about(services, [secret])
    assert mirror.secret_value(services, REGION, arn) is None
    assert mirror.bring_about(services, [secret, version]) == {}
    assert mirror.secret_value(services, REGION, arn) == '{"KEY": "value"}'
    services.client("secretsmanager", REGION).put_secret_value(SecretId=arn, SecretString="by a person")
    assert mirror.bring_about(services, [secret, version]) == {}
    assert mirror.secret_value(services, REGION, arn) == "by a person"


def test_objects_arrive_in_the_queue_whose_filter_means_them_and_two_writes_differ(services: Services) -> None:
    bucket = resource(2, "aws:s3/bucket:Bucket", "uploads", bucket="uploads", arn="arn:aws:s3:::uploads")
    versioning = resource(
        3,
        "aws:s3/bucketVersioning:BucketVersioning",
        "uploads",
        bucket="uploads",
        versioningConfiguration={"status": "Enabled"},
    )
    events = resource(
        4,
        "aws:s3/bucketNotification:BucketNotification",
        "uploads",
        bucket="uploads",
        queues=[{"queueArn": QUEUE, "events": ["s3:ObjectCreated:*"], "filterPrefix": "", "filterSuffix": ".sol"}],
    )
    assert mirror.bring_about(services, [queue(), bucket, versioning, events]) == {}
    assert [body["Event"] for body in sent(services)] == ["s3:TestEvent"]
    s3 = services.client("s3", REGION)
    for name in ("a b.sol", "a.txt", "a b.sol"):
        s3.put_object(Bucket="uploads", Key=name, Body=b"contract")
    records = [body["Records"][0] for body in sent(services)]
    assert [record["s3"]["object"]["key"] for record in records] == ["a+b.sol", "a+b.sol"]
    first, second = (record["s3"]["object"] for record in records)
    assert first["sequencer"] < second["sequencer"]
    assert first["versionId"] != second["versionId"]
    assert records[0]["awsRegion"] == REGION


def test_topics_reach_the_queues_that_are_subscribed(services: Services) -> None:
    arn = f"arn:aws:sns:{REGION}:123456789012:notices"
    topic = resource(2, "aws:sns/topic:Topic", arn, name="notices", arn=arn)
    subscription = resource(
        3,
        "aws:sns/topicSubscription:TopicSubscription",
        "one",
        topic=arn,
        protocol="sqs",
        endpoint=QUEUE,
        rawMessageDelivery=True,
    )
    letters = resource(
        4, "aws:sns/topicSubscription:TopicSubscription", "two", topic=arn, protocol="email", endpoint=""
    )
    assert mirror.bring_about(services, [queue(), topic, subscription, letters]) == {}
    services.client("sns", REGION).publish(TopicArn=arn, Message='"news"')
    assert sent(services) == ["news"]


def test_everything_held_is_in_the_file_and_comes_back(services: Services, file: Path, tmp_path: Path) -> None:
    mirror.bring_about(services, [queue()])
    services.client("sqs", REGION).send_message(QueueUrl=URL, MessageBody='"kept"')
    services.keep(now=True)
    kept = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    services.client("sqs", REGION).purge_queue(QueueUrl=URL)
    other = tmp_path / "copy.pickle"
    other.write_bytes(kept)
    again = Services(other, 0, lambda _, __: None)
    try:
        assert sent(again) == ["kept"]
        assert again.notes["applied"][1].outputs["name"] == "jobs"
    finally:
        again.close()
