"""What is told of queues, asked of SQS as the account's data services serve it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.data.aws import Services
from sandbox.workloads.scaling import queues

REGION = "eu-central-1"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    made = Services(tmp_path / "services.pickle", 0, lambda _, __: None)
    monkeypatch.setattr(queues.client, "describe", lambda _: {"endpoint": made.endpoint})
    yield made
    # moto keeps what it holds in the process, for whichever test is next.
    sqs = made.client("sqs", REGION)
    for url in sqs.list_queues()["QueueUrls"]:
        sqs.delete_queue(QueueUrl=url)
    made.close()


def test_what_waits_and_what_is_under_way(services: Services, tmp_path: Path) -> None:
    sqs = services.client("sqs", REGION)
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    assert queues.count(tmp_path, [(REGION, "jobs"), (REGION, "gone"), ("us-east-1", "elsewhere")]) == {
        "jobs": {queues.WAITING: 2.0, queues.UNDER_WAY: 1.0}
    }


def test_nothing_is_told_where_no_services_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues.client, "describe", lambda _: None)
    assert queues.count(tmp_path, [(REGION, "jobs")]) == {}
