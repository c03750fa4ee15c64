"""Faults in front of AWS's data services reach clients as AWS's own errors, and go when they are undone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.control import faults as rules
from sandbox.control.account import Account
from sandbox.workloads import faults
from tests.sandbox.data.conftest import Place, eventually

pytestmark = pytest.mark.e2e

_CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamodb": ("list_tables", {}),
    "s3": ("list_buckets", {}),
    "secretsmanager": ("list_secrets", {}),
    "sns": ("list_topics", {}),
    "sqs": ("list_queues", {}),
}


@pytest.fixture
def account(place: Place) -> Iterator[Account]:
    opened = Account(place.folder)
    yield opened
    rules.clear(opened)
    opened.close()


def _client(place: Place, service: str, key: str = "dev-users") -> Any:
    told = place.environment()
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=told["AWS_ENDPOINT_URL"],
        aws_access_key_id=key,
        aws_secret_access_key="sandbox",
        config=Config(retries={"total_max_attempts": 1}),
    )


def _code(client: Any, service: str) -> str:
    method, arguments = _CALLS[service]
    try:
        getattr(client, method)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


@pytest.mark.parametrize(
    ("service", "throttled", "expired"),
    [
        ("dynamodb", "ProvisionedThroughputExceededException", "ExpiredTokenException"),
        ("s3", "SlowDown", "ExpiredToken"),
        ("secretsmanager", "ThrottlingException", "ExpiredTokenException"),
        ("sns", "Throttling", "ExpiredToken"),
        ("sqs", "ThrottlingException", "ExpiredTokenException"),
    ],
)
def test_clients_see_the_errors_of_aws(
    place: Place, account: Account, service: str, throttled: str, expired: str
) -> None:
    client = _client(place, service)
    assert eventually(lambda: _code(client, service) == "")

    first = faults.ask(account, "throttle", service)
    assert eventually(lambda: _code(client, service) == throttled)
    rules.clear(account, first.number)
    assert eventually(lambda: _code(client, service) == "")

    faults.ask(account, "credentials", "dev-users")
    assert eventually(lambda: _code(client, service) == expired)
    assert _code(_client(place, service, "dev-contracts"), service) == ""


def test_answers_are_late(place: Place, account: Account) -> None:
    client = _client(place, "sqs")
    assert eventually(lambda: _code(client, "sqs") == "")
    faults.ask(account, "delay", "sqs", 0.3)

    def took() -> float:
        began = time.monotonic()
        assert _code(client, "sqs") == ""
        return time.monotonic() - began

    assert eventually(lambda: took() >= 0.3)
