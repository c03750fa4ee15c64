"""What a service's manifest declares, made in a server of moto on loopback; the code finds it as in a stack."""

from __future__ import annotations

import logging
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from boto3.session import Session
from moto.server import ThreadedMotoServer

from tests.app.granted import SERVICES

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
# Made before `granted.recorded` listens to any: what a test does itself is not the service's.
_SESSION = Session()


@contextmanager
def served() -> Iterator[str]:
    """Serve AWS's data services; yields the address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@dataclass(frozen=True)
class Cloud:
    """Where a service keeps its data: the clients of a test, and the service's environment."""

    endpoint: str
    environ: dict[str, str]

    def client(self, service: str) -> Any:
        """Return a client that sees what the service sees."""
        return _client(service, self.endpoint)

    def items(self, link: str) -> list[dict[str, Any]]:
        """Return what is in a table."""
        return self.client("dynamodb").scan(TableName=self.environ[f"{link.upper()}_TABLE"])["Items"]

    def empty(self) -> None:
        """Delete what is in the tables."""
        dynamodb = self.client("dynamodb")
        for variable, table in self.environ.items():
            if variable.endswith("_TABLE"):
                keys = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
                for item in dynamodb.scan(TableName=table)["Items"]:
                    key = {each["AttributeName"]: item[each["AttributeName"]] for each in keys}
                    dynamodb.delete_item(TableName=table, Key=key)

    def messages(self, trigger: str) -> list[dict[str, Any]]:
        """Take what is in a queue."""
        queue = self.environ[f"{trigger.upper()}_QUEUE"]
        sqs = self.client("sqs")
        found: list[dict[str, Any]] = []
        while received := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            found += received
            for message in received:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found


@cache
def _client(service: str, endpoint: str) -> Any:
    return _SESSION.client(
        service,
        region_name=KEYS["AWS_REGION"],
        endpoint_url=endpoint,
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )


def provision(endpoint: str, name: str) -> Cloud:
    """Make what a service's manifest declares, under names of its own."""
    manifest = tomllib.loads((SERVICES / name / "service.toml").read_text(encoding="utf-8"))
    environ = {**KEYS, "AWS_ENDPOINT_URL": endpoint, "SERVICES": f"{name}={manifest['route']}"}
    cloud, suffix = Cloud(endpoint, environ), uuid.uuid4().hex[:8]
    for link, declared in manifest["links"].items():
        variable, physical = link.upper(), f"{name}-{link}-{suffix}"
        match declared["kind"]:
            case "table":
                cloud.client("dynamodb").create_table(TableName=physical, **_shape(declared))
                environ[f"{variable}_TABLE"] = physical
            case "bucket":
                cloud.client("s3").create_bucket(Bucket=physical)
                environ[f"{variable}_BUCKET"] = physical
            case "topic":
                environ[f"{variable}_TOPIC"] = cloud.client("sns").create_topic(Name=physical)["TopicArn"]
            case _:
                pass
    for trigger, declared in manifest.get("triggers", {}).items():
        if declared["kind"] == "queue":
            url = cloud.client("sqs").create_queue(QueueName=f"{name}-{trigger}-{suffix}")["QueueUrl"]
            environ[f"{trigger.upper()}_QUEUE"] = url
    return cloud


def _shape(declared: dict[str, Any]) -> dict[str, Any]:
    indexes = [
        {"IndexName": index, "KeySchema": _keys(key), "Projection": {"ProjectionType": "ALL"}}
        for index, key in declared.get("indexes", {}).items()
    ]
    return {
        "KeySchema": _keys(declared["key"]),
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in declared["attributes"].items()
        ],
        "BillingMode": "PAY_PER_REQUEST",
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    }


def _keys(names: list[str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": role} for name, role in zip(names, ("HASH", "RANGE"), strict=False)]
