"""A server that is told to stop loses no request: it says so first, serves on, and then finishes what is under way."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 30
PROGRAM = """
import asyncio, os
from app.core import logs
from app.core.server import serve
from app.core.settings import Settings
from app.factory import create_app

app = create_app()

@app.get("/slow")
async def slow(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"

settings = Settings.from_environ(os.environ)
logs.configure(settings)
serve(app, settings)
"""


@dataclass
class Server:
    """A server in a process of its own."""

    port: int
    process: subprocess.Popen[str]

    def get(self, path: str) -> tuple[int, bool]:
        """Return a status, and whether the server will close the connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            reply.read()
        finally:
            connection.close()
        return reply.status, reply.will_close


Start = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server with an environment and wait until it is ready."""
    started: list[subprocess.Popen[str]] = []

    def run(**environ: str) -> Server:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(port), "RATE_LIMIT": "0", **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        server = Server(port, process)
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                if server.get("/ready")[0] == 200:
                    break
            time.sleep(0.05)
        return server

    yield run
    for process in started:
        process.kill()
        process.communicate()


@dataclass
class Caller(threading.Thread):
    """Sends one request after the other on kept connections, as a load balancer does until the target leaves."""

    server: Server
    stop: threading.Event
    answered: int = 0
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        while not self.stop.is_set():
            try:
                connection.request("GET", "/version")
                reply = connection.getresponse()
                reply.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return
            if reply.status != 200:
                self.lost.append(str(reply.status))
            self.answered += 1
        connection.close()


def test_sigterm_under_load_loses_no_request(start: Start) -> None:
    server = start(DRAIN_SECONDS="5", LOG_LEVEL="WARNING")
    leave = threading.Event()
    callers = [Caller(server, leave) for _ in range(4)]
    slow: list[tuple[int, bool]] = []
    # It is under way at the signal, and longer than the drain.
    long_request = threading.Thread(target=lambda: slow.append(server.get("/slow?seconds=7")))
    for thread in (*callers, long_request):
        thread.start()
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    told = _wait_until_not_ready(server)
    before = sum(caller.answered for caller in callers)
    time.sleep(1)
    leave.set()
    for thread in (*callers, long_request):
        thread.join(PATIENCE)
    assert told < 3
    assert [caller.lost for caller in callers] == [[]] * 4
    assert sum(caller.answered for caller in callers) > before, "requests were served on after /ready turned"
    assert slow == [(200, True)]
    assert server.process.wait(PATIENCE) == 0


def _wait_until_not_ready(server: Server) -> float:
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        status, closes = server.get("/ready")
        if status == 503:
            assert closes, "a kept connection would lose the request sent while it is closed"
            assert server.get("/health")[0] == 200
            break
        time.sleep(0.05)
    return time.monotonic() - began


def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    server = start(DRAIN_SECONDS="60")
    slow = threading.Thread(target=_ignore_loss, args=(server,))
    slow.start()
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    _wait_until_not_ready(server)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(5) == 128 + signal.SIGTERM
    slow.join(PATIENCE)


def _ignore_loss(server: Server) -> None:
    with suppress(OSError, http.client.HTTPException):
        server.get("/slow?seconds=60")


def test_ctrl_c_does_not_wait_for_callers(start: Start) -> None:
    server = start(DRAIN_SECONDS="60")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(PATIENCE) == 0


def test_no_drain_is_a_setting(start: Start) -> None:
    server = start(DRAIN_SECONDS="0")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
