"""The ping probe: ICMP where it is permitted, TCP elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.services.netprobe import guard
from app.services.netprobe.probes import ping

Probe = Callable[..., dict[str, Any]]
Serve = Callable[[Callable[[socket.socket], None]], int]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ping, "may_echo", lambda _: False)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Let datagrams to a server of ours stand for ICMP, whose packets they carry; returns those that came."""
    came: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            while packet := server.recvfrom(2048):
                if not packet[0]:
                    return
                came.append(packet[0])
                if len(came) != 2:
                    server.sendto(b"\x03" + packet[0][1:], packet[1])
                    server.sendto(b"\x00" + packet[0][1:8] + bytes(16), packet[1])
                    header = b"\x45" + bytes(19) if len(came) == 3 else b""
                    server.sendto(header + b"\x00" + packet[0][1:], packet[1])

        async def connect_icmp(self: guard.Guard, address: Any) -> socket.socket:
            return await self.connect_udp(address, server.getsockname()[1])

        monkeypatch.setattr(guard.Guard, "connect_icmp", connect_icmp)
        monkeypatch.setattr(ping, "may_echo", lambda _: True)
        thread = threading.Thread(target=answer)
        thread.start()
        yield came
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", server.getsockname())
        thread.join()


def test_echo_requests_are_sent_where_permitted(probe: Probe, echo: list[bytes]) -> None:
    result = probe("ping", host="127.0.0.1", count=3, interval=0, timeout=3)
    assert (result["ok"], result["method"], result["port"]) == (True, "icmp", None)
    assert result["timings"]["first_byte_ms"] > 0
    assert result["timings"]["connect_ms"] is None
    assert all(packet[0] == 8 for packet in echo)
    assert len({packet[8:] for packet in echo}) == 3


def test_an_echo_that_stays_away_is_a_loss(probe: Probe, echo: list[bytes]) -> None:
    result = probe("ping", host="127.0.0.1", count=3, interval=0, timeout=0.9)
    assert [each["ok"] for each in result["attempts"]] == [True, False, True]
    assert result["attempts"][1]["error"]["kind"] == "timeout"
    assert (result["reached"], result["statistics"]["loss_percent"]) == (True, 33.3)


def test_tcp_is_used_where_icmp_is_forbidden(probe: Probe, serve: Serve, forbidden: None) -> None:
    port = serve(lambda connection: None)
    result = probe("ping", host="127.0.0.1", port=port, interval=0)
    assert (result["ok"], result["method"], result["port"]) == (True, "tcp", port)
    assert result["statistics"]["sent"] == 3


def test_a_refused_connection_shows_that_the_host_is_there(probe: Probe, closed_port: int, forbidden: None) -> None:
    result = probe("ping", host="127.0.0.1", port=closed_port, interval=0)
    assert (result["ok"], result["statistics"]["loss_percent"]) == (True, 0)
    assert result["timings"]["connect_ms"] > 0


def test_tcp_can_be_asked_for(probe: Probe, closed_port: int, echo: list[bytes]) -> None:
    assert probe("ping", host="127.0.0.1", port=closed_port, method="tcp", count=1)["method"] == "tcp"
    assert echo == []


def test_icmp_that_is_forbidden_is_our_failure(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forbid(*_: object) -> socket.socket:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(guard.Guard, "connect_icmp", forbid)
    error = probe("ping", host="127.0.0.1", method="icmp", count=1)["error"]
    assert (error["kind"], error["failure_source"]) == ("unsupported", "us")
    assert "TCP" in error["reason"]


REAL = """
import asyncio, json
from ipaddress import ip_network
from app.services.netprobe import models
from app.services.netprobe.guard import Guard, Ports
from app.services.netprobe.probes import run

guard = Guard(Ports.parse("443"), [ip_network("127.0.0.0/8"), ip_network("::1/128")])
for host in ("127.0.0.1", "::1"):
    request = models.PingRequest(host=host, count=2, interval=0)
    print(asyncio.run(run(request, guard)).model_dump_json())
"""


def test_the_system_answers_echo_requests() -> None:
    # In a network of its own, where this user may decide that anyone may send them.
    script = "ip link set lo up && echo '0 0' > /proc/sys/net/ipv4/ping_group_range && exec \"$@\""
    command = ["unshare", "--map-root-user", "--net", "sh", "-c", script, "sh"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this machine lets nobody have a network of their own")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, sys.executable, "-c", REAL], capture_output=True, text=True, check=True, env=environ
    )
    for line in done.stdout.splitlines():
        result = json.loads(line)
        assert (result["ok"], result["method"]) == (True, "icmp"), result["error"]
        assert result["statistics"]["received"] == 2
    assert len(done.stdout.splitlines()) == 2
