"""Rates and ranges of addresses, held to what is obviously right, and the program that tells injections."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.workloads.firewall.injection import Injection, UnavailableError
from sandbox.workloads.firewall.rates import MOST_KEYS, Rate
from sandbox.workloads.firewall.statements import Addresses


@given(st.integers(1, 20), st.integers(1, 10), st.lists(st.tuples(st.floats(0, 4), st.integers(0, 2)), max_size=80))
def test_a_rate_counts_what_a_plain_list_counts(limit: int, window: int, requests: list[tuple[float, int]]) -> None:
    now = 100.0
    rate = Rate(limit, window, lambda: now)
    seen: list[tuple[int, int]] = []
    for pause, key in requests:
        now += pause
        seen.append((int(now), key))
        within = sum(1 for moment, other in seen if other == key and moment > int(now) - window)
        assert rate.exceeded(key) == (within > limit)
    assert set(rate.over()) == {
        key
        for key in range(3)
        if sum(1 for moment, other in seen if other == key and moment > int(now) - window) > limit
    }


def test_a_rate_forgets_those_seen_least_recently() -> None:
    rate = Rate(1, 60, lambda: 0.0)
    assert not rate.exceeded("first")
    assert not any(rate.exceeded(number) for number in range(MOST_KEYS))
    assert not rate.exceeded("first")
    assert rate.exceeded("first")


networks = st.one_of(
    st.builds(lambda a, n: ipaddress.ip_network((a, n), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)),
    st.builds(
        lambda a, n: ipaddress.ip_network((a, n), strict=False), st.integers(2**33, 2**128 - 1), st.integers(0, 128)
    ),
)


@given(st.lists(networks, max_size=8), st.ip_addresses(), st.integers(0, 7), st.integers(0, 300))
def test_addresses_are_in_a_range_or_not(
    ranges: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
    anywhere: ipaddress.IPv4Address | ipaddress.IPv6Address,
    which: int,
    offset: int,
) -> None:
    addresses = Addresses([str(one) for one in ranges])
    near = [anywhere]
    if ranges:
        network = ranges[which % len(ranges)]
        near += [network[0], network[-1], network[offset % network.num_addresses]]
    for address in near:
        assert (address in addresses) == any(address in one for one in ranges if one.version == address.version)


@pytest.fixture(scope="module")
def injection() -> Iterator[Injection]:
    """The real program, built if this machine has it not yet."""
    found = Injection()
    asyncio.run(found.prepare())
    assert found.missing == ""
    yield found
    found.close()


ATTACKS = (
    b"1' OR '1'='1",
    b"id=1' OR '1'='1",
    b"1 UNION SELECT password FROM users",
    b'{"name": "x\' OR 1=1 --"}',
    b"1; DROP TABLE users",
)
HARMLESS = (
    b"",
    b"select",
    b"host=example.com&port=443",
    b'{"kind":"http","url":"https://example.com/a?b=c","timeout":5}',
    b"O'Brien",
    b"drop me a line at 5",
)


@pytest.mark.e2e
def test_sql_injection_is_told_from_what_people_send(injection: Injection) -> None:
    assert [value for value in ATTACKS if not injection.sql(value)] == []
    assert [value for value in HARMLESS if injection.sql(value)] == []


@pytest.mark.e2e
def test_scripting_is_told_from_what_people_send(injection: Injection) -> None:
    assert injection.scripting(b"<script>alert(1)</script>")
    assert injection.scripting(b"<img src=x onerror=alert(1)>")
    assert [value for value in HARMLESS if injection.scripting(value)] == []


@pytest.mark.e2e
def test_long_and_strange_values_are_answered(injection: Injection) -> None:
    long = b"a=" + b"b" * 16_000
    assert not injection.sql(long)
    assert injection.sql(long[:8_000] + b"&c=1' OR '1'='1") in {True, False}
    for value in (bytes(range(256)), b"\x00" * 1000, "' ÖR ü=1".encode(), b"'" * 5000):
        assert injection.sql(value) in {True, False}
        assert injection.scripting(value) in {True, False}


@pytest.mark.e2e
def test_a_program_that_is_lost_is_begun_again(injection: Injection) -> None:
    assert injection.sql(b"0' OR '1'='1")
    (process,) = (child for child in psutil.Process().children() if child.name() == "injection")
    process.kill()
    process.wait()
    with pytest.raises(UnavailableError, match="begins again"):
        injection.sql(b"3' OR '1'='1")
    assert injection.sql(b"3' OR '1'='1")


def test_nothing_is_told_before_the_program_is_there() -> None:
    found = Injection()
    assert not found.sql(b"word")
    with pytest.raises(UnavailableError, match="built"):
        found.sql(b"1' OR 1=1")


def test_a_build_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.workloads.firewall.injection._BUILD", ("-c", "import sys; sys.exit('no Go')"))
    found = Injection()
    asyncio.run(found.prepare())
    assert found.missing == "no Go"
