"""A request has one id from end to end: the caller's, the gateway's or a new one."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.request_ids import request_id

Answers = Callable[..., list[httpx.Response]]
TRACE = "1-6740a1b2-0123456789abcdef01234567"


def _of(headers: dict[str, str], event: object = None) -> str:
    scope = {"aws.event": event} if event else {}
    return request_id(scope, {name.encode(): value.encode("latin-1") for name, value in headers.items()})


@pytest.mark.parametrize("given_id", ["a", "0123abc", "BqXyZhs0IAMEPxw=", TRACE, "a:b/c@d+e_f.g", "x" * 128])
def test_a_usable_id_is_kept_and_returned(answers: Answers, given_id: str) -> None:
    (reply,) = answers(httpx.Request("GET", "http://app/health", headers={"X-Request-ID": given_id}))
    assert reply.headers["x-request-id"] == given_id


@pytest.mark.parametrize("given_id", ["", " ", "a b", "x" * 129, 'a"b', "a;b", "a\tb", "<script>", "é", "{}", "a%0ab"])
def test_an_id_that_could_harm_is_replaced(answers: Answers, given_id: str) -> None:
    request = httpx.Request("GET", "http://app/health", headers={"X-Request-ID": given_id.encode()})
    (reply,) = answers(request)
    assert len(reply.headers["x-request-id"]) == 32


@given(st.binary(max_size=200))
def test_no_id_can_end_a_line_or_a_header(raw: bytes) -> None:
    made = request_id({}, {b"x-request-id": raw, b"x-amzn-trace-id": raw, b"apigw-requestid": raw})
    assert 1 <= len(made) <= 128
    assert made.isascii()
    assert made.isprintable()
    assert not set(made) & set(" \"';,<>{}\\")


def test_two_requests_have_two_ids(answers: Answers) -> None:
    first, second = answers("/health", "/health")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(
    "header", [f"Root={TRACE}", f"Self=1-0-0;Root={TRACE}", f"Root={TRACE};Parent=53995c3f;Sampled=1"]
)
def test_a_gateways_trace_is_the_id_where_the_caller_has_none(header: str) -> None:
    assert _of({"x-amzn-trace-id": header}) == TRACE
    assert _of({"x-amzn-trace-id": header, "x-request-id": "mine"}) == "mine"
    assert _of({"x-amzn-trace-id": header, "x-request-id": "not usable"}) == TRACE


@pytest.mark.parametrize("header", ["Root=1-x", "Parent=1", f"{TRACE}", "Root=1-6740a1b2-0123456789abcdef0123456Z"])
def test_a_trace_that_is_none_is_passed_over(header: str) -> None:
    assert _of({"x-amzn-trace-id": header, "apigw-requestid": "gateway"}) == "gateway"


def test_an_events_own_id_is_the_last_resort() -> None:
    assert _of({}, {"requestContext": {"requestId": "BqXyZhs0IAMEPxw="}}) == "BqXyZhs0IAMEPxw="
    assert len(_of({}, {"requestContext": {"elb": {}}})) == 32
    assert len(_of({}, {"requestContext": {"requestId": "a b"}})) == 32
