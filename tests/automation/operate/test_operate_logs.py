"""What `modeshift logs` reads, in which order, and how a line reads."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import UserError
from automation.operate import logs
from automation.operate.records import read as record
from tests.automation.operate.aws import Aws, stack


def event(time: int, message: str, number: int = 0) -> dict[str, Any]:
    return {"timestamp": time, "message": message, "logStreamName": "s", "eventId": f"{time}-{number}"}


def groups(found: Mapping[str, list[dict[str, Any]]], page: int = 2) -> Aws:
    """Return an AWS whose groups have these events, which it gives in pages, the first of which is empty."""

    def answer(parameters: Mapping[str, Any]) -> dict[str, Any]:
        events = [
            one for one in found.get(parameters["logGroupName"], []) if one["timestamp"] >= parameters["startTime"]
        ]
        token = parameters.get("nextToken")
        if token is None:
            return {"events": [], "nextToken": "0"}
        first = int(token)
        more = {"nextToken": str(first + page)} if first + page < len(events) else {}
        return {"events": events[first : first + page], **more}

    return Aws(logs={"FilterLogEvents": answer})


def test_lines_of_all_parts_come_in_the_order_of_their_times() -> None:
    found = {
        "/ecs/dev-users": [event(1, "a"), event(4, "d"), event(5, "e")],
        "/ecs/dev-users-worker": [event(2, "b"), event(4, "d2")],
        "/aws/lambda/dev-probe": [event(3, "c")],
    }
    client = groups(found).client("logs")
    lines = list(logs.read(client, logs.sources(stack(), None), 0))
    assert [line.message for line in lines] == ["a", "b", "c", "d", "d2", "e"]
    assert [line.source.name for line in lines][:3] == ["users", "users worker", "probe"]
    only = logs.read(client, logs.sources(stack(), "users"), 2)
    assert [line.message for line in only] == ["b", "d", "d2", "e"]


def test_pods_are_told_from_each_other_in_the_group_of_their_cluster() -> None:
    aws = groups({})
    list(logs.read(aws.client("logs"), logs.sources(stack(), "pages"), 0))
    asked = aws.calls("logs.FilterLogEvents")[0]
    assert asked["logGroupName"] == "/aws/containerinsights/dev-eks/application"
    assert asked["filterPattern"] == '{ $.kubernetes.namespace_name = "dev-pages" }'


def test_following_shows_late_lines_and_none_twice() -> None:
    found = {"/ecs/dev-users": [event(100_000, "first")]}
    rounds = itertools.count()

    def pause() -> None:
        match next(rounds):
            case 0:
                # Written before what was shown already, and known to AWS only now.
                found["/ecs/dev-users"].insert(0, event(99_000, "late"))
            case _:
                found["/ecs/dev-users"].append(event(100_000, "same time", 1))

    lines = logs.follow(groups(found).client("logs"), logs.sources(stack(), "users"), 90_000, pause=pause)
    assert [next(lines).message for _ in range(3)] == ["first", "late", "same time"]


def test_a_group_that_does_not_exist_yet_has_no_lines_but_a_refusal_is_said() -> None:
    nothing = Aws(logs={"FilterLogEvents": "ResourceNotFoundException"})
    assert list(logs.read(nothing.client("logs"), logs.sources(stack(), "users"), 0)) == []
    refused = Aws(logs={"FilterLogEvents": "AccessDeniedException"})
    with pytest.raises(UserError) as error:
        list(logs.read(refused.client("logs"), logs.sources(stack(), "users"), 0))
    assert "logs:FilterLogEvents" in error.value.hint


def test_lengths_of_time() -> None:
    assert [logs.seconds_of(text) for text in ("90s", "10m", "2h", "1d")] == [90, 600, 7200, 86400]
    with pytest.raises(UserError, match="no length of time"):
        logs.seconds_of("10 minutes")


def test_a_record_of_the_app_reads_as_words() -> None:
    access = {
        "timestamp": "…",
        "level": "INFO",
        "logger": "app.access",
        "message": "request",
        "status": 200,
        "to": None,
    }
    assert record(json.dumps(access)).text == "app.access request status=200"
    broken = record(json.dumps({**access, "status": 503}))
    assert (broken.level, broken.error) == ("INFO", True)
    raised = record(json.dumps({"level": "ERROR", "message": "no", "exception": "Traceback\n  File x\nKeyError: 1"}))
    assert raised.text.splitlines() == ["no", "    Traceback", "      File x", "    KeyError: 1"]


@pytest.mark.parametrize(
    ("line", "error", "quiet"),
    [
        ("START RequestId: 1 Version: 7", False, True),
        ("REPORT RequestId: 1\tDuration: 3 ms", False, True),
        ("REPORT RequestId: 1\tDuration: 3000 ms Status: timeout", False, True),
        ("2026-01-01T00:00:00Z 1 Task timed out after 3.00 seconds", True, False),
        ("Traceback (most recent call last):", True, False),
        ("KeyError: 'x'", True, False),
        ("no errors here", False, False),
        ('{"log": "plain", "kubernetes": {}}', False, False),
        ('{"log": "{\\"level\\": \\"CRITICAL\\"}", "kubernetes": {}}', True, False),
        ('{"errorMessage": "no", "errorType": "KeyError"}', True, False),
        ('{"type": "platform.start", "record": {}}', False, True),
        ("{no json", False, False),
        ('["a list"]', False, False),
    ],
)
def test_errors_and_the_words_of_the_platform_are_told(line: str, error: bool, quiet: bool) -> None:
    found = record(line)
    assert (found.error, found.quiet) == (error, quiet)


@given(st.one_of(st.text(), st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none())).map(json.dumps)))
def test_no_line_moves_a_terminal(line: str) -> None:
    text = record(line).text
    assert not any(character in text for character in "\x1b\x07\x08\x9b\u202e")
