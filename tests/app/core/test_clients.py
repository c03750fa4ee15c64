"""Who sent a request cannot be made up: as many hops are believed as there are proxies, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clients import Proxies, ProxyHeader

PEER = "10.0.0.9"
CALLER = "203.0.113.9"
BALANCER = {"requestContext": {"elb": {"targetGroupArn": "arn"}}}
API = {"requestContext": {"http": {"sourceIp": CALLER}}}


def _client(
    *forwarded: str, trusted: int, header: ProxyHeader = "x-forwarded-for", peer: str | None = PEER, **scope: Any
) -> str:
    lines = [(header.encode(), line.encode("latin-1")) for line in forwarded]
    return Proxies(trusted, header).client({"headers": lines, "client": peer and (peer, 5), "scheme": "http", **scope})


@pytest.mark.parametrize("line", ["", CALLER, f"1.1.1.1, {CALLER}"])
def test_without_proxies_no_header_is_believed(line: str) -> None:
    assert _client(line, trusted=0) == PEER
    assert _client(f"for={line}", trusted=0, header="forwarded") == PEER


@pytest.mark.parametrize(
    ("lines", "trusted", "client"),
    [
        ([CALLER], 1, CALLER),
        ([f"1.1.1.1, {CALLER}"], 1, CALLER),
        (["1.1.1.1", CALLER], 1, CALLER),
        ([f"1.1.1.1,2.2.2.2,{CALLER} , 9.9.9.9"], 2, CALLER),
        (["1.1.1.1", f"{CALLER}", "9.9.9.9"], 2, CALLER),
        ([f"{CALLER}:4711"], 1, CALLER),
        ([f"::ffff:{CALLER}"], 1, CALLER),
        (["[2001:db8:1:2:3::1]:443"], 1, "2001:db8:1:2::/64"),
        (["2001:db8:1:2:3::1"], 1, "2001:db8:1:2::/64"),
        ([CALLER], 3, CALLER),
        ([], 1, PEER),
        (["unknown"], 1, PEER),
        (["1.1.1.1,"], 1, PEER),
        ([f"{CALLER}, <script>"], 1, PEER),
    ],
)
def test_the_entry_of_the_outermost_proxy_counts(lines: list[str], trusted: int, client: str) -> None:
    assert _client(*lines, trusted=trusted) == client


@pytest.mark.parametrize(
    ("line", "client"),
    [
        (f"by=3.2.1.0;for={CALLER};host=api.example.com;proto=https", CALLER),
        (f"for=1.1.1.1, by=3.2.1.0;for={CALLER};proto=https", CALLER),
        (f'for=1.1.1.1,For="{CALLER}:80"', CALLER),
        ('for="[2001:db8:1:2::7]:80"', "2001:db8:1:2::/64"),
        (f'for="1.1.1.1, for={CALLER}', CALLER),
        ("for=_hidden", PEER),
        ("by=1.1.1.1", PEER),
    ],
)
def test_the_standard_header_is_read_where_it_is_named(line: str, client: str) -> None:
    assert _client(line, trusted=1, header="forwarded") == client


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
@given(made_up=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60))
def test_nothing_a_caller_writes_before_a_proxys_entry_matters(header: ProxyHeader, made_up: str) -> None:
    own = CALLER if header == "x-forwarded-for" else f"for={CALLER}"
    assert _client(f"{made_up}, {own}", trusted=1, header=header) == CALLER
    assert _client(made_up, own, trusted=1, header=header) == CALLER


def test_a_load_balancer_that_invokes_a_function_is_one_proxy_whatever_the_settings_say() -> None:
    # Mangum takes the whole header for the caller's address.
    line = f"1.1.1.1, {CALLER}"
    assert _client(line, trusted=0, peer=line, **{"aws.event": BALANCER}) == CALLER


def test_a_gateway_that_invokes_a_function_names_the_caller_itself() -> None:
    assert _client("1.1.1.1", trusted=0, peer=CALLER, **{"aws.event": API}) == CALLER


def test_a_load_balancer_behind_an_api_leaves_it_to_the_api_to_name_the_caller() -> None:
    # While traffic is shared with containers, a function of an HTTP API is behind its link and a load balancer.
    by_api = f"for=1.1.1.1,by=3.2.1.0;for={CALLER};host=api.example.com;proto=https"
    assert _client(by_api, trusted=0, header="forwarded", peer="10.0.0.7", **{"aws.event": BALANCER}) == CALLER
    lines = {b"x-forwarded-proto": b"http", b"forwarded": by_api.encode()}
    assert Proxies(0, "forwarded").secure({"scheme": "http", "aws.event": BALANCER}, lines) is True


def test_a_header_that_only_the_balancer_gets_is_not_believed_from_an_api() -> None:
    made_up = "for=1.1.1.1;proto=https"
    for trusted in (0, 1):
        assert _client(made_up, trusted=trusted, header="forwarded", peer=CALLER, **{"aws.event": API}) == CALLER
    event = {"scheme": "http", "aws.event": API}
    assert Proxies(1, "forwarded").secure(event, {b"forwarded": made_up.encode()}) is False


@pytest.mark.parametrize("peer", [None, "", "testclient"])
def test_a_caller_without_an_address_is_unknown(peer: str | None) -> None:
    assert _client(trusted=0, peer=peer) == "unknown"


@pytest.mark.parametrize(
    ("trusted", "header", "headers", "secure"),
    [
        (0, "x-forwarded-for", {b"x-forwarded-proto": b"https"}, False),
        (1, "x-forwarded-for", {b"x-forwarded-proto": b"https"}, True),
        (1, "x-forwarded-for", {b"x-forwarded-proto": b"http"}, False),
        (1, "forwarded", {b"x-forwarded-proto": b"http", b"forwarded": b"for=1.1.1.1;proto=https"}, True),
        (1, "forwarded", {b"x-forwarded-proto": b"https", b"forwarded": b"proto=https,for=1.1.1.1"}, False),
    ],
)
def test_a_trusted_proxy_says_how_the_caller_came(
    trusted: int, header: ProxyHeader, headers: dict[bytes, bytes], secure: bool
) -> None:
    assert Proxies(trusted, header).secure({"scheme": "http"}, headers) is secure
    assert Proxies(trusted, header).secure({"scheme": "https"}, headers) is True
