"""A service whose messages are in SQS and DynamoDB, as moto serves them on loopback."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import app.services
from app.core import service
from benchmarks.messages import moto
from tests.app.worker.desk import KEYS, PARCELS, TRIGGERS, Desk, client, manifest


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """Serve SQS, S3 and DynamoDB; yields the address."""
    with moto() as endpoint:
        yield endpoint


@pytest.fixture
def code() -> tuple[str, str]:
    """The service's package and its manifest."""
    return PARCELS, manifest()


@pytest.fixture
def parcels(code: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Make `parcels` a service of the app; yields its module."""
    folder = tmp_path / "services/parcels"
    folder.mkdir(parents=True)
    for name, text in zip(("__init__.py", "service.toml"), code, strict=True):
        (folder / name).write_text(text)
    monkeypatch.setattr(service, "_FOLDERS", folder.parent)
    monkeypatch.setattr(app.services, "__path__", [*app.services.__path__, str(folder.parent)])
    importlib.invalidate_caches()
    yield importlib.import_module("app.services.parcels")
    del sys.modules["app.services.parcels"]


@pytest.fixture
def triggers() -> list[str]:
    """Triggers that get a queue."""
    return list(TRIGGERS)


@pytest.fixture
def desk(aws: str, parcels: ModuleType, triggers: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Make the queues and the table, and let this process's environment name them."""
    clients = {name: client(name, aws) for name in ("sqs", "dynamodb")}
    name = f"parcels-{uuid.uuid4().hex[:8]}"
    queues, dead = {}, {}
    for trigger in triggers:
        dead[trigger] = clients["sqs"].create_queue(QueueName=f"{name}-{trigger}-dead-letter")["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:123456789012:{name}-{trigger}-dead-letter"
        policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})}
        queues[trigger] = clients["sqs"].create_queue(QueueName=f"{name}-{trigger}", Attributes=policy)["QueueUrl"]
    clients["dynamodb"].create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    environ = {
        **KEYS,
        "AWS_ENDPOINT_URL": aws,
        "SERVICES": "parcels=/parcels",
        "QUEUES": json.dumps(queues),
        "DEAD_LETTERS": json.dumps(dead),
        "IDEMPOTENCY_TABLE": name,
        "METRICS": "off",
        "STOP_SECONDS": "1",
        "WORKER_BACKOFF": "0",
    }
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    yield Desk(aws, environ, clients["sqs"], clients["dynamodb"])
    for made in clients.values():
        made.close()


@pytest.fixture
def deliver(desk: Desk) -> Iterator[Callable[..., list[str]]]:
    """Run the function on what waits, in an instance of its own; returns the ids that are to be seen again."""
    sys.modules.pop("app.worker", None)
    worker = importlib.import_module("app.worker")

    class Context:
        milliseconds = 60_000

        def get_remaining_time_in_millis(self) -> int:
            return self.milliseconds

    def run(*triggers: str, event: dict[str, Any] | None = None, milliseconds: int = 60_000) -> list[str]:
        Context.milliseconds = milliseconds
        answer = worker.lambda_handler(event or desk.event(*triggers), Context())
        # The mapping deletes what the answer does not name.
        failed = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
        assert answer.keys() == {"batchItemFailures"}
        return failed

    yield run
    if worker._loop is not None:
        with suppress(StopAsyncIteration):
            worker._loop.run_until_complete(worker._opened.__aexit__(None, None, None))
        worker._loop.run_until_complete(worker._loop.shutdown_default_executor())
        worker._loop.close()
    sys.modules.pop("app.worker", None)
    asyncio.set_event_loop(None)
