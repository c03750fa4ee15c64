"""What calls functions by itself: events that nobody waits for, and queues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from sandbox.data import ports
from sandbox.workloads.functions import delivery
from sandbox.workloads.functions.batches import event_of, failures
from tests.sandbox.workloads.functions.functions_here import Here, Run, resource, until

MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:"
# The messages that say so fail, until a file says that they need not any more.
TAKE = """
import json, os
SEEN = []

def take(event, context):
    failed = []
    for record in event["Records"]:
        print("took", record["body"])
        if record["body"] == "bad" and int(record["attributes"]["ApproximateReceiveCount"]) < 2:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address=ports.HOST, port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def sqs(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(delivery.client, "start", lambda _: {"endpoint": endpoint})
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    return boto3.client("sqs", endpoint_url=endpoint, region_name="us-east-1", **keys)


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    return sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10).get("Messages", [])


@pytest.mark.e2e
def test_an_event_is_tried_three_times_and_put_aside(run: Run, sqs: Any) -> None:
    dead, told = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "told"))
    found: dict[str, list[dict[str, Any]]] = {dead: [], told: []}

    async def work(here: Here) -> None:
        arn = here.function("dev-fail", "fail", deadLetterConfig={"targetArn": f"{QUEUE}dead"})
        onwards = {"onFailure": {"destination": f"{QUEUE}told"}}
        here.add(resource(CONFIG, "dev-fail", "dev-fail", functionName="dev-fail", destinationConfig=onwards))
        await here.apply()
        assert (await here.functions.invoke(arn, b'{"key": 1}', kind="Event")).status == 202
        assert here.told("dev-fail")["asynchronous"] == 1

        def arrived() -> bool:
            for url, messages in found.items():
                messages.extend(received(sqs, url))
            return all(found.values())

        await until(arrived)
        assert here.told("dev-fail")["invocations"] == 3
        await until(lambda: here.told("dev-fail")["asynchronous"] == 0)

    run(work, speed=1000)
    letter = found[dead][0]
    assert json.loads(letter["Body"]) == {"key": 1}
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (attributes["ErrorCode"], attributes["ErrorMessage"]) == ("200", "no {'key': 1}")
    record = json.loads(found[told][0]["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"key": 1}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorType"] == "ValueError"


@pytest.mark.e2e
def test_throttled_events_wait_until_they_are_too_old(run: Run, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="old")["QueueUrl"]
    found: list[dict[str, Any]] = []

    async def work(here: Here) -> None:
        arn = here.function(
            "dev-closed", "echo", reservedConcurrentExecutions=0, deadLetterConfig={"targetArn": f"{QUEUE}old"}
        )
        here.add(resource(CONFIG, "dev-closed", "c", functionName="dev-closed", maximumEventAgeInSeconds=60))
        await here.apply()
        await here.functions.invoke(arn, b"1", kind="Event")

        def arrived() -> bool:
            found.extend(received(sqs, url))
            return bool(found)

        await until(arrived)

    run(work, speed=100)
    assert found[0]["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"


@pytest.mark.e2e
def test_a_queue_feeds_its_function_and_what_failed_comes_again(run: Run, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
    for number in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=f"good {number}")
    sqs.send_message(QueueUrl=url, MessageBody="bad")

    async def work(here: Here) -> None:
        arn = here.function("dev-worker", "take", TAKE)
        mapping = {
            "eventSourceArn": f"{QUEUE}jobs",
            "functionName": arn,
            "functionResponseTypes": ["ReportBatchItemFailures"],
            "scalingConfig": {"maximumConcurrency": 2},
        }
        here.add(resource(MAPPING, "dev-worker-jobs", "uuid", **mapping))
        await here.apply()
        lines = lambda: [line for line in here.lines("dev-worker") if line.startswith("took")]  # noqa: E731
        await until(lambda: lines().count("took bad") == 2)
        assert sorted(lines()) == sorted([f"took good {number}" for number in range(12)] + ["took bad"] * 2)
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def empty() -> bool:
            counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return set(counts.values()) == {"0"}

        await until(empty)
        told = here.functions.describe()["mappings"][0]
        assert (told["state"], told["messages"], told["failed"]) == ("Enabled", 14, 1)
        here.add(resource(MAPPING, "dev-worker-jobs", "uuid", **mapping, enabled=False))
        await here.apply()
        sqs.send_message(QueueUrl=url, MessageBody="later")
        assert here.functions.describe()["mappings"][0]["state"] == "Disabled"

    run(work, speed=300)


@pytest.mark.e2e
def test_a_mapping_that_is_not_simulated_polls_nothing_and_says_so(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-worker", "take", TAKE)
        stream = "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/1"
        here.add(resource(MAPPING, "dev-worker-a", "a", eventSourceArn=stream, functionName=arn))
        only = {"filters": [{"pattern": "{}"}]}
        here.add(
            resource(MAPPING, "dev-worker-b", "b", eventSourceArn=f"{QUEUE}q", functionName=arn, filterCriteria=only)
        )
        await here.apply()
        told = {one["uuid"]: (one["state"], one["reason"]) for one in here.functions.describe()["mappings"]}
        assert told["a"] == ("Failed", f"Not simulated: {stream}. Nothing is polled.")
        assert told["b"] == ("Failed", "Not simulated: filterCriteria. Nothing is polled.")
        assert [event.level for event in here.context.events.since()] == ["error", "error"]

    run(work)


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ("", "ab"),
        ("not json", "ab"),
        ("null", ""),
        ("{}", ""),
        ('{"batchItemFailures": []}', ""),
        ('{"batchItemFailures": null}', ""),
        ('{"batchItemFailures": [{"itemIdentifier": "a"}]}', "a"),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', "ab"),
        ('{"batchItemFailures": [{"itemIdentifier": null}]}', "ab"),
        ('{"batchItemFailures": [{"other": "a"}]}', "ab"),
        ('{"batchItemFailures": [{"itemIdentifier": "c"}]}', "ab"),
        ('{"batchItemFailures": 1}', "ab"),
        ('{"batchItemFailures": [{"itemIdentifier": []}]}', "ab"),
        ('"text"', "ab"),
    ],
)
def test_which_messages_failed_is_read_as_lambda_reads_it(answer: str, failed: str) -> None:
    assert failures(answer.encode(), ["a", "b"]) == set(failed)


def test_messages_become_the_event_that_aws_documents() -> None:
    message = {
        "MessageId": "m",
        "ReceiptHandle": "r",
        "Body": "b",
        "MD5OfBody": "5",
        "Attributes": {"ApproximateReceiveCount": "1"},
        "MessageAttributes": {
            "text": {"DataType": "String", "StringValue": "v"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
        },
    }
    nothing: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    assert json.loads(event_of([message], f"{QUEUE}jobs")) == {
        "Records": [
            {
                "messageId": "m",
                "receiptHandle": "r",
                "body": "b",
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {
                    "text": {**nothing, "dataType": "String", "stringValue": "v"},
                    "bytes": {**nothing, "dataType": "Binary", "binaryValue": "AAE="},
                },
                "md5OfBody": "5",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"{QUEUE}jobs",
                "awsRegion": "us-east-1",
            }
        ]
    }
