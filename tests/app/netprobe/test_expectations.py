"""Expectations in requests: which pass, which fail, what is said, and that none can hold us up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import jsonpath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.services.netprobe.models import HttpRequest
from app.services.netprobe.models.http import ExpectHttp, ExpectJson
from app.services.netprobe.probes import patterns

Probe = Callable[..., dict[str, Any]]
Web = Callable[[bytes], int]

DOCUMENT = {
    "status": "ok",
    "ready": True,
    "load": 1,
    "none": None,
    "checks": [{"disk space": {"free": 12.5}}],
    "secret": "s" * 500,
}


@pytest.fixture
def page(web: Web) -> str:
    body = json.dumps(DOCUMENT).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Version: 1.2.3\r\nSet-Cookie: id=s3cret\r\n\r\n" % len(body)
    return f"http://127.0.0.1:{web(answer + body)}/"


def outcome(probe: Probe, page: str, **expect: object) -> list[tuple[str, bool]]:
    result = probe("http", url=page, expect=expect)
    assert result["ok"] == all(each["passed"] for each in result["expectations"])
    return [(each["expectation"], each["passed"]) for each in result["expectations"]]


@pytest.mark.parametrize(
    ("status", "passed"),
    [([200], True), (["200-299"], True), ([404, "500-599"], False), (["299-200"], True), ([204, 200], True)],
)
def test_the_status(probe: Probe, page: str, status: list[object], passed: bool) -> None:
    assert outcome(probe, page, status=status) == [("status", passed)]


@pytest.mark.parametrize(
    ("pattern", "passed"),
    [('"status": *"ok"', True), ("^\\{.*\\}$", True), ("OK", False), ("(?i)OK", True), ("\\bready\\b", True)],
)
def test_a_pattern_in_the_body(probe: Probe, page: str, pattern: str, passed: bool) -> None:
    assert outcome(probe, page, body_matches=pattern) == [("body_matches", passed)]


@pytest.mark.parametrize(
    ("header", "passed"),
    [
        ({"name": "X-Version"}, True),
        ({"name": "x-version", "matches": "^1\\."}, True),
        ({"name": "x-version", "matches": "^2\\."}, False),
        ({"name": "x-missing"}, False),
        ({"name": "x-missing", "matches": "."}, False),
        ({"name": "Set-Cookie", "matches": "^id="}, True),
    ],
)
def test_a_header(probe: Probe, page: str, header: dict[str, str], passed: bool) -> None:
    result = probe("http", url=page, expect={"headers": [header]})
    assert (result["expectations"][0]["passed"], result["ok"]) == (passed, passed)
    assert "s3cret" not in json.dumps(result)


@pytest.mark.parametrize(
    ("path", "equals", "passed"),
    [
        ("$.status", "ok", True),
        ("$.status", "OK", False),
        ("$.checks[0]['disk space'].free", 12.5, True),
        ("$.ready", True, True),
        ("$.ready", 1, False),
        ("$.load", 1, True),
        ("$.load", 1.0, True),
        ("$.load", True, False),
        ("$.none", None, True),
        ("$.missing", None, False),
        ("$.checks[1]", None, False),
        ("$.status[0]", None, False),
    ],
)
def test_a_value_in_json(probe: Probe, page: str, path: str, equals: object, passed: bool) -> None:
    assert outcome(probe, page, json_values=[{"path": path, "equals": equals}]) == [("json_values.0", passed)]


@pytest.mark.parametrize(("path", "passed"), [("$", True), ("$.none", True), ("$.checks", True), ("$.nothing", False)])
def test_it_may_be_enough_that_there_is_a_value(probe: Probe, page: str, path: str, passed: bool) -> None:
    assert outcome(probe, page, json_values=[{"path": path}]) == [("json_values.0", passed)]


def test_values_are_told_shortly(probe: Probe, page: str) -> None:
    values = [{"path": "$.secret", "equals": "x"}, {"path": "$.checks", "equals": 1}, {"path": "$.load", "equals": 2}]
    told = [each["actual"] for each in probe("http", url=page, expect={"json_values": values})["expectations"]]
    assert len(told[0]) == 128
    assert told[1:] == ["an array", "1"]


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"status"', b"[" * 200_000, b"9" * 5000, b"\xff\xfe"])
def test_a_body_that_is_no_json_has_no_values(probe: Probe, web: Web, body: bytes) -> None:
    port = web(b"HTTP/1.1 200 OK\r\n\r\n" + body)
    result = probe("http", url=f"http://127.0.0.1:{port}/", expect={"json_values": [{"path": "$.status"}]})
    assert (result["reached"], result["ok"]) == (True, False)
    assert result["expectations"][0]["reason"].startswith("The body is not JSON")


def test_times_are_held_against_limits(probe: Probe, page: str) -> None:
    limits = {"total_ms": 20_000, "connect_ms": 0.0001, "tls_ms": 5}
    result = probe("http", url=page, expect={"max_timings": limits, "max_mean_ms": 20_000, "max_loss_percent": 0})
    passed = {each["expectation"]: each["passed"] for each in result["expectations"]}
    assert passed == {
        "max_timings.connect_ms": False,
        "max_timings.tls_ms": False,
        "max_timings.total_ms": True,
        "max_loss_percent": True,
        "max_mean_ms": True,
    }
    reasons = {each["expectation"]: each["reason"] for each in result["expectations"]}
    assert reasons["max_timings.tls_ms"] == "The time of tls is missing; expected at most 5 ms."
    assert "expected at most 0.0001 ms" in reasons["max_timings.connect_ms"]


@pytest.mark.parametrize(("days", "passed"), [(30, True), (41, False)])
def test_a_certificate_must_last(
    probe: Probe, authority: Any, secured: Callable[..., int], days: float, passed: bool
) -> None:
    own = authority.issue("server", authority.root, names=["127.0.0.1"], days=(-1, 40))
    port = secured(authority.context(own), b"HTTP/1.1 200 OK\r\n\r\n")
    expect = {"min_days_to_expiry": days}
    for result in (
        probe("http", url=f"https://127.0.0.1:{port}/", expect=expect),
        probe("tls", host="127.0.0.1", port=port, expect=expect),
    ):
        assert result["ok"] == passed
        assert result["expectations"][-1]["expected"] == f"at least {days} days"


def test_plain_http_has_no_certificate_that_lasts(probe: Probe, page: str) -> None:
    assert outcome(probe, page, min_days_to_expiry=1) == [("min_days_to_expiry", False)]


@pytest.mark.parametrize(
    ("expect", "passed"),
    [
        ({"rcode": "NOERROR"}, True),
        ({"rcode": "NXDOMAIN"}, False),
        ({"answer_contains": "192.0.2."}, True),
        ({"answer_contains": "198.51.100."}, False),
        ({"rcode": "NOERROR", "answer_contains": "192.0.2.7"}, True),
    ],
)
def test_the_answer_of_a_name_server(probe: Probe, nameserver: Any, expect: dict[str, str], passed: bool) -> None:
    nameserver.records["name.example", "A"] = ["192.0.2.7"]
    assert probe("dns", name="name.example", resolver="127.0.0.1", expect=expect)["ok"] == passed


def test_an_empty_answer_contains_nothing(probe: Probe, nameserver: Any) -> None:
    result = probe("dns", name="name.example", resolver="127.0.0.1", expect={"answer_contains": "."})
    assert (result["ok"], result["expectations"][0]["actual"]) == (False, None)


def test_without_an_answer_every_expectation_fails(probe: Probe, closed_port: int) -> None:
    expect = {"max_loss_percent": 100, "max_timings": {"resolve_ms": 10_000}}
    result = probe("tcp", host="127.0.0.1", port=closed_port, interval=0, expect=expect)
    assert [each["passed"] for each in result["expectations"]] == [False, False]
    assert {each["reason"] for each in result["expectations"]} == {"There was no answer to look at."}


SLOW = [
    "(?:(?:a?){30}){30}b",
    "((a{0,10}){0,10}){0,10}b",
    "(?s)(.{0,99}a){9}$",
    "(\\pL{0,50}\\pN?){0,9}z",
    "(a*)*$",
    "(a|aa)+$",
    "((a|b|c|d|e){0,12}){0,8}z",
    "[\\w\\W]{0,200}x[a-z]{0,200}y",
]


@pytest.mark.parametrize("pattern", SLOW)
def test_no_pattern_takes_long(pattern: str) -> None:
    body = b"a" * 300_000
    begun = time.process_time()
    try:
        HttpRequest.model_validate({"url": "http://example.com/", "expect": {"body_matches": pattern}})
    except ValidationError as error:
        assert "too large" in str(error)  # noqa: PT017 either outcome is fine, as long as it is quick
    else:
        assert not patterns.found(pattern + "Z", body)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("pattern", ["(", "[", "*a", "(?=x)", "(?<=x)", "\\1", "\ud800", "a{1001}", "x" * 257])
def test_a_pattern_that_re2_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        ExpectHttp.model_validate({"body_matches": pattern})


@pytest.mark.parametrize(
    "path",
    [
        "",
        "status",
        "$..a",
        "$.*",
        "$[*]",
        "$[?@.a == 1]",
        "$[?match(@, '(a+)+')]",
        "$[0:9]",
        "$[-1]",
        "$[0,1]",
        "$['a','b']",
        "$.a b",
        "$['\\u0041']",
        "$['a\x00']",
        "$" + "[0]" * 100,
    ],
)
def test_a_path_to_more_than_one_value_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        ExpectJson(path=path)


@given(
    st.from_regex(
        next(
            each.pattern
            for each in ExpectJson.model_fields["path"].metadata
            if hasattr(each, "pattern") and each.pattern
        ),
        fullmatch=True,
    )
)
def test_every_path_that_is_let_through_leads_to_one_value_at_most(path: str) -> None:
    compiled = jsonpath.compile(path)
    assert isinstance(compiled, jsonpath.JSONPath)
    assert compiled.singular_query()


@pytest.mark.parametrize(
    "expect",
    [
        {"status": []},
        {"status": [99]},
        {"status": ["2xx"]},
        {"status": [True]},
        {"status": "200"},
        {"headers": [{"name": "a b"}]},
        {"json_values": [{"path": "$", "equals": float("nan")}]},
        {"json_values": [{"path": "$", "equals": [1]}]},
        {"min_days_to_expiry": -1},
        {"max_timings": {"dns_ms": 5}},
        {"max_timings": {"total_ms": 0}},
        {"max_loss_percent": 101},
        {"statuses": [200]},
        {"rcode": "NOERROR"},
    ],
)
def test_an_expectation_that_makes_no_sense_is_refused(expect: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpRequest.model_validate({"url": "http://example.com/", "expect": expect})
