"""The comment on GitHub, through the real client, against a server on loopback that speaks GitHub's REST API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from automation.comment.github import Place, PullRequest
from automation.comment.marker import Marker
from automation.comment.upsert import Done, upsert
from automation.errors import UserError
from tests.automation.comment.hub import BOT, TOKEN, Answer, Hub, serving

SHA = "f" * 40


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    with serving(hub) as url:
        hub.url = url
        yield hub


def report(hub: Hub, run: int, text: str, attempt: int = 1) -> Done:
    place = Place("acme/shop", 7, Marker(run, attempt, SHA), TOKEN, api=hub.url)
    return upsert(PullRequest(place, backoff=0.01, patience=5), place.marker, text, sleep=lambda s: time.sleep(s / 20))


def body(run: int, text: str) -> str:
    return Marker(run, 1, SHA).on(text)


def test_one_comment_from_the_first_run_to_the_last(hub: Hub) -> None:
    assert report(hub, 1, "one") is Done.CREATED
    assert report(hub, 2, "two") is Done.UPDATED
    assert report(hub, 2, "two") is Done.UNCHANGED
    assert report(hub, 1, "late") is Done.OUTDATED
    assert hub.bodies() == [body(2, "two")]


def test_ours_is_found_on_the_third_page(hub: Hub) -> None:
    for number in range(240):
        hub.add(f"chatter {number}", "person")
    hub.add(body(1, "one"))
    for number in range(60):
        hub.add(f"more {number}", "person")

    assert report(hub, 2, "two") is Done.UPDATED
    assert hub.bodies() == [body(2, "two")]
    assert len(hub.comments) == 301


BUSY: list[Answer] = [
    (502, {}, {"message": "Server Error"}),
    (503, {}, {}),
    (403, {"Retry-After": "0"}, {"message": "You have exceeded a secondary rate limit."}),
    (429, {"Retry-After": "0"}, {"message": "API rate limit exceeded"}),
]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
@pytest.mark.parametrize("refusal", BUSY, ids=lambda refusal: str(refusal[0]))
def test_what_passes_is_waited_for(hub: Hub, method: str, refusal: Answer) -> None:
    if method == "PATCH":
        hub.add(body(1, "one"))
    hub.refusals[method] = [refusal, refusal]

    assert report(hub, 2, "two") in {Done.CREATED, Done.UPDATED}
    assert hub.bodies() == [body(2, "two")]


def test_a_used_up_limit_is_waited_for_until_it_is_reset(hub: Hub) -> None:
    reset = str(int(time.time()) + 1)
    hub.refusals["POST"] = [(403, {"X-RateLimit-Reset": reset, "X-RateLimit-Remaining": "0"}, LIMIT)]

    assert report(hub, 1, "one") is Done.CREATED
    assert hub.bodies() == [body(1, "one")]


LIMIT = {"message": "API rate limit exceeded for installation."}


def test_a_limit_that_lasts_longer_than_our_patience_is_said(hub: Hub) -> None:
    reset = str(int(time.time()) + 3000)
    hub.refusals["POST"] = [(403, {"X-RateLimit-Reset": reset}, LIMIT)]

    with pytest.raises(UserError) as caught:
        report(hub, 1, "one")
    assert "rate limit" in caught.value.hint


def test_a_write_that_took_effect_though_it_was_answered_with_an_error_is_not_repeated(hub: Hub) -> None:
    hub.refusals["POST"] = [(502, {}, {"message": "Server Error"})]
    hub.before_write = lambda: hub.comments or hub.add(body(1, "one"))

    assert report(hub, 1, "one") is Done.CREATED
    assert hub.bodies() == [body(1, "one")]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "Resource not accessible by integration"),
        (401, "Bad credentials"),
        (404, "Not Found"),
        (422, "Validation Failed: body is too long (maximum is 65536 characters)"),
        (410, "This issue is locked"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_does_not_pass_is_said_once_and_without_the_token(
    hub: Hub, method: str, status: int, message: str
) -> None:
    hub.refusals[method] = [(status, {}, {"message": message})]

    with pytest.raises(UserError) as caught:
        report(hub, 1, "one")

    said = f"{caught.value.message} {caught.value.hint}"
    assert "pull request 7 of acme/shop" in said
    assert message in said
    assert TOKEN not in said + repr(caught.value.__dict__)
    assert ("pull-requests: write" in said) == (status in {401, 403, 404})
    assert hub.bodies() == []


def test_a_server_that_stays_broken_is_given_up(hub: Hub) -> None:
    hub.refusals["PATCH"] = [(502, {}, {"message": "Server Error"})] * 50
    hub.add(body(1, "one"))

    with pytest.raises(UserError) as caught:
        report(hub, 2, "two")
    assert "502" in caught.value.hint
    assert hub.bodies() == [body(1, "one")]


def test_nobody_listens() -> None:
    place = Place("acme/shop", 7, Marker(1, 1, SHA), TOKEN, api="http://127.0.0.1:9")

    with pytest.raises(UserError, match="could not be read") as caught:
        upsert(PullRequest(place, backoff=0.001), place.marker, "one")
    assert "cannot be reached" in caught.value.hint


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (3, 1, 2)])
def test_runs_at_the_same_time_leave_one_comment_of_the_newest(hub: Hub, order: tuple[int, ...]) -> None:
    hub.before_write = lambda: time.sleep(0.01)
    with ThreadPoolExecutor(len(order)) as pool:
        for done in [pool.submit(report, hub, run, f"report {run}") for run in order]:
            done.result(timeout=30)

    assert hub.bodies() == [body(max(order), f"report {max(order)}")]


def workflow(tmp_path: Path, event: object, **more: str) -> dict[str, str]:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    return {
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_RUN_NUMBER": "31",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(path),
        **more,
    }


def test_the_place_is_what_the_workflow_says(tmp_path: Path) -> None:
    event = {"number": 7, "pull_request": {"number": 7, "head": {"sha": SHA}}}
    place = Place.of_workflow(workflow(tmp_path, event, GITHUB_RUN_ATTEMPT="2"))

    assert (place.repository, place.number, place.marker) == ("acme/shop", 7, Marker(31, 2, SHA))
    assert place.author == BOT
    assert TOKEN not in repr(place)


@pytest.mark.parametrize(
    ("event", "lost", "words"),
    [
        ({}, "", "names no pull request"),
        ({"number": 7, "pull_request": {"head": {"sha": SHA}}}, "GITHUB_TOKEN", "GITHUB_TOKEN"),
        ({"number": 7, "pull_request": {"head": {"sha": SHA}}}, "GITHUB_REPOSITORY", "GITHUB_REPOSITORY"),
    ],
)
def test_a_place_that_nobody_names_is_asked_for(tmp_path: Path, event: object, lost: str, words: str) -> None:
    environ = workflow(tmp_path, event)
    environ.pop(lost, None)

    with pytest.raises(UserError, match=words) as caught:
        Place.of_workflow(environ)
    assert "--markdown" in caught.value.hint
