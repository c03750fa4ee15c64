"""The function: every message of a batch gets what it deserves, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from app.core.messages import Message, Rejected
from tests.app.worker.desk import Desk

Deliver = Callable[..., list[str]]


async def _act(message: Message) -> None:
    match message.body.get("how"):
        case "reject":
            raise Rejected("the parcel is open")
        case "fail":
            raise RuntimeError("the van broke down")
        case "hang":
            await asyncio.sleep(60)


def _jobs(parcels: ModuleType) -> list[int]:
    return [message.body["job"] for message in parcels.TAKEN]


def test_a_batch_with_mixed_results_names_only_what_is_to_be_seen_again(
    desk: Desk, parcels: ModuleType, deliver: Deliver
) -> None:
    parcels.act = _act
    desk.send({"job": 1}, {"job": 2, "how": "reject"}, {"job": 3, "how": "fail"}, {"job": 4}, "{no JSON", [1, 2])
    event = desk.event()
    ids = {record["body"]: record["messageId"] for record in event["Records"]}
    again = deliver(event=event)
    assert again == [ids['{"job": 3, "how": "fail"}']]
    assert sorted(_jobs(parcels)) == [1, 4]
    parked = dict(desk.parked())
    assert parked.keys() == {'{"job": 2, "how": "reject"}', "{no JSON", "[1, 2]"}
    assert parked['{"job": 2, "how": "reject"}'] == {
        "reason": "the parcel is open",
        "trigger": "jobs",
        "id": ids['{"job": 2, "how": "reject"}'],
        "attempts": "1",
    }
    assert parked["{no JSON"]["reason"].startswith("the body is not JSON: ")
    assert parked["[1, 2]"]["reason"].startswith("the body has no key: TypeError: ")


def test_what_is_done_is_acknowledged_without_being_done_again(
    desk: Desk, parcels: ModuleType, deliver: Deliver
) -> None:
    desk.send({"job": 1}, {"job": 1}, {"job": 2})
    event = desk.event()
    assert deliver(event=event) in ([], [event["Records"][0]["messageId"]], [event["Records"][1]["messageId"]])
    assert deliver(event=event) == []
    assert sorted(_jobs(parcels)) == [1, 2]


def test_what_failed_is_seen_again_after_a_while_that_grows(
    desk: Desk, parcels: ModuleType, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_BACKOFF", "900")
    parcels.act = _act
    desk.send({"job": 1, "how": "fail"})
    assert len(deliver()) == 1
    assert desk.waiting() == (0, 1)
    assert desk.records() == [], "a run that failed leaves nothing"


def test_what_fails_each_time_is_parked_with_its_last_reason(desk: Desk, parcels: ModuleType, deliver: Deliver) -> None:
    parcels.act = _act
    desk.send({"job": 1, "how": "fail"})
    for _ in range(4):
        assert len(deliver()) == 1
    assert deliver() == []
    ((body, told),) = desk.parked()
    assert json.loads(body)["job"] == 1
    assert (told["reason"], told["attempts"]) == ("RuntimeError: the van broke down", "5")


def test_work_is_stopped_before_the_function_is(desk: Desk, parcels: ModuleType, deliver: Deliver) -> None:
    parcels.act = _act
    desk.send({"job": 1, "how": "hang"}, {"job": 2})
    assert len(deliver(milliseconds=5100)) == 1
    assert _jobs(parcels) == [2]
    assert desk.records()[0]["status"] == {"S": "COMPLETED"}


def test_without_time_nothing_is_begun(desk: Desk, parcels: ModuleType, deliver: Deliver) -> None:
    desk.send({"job": 1})
    assert len(deliver(milliseconds=4000)) == 1
    assert _jobs(parcels) == []
    assert desk.records() == []


def test_a_message_that_cannot_be_parked_stays(
    desk: Desk, parcels: ModuleType, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = dict.fromkeys(json.loads(desk.environ["QUEUES"]), f"{desk.endpoint}/123456789012/gone")
    monkeypatch.setenv("DEAD_LETTERS", json.dumps(gone))
    parcels.act = _act
    desk.send({"job": 1, "how": "reject"})
    assert len(deliver()) == 1
    assert sum(desk.waiting()) == 1


def test_every_attempt_has_one_record_in_the_log(
    desk: Desk, parcels: ModuleType, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    parcels.act = _act
    desk.send({"job": 1}, {"job": 2, "how": "reject"}, {"job": 3, "how": "fail"})
    deliver()
    told: list[dict[str, Any]] = [record.fields for record in caplog.records if record.getMessage() == "message"]
    assert sorted((fields["outcome"], fields.get("reason")) for fields in told) == [
        ("done", None),
        ("failed", "RuntimeError: the van broke down"),
        ("parked", "the parcel is open"),
    ]
    for fields in told:
        assert {"trigger", "message_id", "attempts", "milliseconds"} <= fields.keys()


def test_metrics_are_lines_that_cloudwatch_reads(
    desk: Desk,
    parcels: ModuleType,
    deliver: Deliver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("METRICS", "auto")
    parcels.act = _act
    desk.send({"job": 1}, {"job": 2, "how": "reject"})
    deliver()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted((line["Service"], line["Trigger"], line["Outcome"], line["Messages"]) for line in lines) == [
        ("parcels", "jobs", "done", 1),
        ("parcels", "jobs", "parked", 1),
    ]
    for line in lines:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            (dimensions,), (metric,) = directive["Dimensions"], directive["Metrics"]
            assert {*dimensions, metric["Name"]} <= line.keys()


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({}, "no records"),
        ({"Records": []}, "no records"),
        ({"Records": [{"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:1:other"}]}, "'arn:aws:sqs"),
        ({"Records": [{"eventSource": "aws:kinesis", "eventSourceARN": "arn:x"}]}, "'arn:x'"),
    ],
)
def test_an_event_of_something_else_is_an_error(deliver: Deliver, event: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        deliver(event={**event, "version": "1"})
