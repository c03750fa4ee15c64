"""A client gets what its rate grants, no more, and memory stays bounded whatever clients there are."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rate_limit import Buckets, Rate
from app.core.settings import Settings, SettingsError

Answers = Callable[..., list[httpx.Response]]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _get(path: str, **headers: str) -> httpx.Request:
    return httpx.Request("GET", f"http://app{path}", headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_requests_beyond_the_rate_are_refused_with_the_time_to_wait(answers: Answers) -> None:
    replies = answers("/version", "/version", "/version", RATE_LIMIT="2/600")
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert [reply.headers["ratelimit-policy"] for reply in replies] == ['"client";q=2;w=600'] * 3
    assert replies[0].headers["ratelimit"] == '"client";r=1;t=300'
    assert replies[2].headers["ratelimit"] == '"client";r=0;t=600'
    assert replies[2].headers["retry-after"] in ("299", "300")
    assert replies[2].headers["content-type"] == "application/problem+json"
    assert replies[2].json()["title"] == "Too Many Requests"


def test_unknown_paths_count_and_health_does_not(answers: Answers) -> None:
    replies = answers("/nope", *["/health", "/ready"] * 5, "/nope", RATE_LIMIT="1/600", SERVICES="netprobe=/np")
    assert [reply.status_code for reply in replies] == [404, *[200] * 10, 429]
    assert "ratelimit" not in replies[1].headers
    below = answers("/nope", *["/np/health", "/np/ready"] * 3, RATE_LIMIT="1/600", SERVICES="netprobe=/np")
    assert [reply.status_code for reply in below] == [404, *[200] * 6]


def test_clients_do_not_share_a_bucket_and_cannot_make_up_new_ones(answers: Answers) -> None:
    behind = {"RATE_LIMIT": "1/600", "TRUSTED_PROXIES": "1"}
    made_up = [_get("/version", x_forwarded_for=f"1.1.1.{n}, 203.0.113.9") for n in range(3)]
    other = _get("/version", x_forwarded_for="203.0.113.10")
    assert [reply.status_code for reply in answers(*made_up, other, **behind)] == [200, 429, 429, 200]
    keys = [_get("/version", x_api_key=f"made-up-{n}") for n in range(3)]
    assert [reply.status_code for reply in answers(*keys, RATE_LIMIT="1/600")] == [200, 429, 429]


def test_an_ipv6_network_is_one_client(answers: Answers) -> None:
    replies = answers(
        *(_get("/version", x_forwarded_for=f"2001:db8::{n}") for n in range(1, 4)),
        RATE_LIMIT="2/600",
        TRUSTED_PROXIES="1",
    )
    assert [reply.status_code for reply in replies] == [200, 200, 429]


def test_no_limit_leaves_no_trace(answers: Answers) -> None:
    (reply,) = answers("/version", RATE_LIMIT="0")
    assert "ratelimit" not in reply.headers
    assert "ratelimit-policy" not in reply.headers


def test_tokens_come_back_with_time() -> None:
    clock = Clock()
    buckets = Buckets(Rate(10, 60), clock=clock)
    assert [buckets.take("a")[1] for _ in range(11)] == [0] * 10 + [6]
    clock.now += 5.9
    assert buckets.take("a")[1] == 1
    clock.now += 0.2
    assert buckets.take("a")[1] == 0
    clock.now += 3600
    assert [buckets.take("a")[1] for _ in range(11)] == [0] * 10 + [6]


@given(
    st.integers(1, 20),
    st.integers(1, 60),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), min_size=1, max_size=200),
)
def test_no_client_ever_gets_more_than_its_rate(requests: int, seconds: int, steps: list[tuple[str, float]]) -> None:
    clock = Clock()
    buckets = Buckets(Rate(requests, seconds), clock=clock)
    granted: dict[str, int] = {}
    for client, passed in steps:
        clock.now += passed
        _, wait = buckets.take(client)
        granted[client] = granted.get(client, 0) + (wait == 0)
        most = requests + (clock.now - Clock.now) * requests / seconds
        assert granted[client] <= most + 1e-6


def test_memory_is_bounded_and_whoever_is_busy_is_remembered() -> None:
    buckets = Buckets(Rate(1, 3600), most_clients=100)
    assert buckets.take("busy")[1] == 0
    for n in range(1000):
        buckets.take(f"hostile-{n}")
        assert buckets.take("busy")[1] > 0
    assert len(buckets) == 100


@pytest.mark.parametrize("text", ["0", "1/1", "100/60", "1000000/3600"])
def test_a_rate_is_written_as_it_is_read(text: str) -> None:
    assert str(Rate.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "100", "0/60", "100/0", "-1/60", "1.5/60", "100 / 60", "100/60s", "9" * 99 + "/1"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="as in 100/60"):
        Rate.parse(text)
    if text:
        with pytest.raises(SettingsError, match="RATE_LIMIT="):
            Settings.from_environ({"RATE_LIMIT": text})
