"""Queues with their dead letters, and the schedules and streams that feed them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.queue import Queue
from components.schedule import Schedule
from components.service import Link
from components.table import Table
from components.table_stream import TableStream

Deploy = Callable[[Callable[[], Any]], Any]
Linked = Callable[[Callable[[], Link]], dict[str, Any]]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
ARN = "arn:aws:sqs:us-east-1:123456789012:dev-contracts-jobs-1a2b3c4"
DEAD_ARN = "arn:aws:sqs:us-east-1:123456789012:dev-contracts-jobs-dead-letter-1a2b3c4"
DAY = 24 * 3600


def queue(**choices: Any) -> Queue:
    return Queue("dev-contracts-jobs", **choices)


def of(recorded: Any, kind: str, name: str) -> Any:
    return recorded.one(kind, name).inputs


def statements(recorded: Any, kind: str, name: str) -> list[dict[str, Any]]:
    return json.loads(of(recorded, kind, name)["policy"])["Statement"]


def schedule(**choices: Any) -> None:
    Schedule("dev-contracts-hourly", queue=queue(**choices), expression="rate(1 hour)")


def stream(**choices: Any) -> None:
    table = Table("dev-contracts-results", key=["hash"], attributes={"hash": "S"}, stream=True, **choices)
    TableStream("dev-contracts-written", table=table, queue=queue(**choices))


def test_what_fails_five_times_goes_to_the_dead_letters(deploy: Deploy) -> None:
    recorded = deploy(queue)
    policy = json.loads(of(recorded, "sqs/queue:Queue", "dev-contracts-jobs")["redrivePolicy"])
    assert policy == {"deadLetterTargetArn": DEAD_ARN, "maxReceiveCount": 5}
    allowed = json.loads(of(recorded, "RedriveAllowPolicy", "dev-contracts-jobs-dead-letter")["redriveAllowPolicy"])
    assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [ARN]}


def test_dead_letters_are_kept_as_long_as_sqs_can_and_longer_than_messages(deploy: Deploy) -> None:
    recorded = deploy(queue)
    kept = {
        name: of(recorded, "sqs/queue:Queue", name)["messageRetentionSeconds"]
        for name in ("dev-contracts-jobs", "dev-contracts-jobs-dead-letter")
    }
    assert kept == {"dev-contracts-jobs": 7 * DAY, "dev-contracts-jobs-dead-letter": 14 * DAY}


def test_a_message_may_be_as_large_as_sqs_takes_it_when_it_is_parked_too(deploy: Deploy) -> None:
    assert {one.inputs["maxMessageSize"] for one in deploy(queue).all("sqs/queue:Queue")} == {1024 * 1024}


def test_a_message_is_hidden_for_as_long_as_asked(deploy: Deploy) -> None:
    recorded = deploy(lambda: queue(visibility_seconds=1800))
    assert of(recorded, "sqs/queue:Queue", "dev-contracts-jobs")["visibilityTimeoutSeconds"] == 1800


@pytest.mark.parametrize("key", [None, KEY])
def test_both_queues_are_encrypted_and_take_tls_only(deploy: Deploy, key: str | None) -> None:
    recorded = deploy(lambda: queue(key_arn=key))
    made = recorded.all("sqs/queue:Queue")
    assert len(made) == 2
    for one in made:
        found = (one.inputs.get("kmsMasterKeyId"), one.inputs.get("sqsManagedSseEnabled"))
        assert found == ((None, True) if key is None else (key, None))
        tls, *others = statements(recorded, "QueuePolicy", one.name)
        assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        assert others == [], "nobody is let in by a policy but buckets"


@pytest.mark.parametrize(("visibility", "late"), [(30, 900), (1800, 3600)])
def test_people_hear_of_dead_letters_and_of_messages_nobody_takes(deploy: Deploy, visibility: int, late: int) -> None:
    recorded = deploy(lambda: queue(visibility_seconds=visibility))
    parked = of(recorded, "MetricAlarm", "dev-contracts-jobs-parked")
    assert parked["metricName"] == "ApproximateNumberOfMessagesVisible"
    assert parked["dimensions"] == {"QueueName": "dev-contracts-jobs-dead-letter-1a2b3c4"}
    assert parked["threshold"] == 0
    waiting = of(recorded, "MetricAlarm", "dev-contracts-jobs-late")
    assert waiting["metricName"] == "ApproximateAgeOfOldestMessage"
    assert waiting["dimensions"] == {"QueueName": "dev-contracts-jobs-1a2b3c4"}
    assert waiting["threshold"] == late


def test_who_sends_knows_the_url_and_may_send(linked: Linked) -> None:
    link = linked(lambda: queue().link("jobs"))
    assert link["environment"] == {
        "JOBS_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/dev-contracts-jobs-1a2b3c4"
    }
    assert link["statements"] == [{"actions": ["sqs:SendMessage"], "resources": [ARN], "conditions": {}}]


@pytest.mark.parametrize(
    ("allow", "actions", "resources", "uses"),
    [
        (lambda made: made.allow("SendMessage"), ["SendMessage"], [ARN], ["Decrypt", "GenerateDataKey"]),
        (
            lambda made: made.allow("ReceiveMessage", "DeleteMessage"),
            ["ReceiveMessage", "DeleteMessage"],
            [ARN],
            ["Decrypt"],
        ),
        (lambda made: made.allow("DeleteMessage"), ["DeleteMessage"], [ARN], []),
        (lambda made: made.allow_parking(), ["SendMessage"], [DEAD_ARN], ["Decrypt", "GenerateDataKey"]),
        (lambda made: made.allow_feeding(), ["SendMessage"], [ARN, DEAD_ARN], ["Decrypt", "GenerateDataKey"]),
    ],
)
def test_a_key_is_used_for_what_is_in_messages_alone(
    linked: Linked, allow: Callable[[Queue], Any], actions: list[str], resources: list[str], uses: list[str]
) -> None:
    first, *key = linked(lambda: Link(name="jobs", statements=allow(queue(key_arn=KEY))))["statements"]
    assert first["actions"] == [f"sqs:{action}" for action in actions]
    assert first["resources"] == resources
    assert [one["actions"] for one in key] == ([[f"kms:{use}" for use in uses]] if uses else [])
    via = {"StringEquals": {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}}
    assert all((one["resources"], one["conditions"]) == ([KEY], via) for one in key)


def test_actions_of_others_are_refused(deploy: Deploy) -> None:
    with pytest.raises(ValueError, match="SendMessageBatch is a call, not an action of IAM: write SendMessage"):
        deploy(lambda: queue().link("jobs", actions=["SendMessageBatch"]))
    with pytest.raises(ValueError, match="PurgeQueue is no action of a queue"):
        deploy(lambda: queue().link("jobs", actions=["PurgeQueue"]))


def test_a_schedule_comes_at_its_second_and_says_when_it_was_due(deploy: Deploy) -> None:
    made = deploy(schedule).one("scheduler/schedule:Schedule").inputs
    assert made["flexibleTimeWindow"] == {"mode": "OFF"}
    assert (made["scheduleExpression"], made["scheduleExpressionTimezone"]) == ("rate(1 hour)", "UTC")
    target = made["target"]
    assert (target["arn"], target["deadLetterConfig"]) == (ARN, {"arn": DEAD_ARN})
    assert target["retryPolicy"] == {"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185}
    assert json.loads(target["input"]) == {
        "schedule": "<aws.scheduler.schedule-arn>",
        "time": "<aws.scheduler.scheduled-time>",
    }


def test_a_schedule_may_send_to_its_queue_and_its_dead_letters_alone(deploy: Deploy) -> None:
    recorded = deploy(schedule)
    (sending,) = statements(recorded, "RolePolicy", "dev-contracts-hourly-schedule")
    assert sending == {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": sorted([ARN, DEAD_ARN])}
    assert (
        "aws:iam/rolePolicy:RolePolicy::dev-contracts-hourly-schedule"
        in recorded.one("scheduler/schedule:Schedule").depends_on
    )


def trust(recorded: Any, name: str) -> dict[str, Any]:
    (statement,) = json.loads(of(recorded, "iam/role:Role", name)["assumeRolePolicy"])["Statement"]
    return statement


def test_only_schedules_and_pipes_of_this_account_take_the_roles(deploy: Deploy) -> None:
    hourly = trust(deploy(schedule), "dev-contracts-hourly-schedule")
    assert hourly["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert hourly["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws:scheduler:us-east-1:123456789012:schedule-group/default"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    written = trust(deploy(stream), "dev-contracts-written-stream")
    assert written["Principal"] == {"Service": "pipes.amazonaws.com"}
    assert written["Condition"]["ArnLike"] == {
        "aws:SourceArn": "arn:aws:pipes:us-east-1:123456789012:pipe/dev-contracts-written-*"
    }


def test_a_stream_loses_nothing_while_dynamodb_has_it(deploy: Deploy) -> None:
    made = deploy(stream).one("Pipe").inputs
    assert made["source"].endswith("table/dev-contracts-results-1a2b3c4/stream/2026-01-02T03:04:05.678")
    assert made["target"] == ARN
    reading = made["sourceParameters"]["dynamodbStreamParameters"]
    assert reading["startingPosition"] == "TRIM_HORIZON"
    assert (reading["maximumRetryAttempts"], reading["maximumRecordAgeInSeconds"]) == (-1, -1)
    assert reading["deadLetterConfig"] == {"arn": DEAD_ARN}
    assert "targetParameters" not in made, "records arrive as DynamoDB wrote them"


def test_a_pipe_may_read_the_stream_and_send_and_nothing_else(deploy: Deploy) -> None:
    recorded = deploy(lambda: stream(key_arn=KEY))
    allowed = {
        action: one["Resource"]
        for one in statements(recorded, "RolePolicy", "dev-contracts-written-stream")
        for action in one["Action"]
    }
    assert {action for action in allowed if not action.startswith("kms:")} == {
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "sqs:SendMessage",
    }
    assert {action for action in allowed if action.startswith("kms:")} == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert all("/stream/" in arn for arn in allowed["dynamodb:GetRecords"])


def test_a_table_without_a_stream_is_refused(deploy: Deploy) -> None:
    def program() -> None:
        TableStream("dev-w", table=Table("dev-t", key=["id"], attributes={"id": "S"}), queue=queue())

    with pytest.raises(ValueError, match="the table dev-t has no stream; make it with stream=True"):
        deploy(program)
