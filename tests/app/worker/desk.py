"""What the tests of workers share: a service with a trigger of each kind, and where its messages are."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import boto3

TRIGGERS = {"jobs": "queue", "uploaded": "bucket", "hourly": "schedule", "written": "stream"}
PARCELS = '''
"""Takes parcels; what is done with one is up to the test."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from fastapi import APIRouter

from app.core.messages import Keyed, Message
from app.core.service import Service

TAKEN = []
STATE = {"open": False}


async def act(message: Message) -> None:
    pass


async def take(message: Message) -> None:
    assert STATE["open"]
    await act(message)
    TAKEN.append(message)


def create(environ: Mapping[str, str]) -> Service:
    @asynccontextmanager
    async def lifespan() -> AsyncGenerator[None]:
        STATE["open"] = True
        yield
        STATE["open"] = False

    consumers = {"jobs": Keyed(take, by=lambda body: str(body["job"]))}
    consumers |= dict.fromkeys(("uploaded", "hourly", "written"), take)
    return Service(router=APIRouter(), lifespan=lifespan, consumers=consumers)
'''
KEYS = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "us-east-1"}


def manifest() -> str:
    triggers = "".join(f'[triggers.{name}]\nkind = "{kind}"\n' for name, kind in TRIGGERS.items())
    return f'title = "Parcels"\nsummary = "Takes parcels."\nroute = "/parcels"\n{triggers}'


@dataclass
class Desk:
    """Where the parcels' messages are: what a stack makes for a service with these triggers."""

    endpoint: str
    environ: dict[str, str]
    sqs: Any = field(repr=False)
    dynamodb: Any = field(repr=False)

    def url(self, trigger: str = "jobs") -> str:
        return json.loads(self.environ["QUEUES"])[trigger]

    def send(self, *bodies: object, trigger: str = "jobs") -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            self.sqs.send_message(QueueUrl=self.url(trigger), MessageBody=text)

    def waiting(self, trigger: str = "jobs") -> tuple[int, int]:
        """Return how many messages can be seen and how many are hidden."""
        found = self.sqs.get_queue_attributes(QueueUrl=self.url(trigger), AttributeNames=["All"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])

    def parked(self, trigger: str = "jobs") -> list[tuple[str, dict[str, str]]]:
        """Take what was parked: bodies and attributes."""
        url, found = json.loads(self.environ["DEAD_LETTERS"])[trigger], []
        while received := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for one in received:
                told = {name: value["StringValue"] for name, value in one.get("MessageAttributes", {}).items()}
                found.append((one["Body"], told))
        return found

    def records(self) -> list[dict[str, Any]]:
        """Return what idempotency remembers."""
        return self.dynamodb.scan(TableName=self.environ["IDEMPOTENCY_TABLE"])["Items"]

    def event(self, *triggers: str) -> dict[str, Any]:
        """Take what waits, as Lambda would hand it to the function."""
        names = {"MessageId": "messageId", "ReceiptHandle": "receiptHandle", "Body": "body"}
        records: list[dict[str, Any]] = []
        for trigger in triggers or ("jobs",):
            received = self.sqs.receive_message(
                QueueUrl=self.url(trigger), MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
            )
            for one in received.get("Messages", ()):
                arn = f"arn:aws:sqs:us-east-1:123456789012:{self.url(trigger).rpartition('/')[2]}"
                record = {new: one[old] for old, new in names.items()}
                same = {"attributes": one["Attributes"], "messageAttributes": {}, "md5OfBody": one["MD5OfBody"]}
                records.append({**record, **same, "eventSource": "aws:sqs", "eventSourceARN": arn})
        return {"Records": records}


def client(name: str, endpoint: str) -> Any:
    """Return a client of a service of AWS."""
    return boto3.client(
        name,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
