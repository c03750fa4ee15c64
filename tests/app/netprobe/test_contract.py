"""Whatever is sent to NetProbe, it answers as its OpenAPI document says, as a container and as a function.

Every connection that a probe makes ends at a server of ours: no name is looked up and nothing leaves this machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address, ip_network
from types import ModuleType
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.python import asgi
from starlette.types import ASGIApp, Receive, Scope, Send

from app.factory import create_app
from app.services.netprobe import guard
from app.services.netprobe.probes import series
from app.services.netprobe.settings import NetprobeSettings
from tests.app.examination import KEY, Function, examine

pytestmark = pytest.mark.e2e

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "300"))
HERE = "127.0.0.1"
# All but loopback, as networks that may not be probed.
ELSEWHERE = [*ip_network("0.0.0.0/0").address_exclude(ip_network("127.0.0.0/8")), ip_network("::/0")]
ENVIRON = {
    "ENVIRONMENT": "dev",
    "LOG_LEVEL": "ERROR",
    "METRICS": "off",
    "NETPROBE_ALLOW_PRIVATE": f"{HERE}/32",
    "NETPROBE_CACHE_SECONDS": "0",
    "NETPROBE_CLIENT_RATE": "0",
    "NETPROBE_DENY": ",".join(map(str, ELSEWHERE)),
    "NETPROBE_PORTS": "1-65535",
    "NETPROBE_TARGET_RATE": "0",
    "RATE_LIMIT": "0",
    "SERVICES": "netprobe=/",
}
OPERATIONS = [
    (method.upper(), path) for path, methods in create_app(ENVIRON).openapi()["paths"].items() for method in methods
]
PAGE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status": "ok"}'


Apps = dict[str, ASGIApp]


class Hurried:
    """asyncio, but nobody sleeps: attempts follow each other at once."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    def sleep(self, seconds: float) -> Awaitable[None]:
        assert seconds >= 0
        return asyncio.sleep(0)


@pytest.fixture
def berths(
    serve: Callable[[Callable[[socket.socket], None]], int],
    secured: Callable[..., int],
    authority: Any,
    closed_port: int,
) -> list[int]:
    """Where connections end: a web server, a secure one, nobody."""

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(PAGE)

    site = authority.issue("site", by=authority.root, names=["site.example", HERE])
    return [serve(talk), secured(authority.context(site, authority.root), PAGE), closed_port]


@pytest.fixture
def start(
    monkeypatch: pytest.MonkeyPatch, berths: list[int], system_nameserver: Any, entry: Callable[..., ModuleType]
) -> Iterator[Callable[[dict[str, str]], Apps]]:
    """Start the app as a container and as a function, in a world of this machine alone."""
    connect = socket.socket.connect

    def landed(self: socket.socket, address: tuple[str, int]) -> None:
        host, port = address[:2]
        assert host == HERE, "a probe left this machine"
        stream = self.type == socket.SOCK_STREAM and port != system_nameserver.port
        connect(self, (host, berths[port % len(berths)] if stream else system_nameserver.port))

    def looked_up(host: str, *_: object, family: int = 0, **__: object) -> list[tuple[Any, ...]]:
        if family == socket.AF_INET6 or len(host) % 4 == 0:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (HERE, 0))]

    monkeypatch.setattr(socket.socket, "connect", landed)
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    monkeypatch.setattr(series, "asyncio", Hurried())
    monkeypatch.setattr(guard, "_STEP", 0.001)
    yield lambda environ: {"container": create_app(environ), "function": Function(entry(**environ))}
    asgi.shutdown_lifespans()


@pytest.fixture
def apps(start: Callable[[dict[str, str]], Apps]) -> Apps:
    """Both, open to all."""
    return start(ENVIRON)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_documented(apps: Apps, method: str, path: str) -> None:
    # A batch is a dozen probes of the other kinds, and takes as long.
    examples = EXAMPLES // 5 if path == "/v1/probes/batch" else EXAMPLES
    sent = examine(apps, method, path, examples)
    # The three that take nothing can be asked in few ways.
    assert sent >= (examples if path.startswith("/v1/") else 5)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_keys_are_asked_for_where_the_document_says(
    start: Callable[[dict[str, str]], Apps], method: str, path: str
) -> None:
    examine(start(ENVIRON | {"API_KEYS": f"ci:{KEY}"}), method, path, 10, bounds=False)


def test_both_have_the_same_document(apps: Apps) -> None:
    documents = [schemathesis.openapi.from_asgi("/openapi.json", app).raw_schema for app in apps.values()]
    assert len({hashlib.sha256(json.dumps(document).encode()).hexdigest() for document in documents}) == 1


@given(st.ip_addresses())
def test_nothing_leaves_this_machine(address: Any) -> None:
    settings = NetprobeSettings.from_environ(ENVIRON)
    guarded = settings.guard(settings.limits())
    assert guarded.permits(ip_address(HERE))
    assert not guarded.permits(address) or address == ip_address(HERE)


def _sabotaged(app: ASGIApp, change: Callable[[Any], None]) -> ASGIApp:
    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_changed(message: Any) -> None:
            change(message)
            await send(message)

        await app(scope, receive, send_changed if scope.get("path") == "/version" else send)

    return changed


def _fails(message: Any) -> None:
    message["status"] = 503


def _teapot(message: Any) -> None:
    message["status"] = 418


def _untrue(message: Any) -> None:
    if message["type"] == "http.response.body":
        message["body"] = message["body"].replace(b'"version"', b'"Version"')


def _of_another_type(message: Any) -> None:
    message["headers"] = [
        (name, b"text/plain" if name == b"content-type" else value) for name, value in message.get("headers", [])
    ]


@pytest.mark.parametrize("change", [_fails, _teapot, _untrue, _of_another_type])
@pytest.mark.parametrize("place", ["container", "function"])
def test_an_answer_that_is_not_as_documented_is_found(apps: Apps, place: str, change: Callable[[Any], None]) -> None:
    apps[place] = _sabotaged(apps[place], change)
    with pytest.raises((FailureGroup, AssertionError)):
        examine(apps, "GET", "/version", 5)
