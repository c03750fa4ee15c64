"""The tcp probe, and what it shares with the others: addresses, families, attempts, deadlines, failures."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.services.netprobe import guard

Probe = Callable[..., dict[str, Any]]
Serve = Callable[[Callable[[socket.socket], None]], int]


class Names(dict[str, list[str]]):
    """The names that the system's resolver knows."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def look_up(self, host: str, *_: object, family: int = 0, **__: object) -> list[Any]:
        self.asked.append(host.rstrip("."))
        found = [(socket.AF_INET6 if ":" in each else socket.AF_INET, each) for each in self[self.asked[-1]]]
        found = [each for each in found if family in (0, each[0])]
        if not found:
            raise socket.gaierror
        return [(each[0], None, None, "", (each[1], 0)) for each in found]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    known = Names()
    monkeypatch.setattr(guard.socket, "getaddrinfo", known.look_up)
    return known


@pytest.fixture
def on_ipv6() -> Any:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        yield listener.getsockname()[1]


def test_an_open_port_is_reached_and_timed(probe: Probe, serve: Serve) -> None:
    result = probe("tcp", host="127.0.0.1", port=serve(lambda connection: None), interval=0)
    assert (result["ok"], result["reached"], result["error"]) == (True, True, None)
    assert (result["probe"], result["address"], result["family"]) == ("tcp", "127.0.0.1", "ipv4")
    assert result["addresses"] == ["127.0.0.1"]
    timings = result["timings"]
    assert timings["total_ms"] == pytest.approx(timings["resolve_ms"] + timings["connect_ms"], abs=0.01)
    assert timings["total_ms"] <= result["elapsed_ms"]
    assert timings["tls_ms"] is None


def test_every_attempt_is_told_and_counted(probe: Probe, serve: Serve) -> None:
    result = probe("tcp", host="127.0.0.1", port=serve(lambda connection: None), count=5, interval=0.02)
    statistics, times = result["statistics"], [each["time_ms"] for each in result["attempts"]]
    assert (statistics["sent"], statistics["received"], statistics["loss_percent"]) == (5, 5, 0)
    assert (statistics["min_ms"], statistics["max_ms"]) == (min(times), max(times))
    assert statistics["mean_ms"] == pytest.approx(sum(times) / 5, abs=0.001)
    assert result["elapsed_ms"] >= 4 * 20


def test_attempts_that_fail_are_losses(probe: Probe, closed_port: int) -> None:
    result = probe("tcp", host="127.0.0.1", port=closed_port, count=2, interval=0)
    assert (result["ok"], result["reached"]) == (False, False)
    assert result["error"]["kind"] == "refused"
    assert (result["error"]["phase"], result["error"]["failure_source"]) == ("connect", "target")
    assert result["statistics"]["loss_percent"] == 100
    assert result["statistics"]["mean_ms"] is None
    assert [each["ok"] for each in result["attempts"]] == [False, False]


