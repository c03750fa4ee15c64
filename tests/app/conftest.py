"""The app in this process, and listeners on loopback that it may probe."""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from app.core.state import with_state
from app.factory import create_app

LOOPBACK = {"ENVIRONMENT": "dev", "NETPROBE_ALLOW_PRIVATE": "127.0.0.1/32", "NETPROBE_PORTS": "1-65535"}

Serve = Callable[[Callable[[socket.socket], None]], int]


@dataclass(frozen=True)
class Client:
    """Sends requests to a started app with its environment."""

    environ: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, json: object = None, *, started: bool = True) -> httpx.Response:
        return asyncio.run(self._send(method, path, json, started=started))

    async def _send(self, method: str, path: str, json: object, *, started: bool) -> httpx.Response:
        app = create_app(dict(self.environ))
        if not started:
            return await self._ask(app, method, path, json)
        async with app.router.lifespan_context(app) as state:
            return await self._ask(with_state(app, state), method, path, json)

    async def _ask(self, app: ASGIApp, method: str, path: str, json: object) -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.request(method, path, json=json, headers=self.headers)


@pytest.fixture
def public() -> Client:
    """The app as production runs it."""
    return Client({})


@pytest.fixture
def local() -> Client:
    """The app as tests run it: loopback may be probed."""
    return Client(LOOPBACK)


@pytest.fixture
def app_with() -> Callable[..., Client]:
    """Give the app an environment of the test's own."""
    return lambda **environ: Client(environ)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a listener that hands each connection to a function; returns its port."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(answer: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(10)
        listeners.append(listener)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        connection.settimeout(10)
                        answer(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        threads.append(thread)
        port: Any = listener.getsockname()[1]
        return port

    yield start
    for listener in listeners:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(timeout=5)


@pytest.fixture
def web(serve: Serve) -> Callable[[bytes], int]:
    """Start a web server that reads one request and answers with the given bytes; returns its port."""

    def start(answer: bytes) -> int:
        def talk(connection: socket.socket) -> None:
            received = b""
            while b"\r\n\r\n" not in received and (part := connection.recv(4096)):
                received += part
            connection.sendall(answer)

        return serve(talk)

    return start


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Import the handler anew, as a cold start does, with an environment."""
    level = logging.getLogger().level
    started: list[ModuleType] = []

    def start(**environ: str) -> ModuleType:
        for name in ("ENVIRONMENT", "PORT", "HEALTH_PATH", "COMMIT", "LOG_LEVEL", "MODESHIFT_SECRETS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("app.handler", None)
        started.append(importlib.import_module("app.handler"))
        return started[-1]

    yield start
    for module in started:
        vars(module)["_loop"].run_until_complete(vars(module)["_lifespan"].gen.aclose())
        vars(module)["_loop"].close()
    sys.modules.pop("app.handler", None)
    logging.getLogger().setLevel(level)
