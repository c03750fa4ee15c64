"""What the analyzer's worker does with uploads, the hour and the stream of results."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from app.core import service
from app.core.aws import Aws, AwsError
from app.core.messages import Keyed, Message, Rejected, StoredObject, TableChange, Tick
from app.services import contracts, rewriter
from tests.app.cloud import Cloud
from tests.app.contracts.conftest import LONG, REVIEW, SHORT, Start
from tests.app.contracts.test_analyze import ANALYZE, digest
from tests.app.contracts.weaknesses import PAIRS
from tests.app.providers import Providers

STATIC = {"OPENAI_API_KEY": "", "GEMINI_API_KEY": ""}


def message(trigger: str, body: object) -> Message[Any]:
    return Message(trigger=trigger, id="1", body=body, attempts=1, sent=datetime.now(UTC), key="1")


def upload(cloud: Cloud, key: str, source: bytes) -> Message[Any]:
    bucket = cloud.environ["UPLOADS_BUCKET"]
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=source)
    return message("uploaded", StoredObject("ObjectCreated:Put", bucket, key, len(source)))


def test_an_upload_that_may_not_be_read_is_parked(start: Start, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = AwsError("s3", "get_object", "AccessDenied", "no")

    async def refuse(*_: object, **__: object) -> None:
        raise denied

    stored = upload(cloud, "a.sol", b"contract A { }")
    running = start(**STATIC)
    monkeypatch.setattr(Aws, "call", refuse)
    with pytest.raises(Rejected, match="gone, or the role may not read it"):
        running.consume(stored)


def tick(at: datetime | None = None) -> Message[Any]:
    return message("hourly", Tick(at or datetime.now(UTC), "arn:of:schedule"))


def saved(cloud: Cloud, key: str) -> Any:
    found = cloud.client("s3").get_object(Bucket=cloud.environ["UPLOADS_BUCKET"], Key=key)
    return json.loads(found["Body"].read())


def keys(cloud: Cloud) -> set[str]:
    found = cloud.client("s3").list_objects_v2(Bucket=cloud.environ["UPLOADS_BUCKET"])
    return {item["Key"] for item in found.get("Contents", ())}


@pytest.mark.parametrize("key", ["token.sol", "a folder/größe + 1.sol"])
def test_the_result_of_an_upload_is_beside_it(start: Start, cloud: Cloud, providers: Providers, key: str) -> None:
    service = start()
    service.consume(upload(cloud, key, LONG.encode()))
    result = saved(cloud, f"{key}.json")
    assert (result["hash"], result["summary"]) == (digest(LONG), REVIEW["summary"])
    assert service.ask("POST", ANALYZE, {"source": LONG}).json()["cached"]
    service.consume(upload(cloud, "copy.sol", LONG.encode()))
    assert saved(cloud, "copy.sol.json")["cached"]
    assert len(providers.asked) == 1


def test_5_mb_may_be_uploaded(start: Start, cloud: Cloud) -> None:
    source = ("// " + "x" * 97 + "\n") * 51_000 + PAIRS["tx-origin"][0][0]
    start(**STATIC).consume(upload(cloud, "large.sol", source.encode()))
    result = saved(cloud, "large.sol.json")
    assert result["metrics"]["bytes"] > 5_000_000
    assert "tx-origin" in {finding["rule"] for finding in result["findings"]}


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [(b"x" * 101, 413, "The file may have 100 bytes"), (b"\xff\xfe", 422, "no text in UTF-8")],
)
def test_what_cannot_be_analyzed_has_a_problem_beside_it(
    start: Start, cloud: Cloud, source: bytes, status: int, said: str
) -> None:
    start(**STATIC, CONTRACTS_UPLOAD_BYTES="100").consume(upload(cloud, "a.sol", source))
    problem = saved(cloud, "a.sol.json")
    assert problem["status"] == status
    assert said in problem["detail"]


def test_an_upload_that_is_gone_is_nobody_s_concern(start: Start, cloud: Cloud) -> None:
    stored = StoredObject("ObjectCreated:Put", cloud.environ["UPLOADS_BUCKET"], "gone.sol", 5)
    start(**STATIC).consume(message("uploaded", stored))
    start(**STATIC).consume(message("uploaded", StoredObject("ObjectRemoved:Delete", "b", "gone.sol")))
    assert keys(cloud) == set()


def test_each_hour_is_reported(start: Start, cloud: Cloud) -> None:
    service = start()
    sources = [SHORT, f"{SHORT} // again"]
    for source in sources:
        service.ask("POST", ANALYZE, {"source": source})
    now = datetime.now(UTC)
    due = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1, seconds=7)
    for _ in range(2):
        service.consume(tick(due))
    assert keys(cloud) == {f"reports/{now:%Y-%m-%dT%H}.json"}
    report = saved(cloud, f"reports/{now:%Y-%m-%dT%H}.json")
    assert report | {"from": "", "to": ""} == {
        "from": "",
        "to": "",
        "analyses": 2,
        "more": False,
        "by_gravest_finding": {"low": 2},
        "cost_usd": 0.00007,
        "spent_today_usd": 0.00007,
        "daily_budget_usd": 5.0,
    }


def test_an_hour_without_work_is_reported_too(start: Start, cloud: Cloud) -> None:
    start().consume(tick(datetime(2026, 1, 1, tzinfo=UTC)))
    assert saved(cloud, "reports/2025-12-31T23.json")["analyses"] == 0


def change(event: Any = "INSERT", created: str = "2026-11-21T10:00:00.000000Z") -> TableChange:
    new = {
        "hash": "0" * 64,
        "created": created,
        "cost": Decimal(35),
        "headline": {"findings": Decimal(3), "gravest": "high"},
        "body": b"",
    }
    return TableChange(event, {"hash": "0" * 64}, None, None if event == "REMOVE" else new)


def test_a_new_result_is_told_to_the_topic(start: Start, cloud: Cloud) -> None:
    sqs, sns = cloud.client("sqs"), cloud.client("sns")
    queue = sqs.create_queue(QueueName=cloud.environ["RESULTS_TABLE"])["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=cloud.environ["NOTICES_TOPIC"], Protocol="sqs", Endpoint=arn)
    running = start()
    running.consume(message("written", change()))
    running.consume(message("written", change("REMOVE")))
    [told] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    notice = json.loads(told["Body"])
    assert notice["Subject"] == "Contract analyzed: 3 findings, gravest high"
    assert json.loads(notice["Message"]) == {
        "hash": "0" * 64,
        "created": "2026-11-21T10:00:00.000000Z",
        "findings": 3,
        "gravest": "high",
        "cost_usd": 0.000035,
    }


@pytest.mark.parametrize(("name", "module"), [("contracts", contracts), ("rewriter", rewriter)])
def test_every_trigger_has_a_consumer(name: str, module: ModuleType) -> None:
    assert module.create({}).consumers.keys() == service.manifest(name).triggers.keys()


def test_one_result_is_one_notice_and_one_hour_one_report() -> None:
    consumers = contracts.create({}).consumers
    written, hourly = consumers["written"], consumers["hourly"]
    assert isinstance(written, Keyed)
    assert isinstance(hourly, Keyed)
    assert written.by(change()) == written.by(change("MODIFY"))
    assert written.by(change()) != written.by(change(created="2026-11-21T10:00:01.000000Z"))
    at = datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)
    assert hourly.by(Tick(at, "a")) == hourly.by(Tick(at + timedelta(seconds=30), "b"))
    assert hourly.by(Tick(at, "a")) != hourly.by(Tick(at + timedelta(hours=1), "a"))


def test_a_failure_of_aws_is_left_to_be_tried_again(start: Start, cloud: Cloud) -> None:
    stored = upload(cloud, "a.sol", SHORT.encode())
    with pytest.raises(AwsError, match="s3:put_object"):
        start(**STATIC, UPLOADS_BUCKET="gone").consume(stored)
