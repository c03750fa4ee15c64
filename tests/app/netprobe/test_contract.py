"""Whatever is sent to it, the app answers as its OpenAPI document says, as a container and as a function.

Schemathesis makes the requests, the right and the wrong ones, and holds the answers to the document with all of its
checks. The same requests every time; `CONTRACT_EXAMPLES=3000 make test` looks further, at others each time. Every
connection that a probe makes ends at a server of ours: no name is looked up and nothing leaves this machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import zlib
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address, ip_network
from types import ModuleType
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python import asgi
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.gate import KEY_HEADER
from app.factory import create_app
from app.services.netprobe import guard
from app.services.netprobe.probes import series
from app.services.netprobe.settings import NetprobeSettings
from tests.app.gateways import GATEWAYS, Request, Response

pytestmark = pytest.mark.e2e

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "300"))
HERE = "127.0.0.1"
# All but loopback, as networks that may not be probed.
ELSEWHERE = [*ip_network("0.0.0.0/0").address_exclude(ip_network("127.0.0.0/8")), ip_network("::/0")]
KEY = "0123456789abcdef"
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
# One that keeps the last of repeated parameters alone would make a right request of a wrong one.
BEHIND = [name for name in GATEWAYS if name != "alb-single"]
PAGE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status": "ok"}'


Apps = dict[str, ASGIApp]


class Function:
    """The Lambda handler as an ASGI app: requests take turns at the gateways, the same at the same every time."""

    def __init__(self, handler: ModuleType) -> None:
        self._handle = handler.lambda_handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        target = (scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")).decode()
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        request = Request(method=scope["method"], target=target, headers=headers, body=await _body(receive))
        answer = await asyncio.to_thread(self._answer, request)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, request: Request) -> Response:
        gateway = GATEWAYS[BEHIND[zlib.crc32(repr(request).encode()) % len(BEHIND)]]
        return gateway.response(request, self._handle(gateway.event(request), None))


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


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


def examine(apps: Apps, method: str, path: str, examples: int, *, bounds: bool = True) -> int:
    """Send requests of every kind for one operation to both; returns how many, or raises what was wrong.

    `bounds` are those at the limits of the document; they come on top of the examples.
    """
    load_all_checks()
    schema = schemathesis.openapi.from_asgi("/openapi.json", apps["container"])
    schema.config.phases.coverage.enabled = bounds
    schema.config.generation.update(
        max_examples=examples, deterministic="CONTRACT_EXAMPLES" not in os.environ, database="none"
    )
    operation = schema[path][method]
    sent = 0

    def test(case: schemathesis.Case) -> None:
        nonlocal sent
        sent += 1
        for app in apps.values():
            schema.app = case.operation.app = app
            answer = case.call_and_validate(headers={KEY_HEADER: KEY})
            # `default` in the document would let anything pass.
            assert str(answer.status_code) in operation.definition.raw["responses"] or answer.status_code == 405
            assert "x-request-id" in answer.headers

    # Its decorator would make the requests while pytest collects: half a minute for each worker, whatever runs.
    build_operation_test(
        config=schema.config, operation=operation, test_func=test, given_kwargs={}, feedback=FeedbackSources()
    )()
    return sent


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_documented(apps: Apps, method: str, path: str) -> None:
    # A batch is a dozen probes of the other kinds, and takes as long.
    examples = EXAMPLES // 5 if path == "/v1/batch" else EXAMPLES
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