def test_one_attempt_that_succeeds_is_enough(probe: Probe, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    port = serve(lambda connection: None)
    connect, tried = guard.Guard.connect, []

    async def now_and_then(self: guard.Guard, address: Any, number: int) -> socket.socket:
        tried.append(address)
        if len(tried) == 2:
            return await connect(self, address, number)
        raise ConnectionResetError

    monkeypatch.setattr(guard.Guard, "connect", now_and_then)
    result = probe("tcp", host="127.0.0.1", port=port, count=3, interval=0)
    assert (result["reached"], result["error"]) == (True, None)
    assert [each["ok"] for each in result["attempts"]] == [False, True, False]
    assert result["attempts"][0]["error"]["kind"] == "reset"
    assert result["statistics"]["loss_percent"] == 66.7


def test_names_are_looked_up_once(probe: Probe, serve: Serve, names: Names) -> None:
    names["twice.example"] = ["127.0.0.1"]
    probe("tcp", host="twice.example", port=serve(lambda connection: None), count=3, interval=0)
    assert names.asked == ["twice.example"]


def test_the_next_address_is_tried(probe: Probe, serve: Serve, names: Names) -> None:
    port = serve(lambda connection: None)
    names["both.example"] = ["::1", "127.0.0.1"]
    result = probe("tcp", host="both.example", port=port, count=2, interval=0)
    assert (result["address"], result["family"]) == ("127.0.0.1", "ipv4")
    assert result["addresses"] == ["::1", "127.0.0.1"]
    assert result["statistics"]["loss_percent"] == 0


@pytest.mark.parametrize(("family", "address"), [("ipv4", "127.0.0.1"), ("ipv6", "::1"), ("any", "::1")])
def test_the_family_is_a_choice(probe: Probe, on_ipv6: int, names: Names, family: str, address: str) -> None:
    names["both.example"] = ["::1", "127.0.0.1"]
    result = probe("tcp", host="both.example", port=on_ipv6, family=family, count=1)
    assert result["address"] == address
    assert result["family"] == ("ipv6" if ":" in address else "ipv4")
    assert result["ok"] == (family != "ipv4")


def test_a_host_without_the_family_has_no_address(probe: Probe, names: Names) -> None:
    names["old.example"] = ["127.0.0.1"]
    result = probe("tcp", host="old.example", port=80, family="ipv6")
    assert result["error"]["kind"] == "no_public_address"
    assert (result["attempts"], result["statistics"]) == ([], None)


def test_a_silent_address_leaves_time_for_the_next(
    probe: Probe, serve: Serve, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = serve(lambda connection: None)
    names["slow.example"] = ["127.0.0.9", "127.0.0.1"]
    connect = guard.Guard.connect

    async def silent(self: guard.Guard, address: Any, number: int) -> socket.socket:
        if str(address) == "127.0.0.9":
            await asyncio.sleep(60)
        return await connect(self, address, number)

    monkeypatch.setattr(guard.Guard, "connect", silent)
    result = probe("tcp", host="slow.example", port=port, count=2, interval=0, timeout=2)
    assert result["ok"]
    assert [each["address"] for each in result["attempts"]] == ["127.0.0.1", "127.0.0.1"]


def test_attempts_share_the_deadline(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: object) -> socket.socket:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr(guard.Guard, "connect", silent)
    result = probe("tcp", host="127.0.0.1", port=80, count=3, interval=0, timeout=0.6)
    assert result["statistics"]["sent"] == 3
    assert 500 <= result["elapsed_ms"] < 2000
    assert (result["error"]["kind"], result["error"]["failure_source"]) == ("timeout", "network")


def test_attempts_that_do_not_fit_are_not_sent(probe: Probe, serve: Serve) -> None:
    port = serve(lambda connection: None)
    result = probe("tcp", host="127.0.0.1", port=port, count=16, interval=0.2, timeout=0.5)
    assert result["ok"]
    assert 1 <= result["statistics"]["sent"] <= 3
    assert result["elapsed_ms"] < 1000


@pytest.mark.parametrize(
    ("raised", "kind", "source"),
    [
        (OSError(errno.EHOSTUNREACH, "No route to host"), "unreachable", "network"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "no_route", "us"),
        (OSError(errno.EMFILE, "Too many open files"), "internal", "us"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "unsupported", "us"),
        (ConnectionResetError(), "reset", "target"),
        (TimeoutError(), "timeout", "network"),
    ],
)
def test_it_is_told_whose_failure_it_is(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, raised: OSError, kind: str, source: str
) -> None:
    async def fail(*_: object) -> socket.socket:
        raise raised

    monkeypatch.setattr(guard.Guard, "connect", fail)
    error = probe("tcp", host="127.0.0.1", port=80, count=1)["error"]
    assert (error["kind"], error["failure_source"]) == (kind, source)
    assert error["reason"].endswith(".")


def test_the_other_family_says_more_than_one_that_we_do_not_have(
    probe: Probe, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["both.example"] = ["::1", "127.0.0.1"]

    async def fail(_: object, address: Any, __: int) -> socket.socket:
        raise OSError(errno.ENETUNREACH, "") if address.version == 6 else ConnectionRefusedError

    monkeypatch.setattr(guard.Guard, "connect", fail)
    result = probe("tcp", host="both.example", port=80, count=1)
    assert (result["error"]["kind"], result["address"]) == ("refused", "127.0.0.1")


def test_a_mistake_of_ours_is_a_result(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> socket.socket:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(guard.Guard, "connect", fail)
    result = probe("tcp", host="127.0.0.1", port=80, expect={"max_mean_ms": 5})
    assert (result["ok"], result["error"]["kind"], result["error"]["failure_source"]) == (False, "internal", "us")
    assert "hunter2" not in str(result)
    assert "hunter2" in caplog.text


def test_nothing_is_left_behind(probe: Probe, serve: Serve) -> None:
    ended: list[bytes] = []

    def until_closed(connection: socket.socket) -> None:
        ended.append(connection.recv(1))

    probe("tcp", host="127.0.0.1", port=serve(until_closed), count=3, interval=0)
    deadline = time.monotonic() + 5
    while len(ended) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended == [b""] * 3
