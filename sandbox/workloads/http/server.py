"""An HTTP server that stays up whoever calls it: limits, slow clients, and requests that are none."""

from __future__ import annotations

import asyncio
import logging
import resource
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

from aiohttp import web

from sandbox.data import ports
from sandbox.workloads.http.connection import Acceptor, Fault
from sandbox.workloads.http.messages import Request, Response, TooLargeError
from sandbox.workloads.http.writing import Written

Handler = Callable[[Request], Awaitable[Response]]
Refuse = Callable[[Fault], Response]

_BACKLOG = 4096
_HANDSHAKE_SECONDS = 10
_FILES = 65_536
_END_SECONDS = 5
_LEAST_SECONDS = 0.01
_ANY_BYTES = 1 << 62
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_log = logging.getLogger(__name__)

_STATUS: dict[Fault, int] = {
    "malformed": 400,
    "timeout": 408,
    "body-too-large": 413,
    "target-too-long": 414,
    "headers-too-large": 431,
    "failed": 500,
}


@dataclass(frozen=True)
class Limits:
    """How much a client may send, in bytes, and how long it may be silent, in seconds.

    The defaults are those of an application load balancer (its quotas: request line and header 16 K, all headers 64 K).
    """

    line: int = 16 * 1024
    header: int = 16 * 1024
    headers: int = 64 * 1024
    body: int | None = None
    idle: float = 60.0


def plain(fault: Fault) -> Response:
    """Answer with a status alone."""
    return Response(_STATUS[fault])


class Server:
    """A server that listens on this machine alone."""

    def __init__(self, acceptor: Acceptor, server: asyncio.Server, under_way: set[asyncio.Task[object]]) -> None:
        self._acceptor = acceptor
        self._under_way = under_way
        self._server = server
        self.port: int = server.sockets[0].getsockname()[1]

    @property
    def connections(self) -> int:
        """Return how many clients are connected."""
        return len(self._acceptor.connections)

    async def close(self, seconds: float = _END_SECONDS) -> None:
        """Take no more requests, and end those under way that take longer than some seconds."""
        self._server.close()
        self._acceptor.pre_shutdown()
        # aiohttp takes no time for as long as it takes.
        await self._acceptor.shutdown(max(seconds, _LEAST_SECONDS))
        # Those whose client has gone are no longer known to a connection.
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def serve(
    handler: Handler,
    port: int = 0,
    *,
    limits: Limits | None = None,
    refuse: Refuse = plain,
    tls: ssl.SSLContext | None = None,
    streaming: bool = False,
    abandon: bool = False,
) -> Server:
    """Answer HTTP/1.1 requests by a handler.

    Args:
        handler: Answers a request; what it raises becomes the fault `failed`, and is logged.
        port: The port, if it is free; `Server.port` says which one it became.
        limits: What a client may do.
        refuse: The answer to a client that may not do what it does, and for a handler that failed.
        tls: Speaks TLS with this.
        streaming: Requests may arrive with their body still on its way, in `Request.stream`.
        abandon: The handler is cancelled when its client goes.

    """
    _allow_files()
    front = _Front(handler, limits or Limits(), refuse, "http" if tls is None else "https", streaming=streaming)
    acceptor = Acceptor(
        front.answer, refuse=refuse, head_bytes=front.limits.headers, idle=front.limits.idle, abandon=abandon
    )
    server = await asyncio.get_running_loop().create_server(
        acceptor,
        sock=ports.listen(port),
        backlog=_BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=None if tls is None else _HANDSHAKE_SECONDS,
    )
    return Server(acceptor, server, front.under_way)


@dataclass(frozen=True)
class _Front:
    handler: Handler
    limits: Limits
    refuse: Refuse
    scheme: str
    streaming: bool
    under_way: set[asyncio.Task[object]] = field(default_factory=set["asyncio.Task[object]"])

    async def answer(self, raw: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self.under_way.add(task)
        try:
            return await self._answer(raw)
        finally:
            self.under_way.discard(task)

    async def _answer(self, raw: web.BaseRequest) -> web.StreamResponse:
        fault = self._fault(raw)
        if fault is not None:
            return Written(self.refuse(fault), self.limits.idle, closes=True)
        try:
            request = await self._read(raw)
            response = await self.handler(request)
        except TooLargeError:
            return Written(self.refuse("body-too-large"), self.limits.idle, closes=True)
        except _SlowError:
            return Written(self.refuse("timeout"), self.limits.idle, closes=True)
        except web.RequestPayloadError:
            return Written(self.refuse("malformed"), self.limits.idle, closes=True)
        except Exception as problem:
            if raw.transport is None:
                message = "The client has gone."
                raise ConnectionResetError(message) from problem
            _log.exception("%s %s failed", raw.method, raw.path)
            return Written(self.refuse("failed"), self.limits.idle)
        return Written(response, self.limits.idle)

    def _fault(self, raw: web.BaseRequest) -> Fault | None:
        headers = raw.raw_headers
        sizes = [len(name) + len(value) + len(": \r\n") for name, value in headers]
        if len(raw.method) + len(raw.raw_path) + len("  HTTP/1.1") > self.limits.line:
            return "target-too-long"
        if any(size > self.limits.header for size in sizes) or sum(sizes) > self.limits.headers:
            return "headers-too-large"
        if raw.method == "CONNECT" or (
            raw.version >= (1, 1) and not any(name.lower() == b"host" for name, _ in headers)
        ):
            return "malformed"
        if self.limits.body is not None and (raw.content_length or 0) > self.limits.body:
            return "body-too-large"
        return None

    async def _read(self, raw: web.BaseRequest) -> Request:
        request = Request(
            method=raw.method,
            target=_origin_form(raw.raw_path),
            headers=[(_text(name), _text(value)) for name, value in raw.raw_headers],
            client=_client(raw),
            scheme=self.scheme,
            version=f"{raw.version.major}.{raw.version.minor}",
            stream=_Body(raw, self.limits) if raw.body_exists else None,
        )
        if self.streaming or request.stream is None:
            return request
        return await request.whole(self.limits.body if self.limits.body is not None else _ANY_BYTES)


class _SlowError(Exception):
    """A client stopped sending in the middle of a body."""


class _Body:
    """A body on its way. Who expects to be told to go on is told when somebody wants it."""

    def __init__(self, raw: web.BaseRequest, limits: Limits) -> None:
        self._raw = raw
        self._limits = limits
        self._waits = raw.headers.get("Expect", "").lower() == "100-continue"
        self._passed = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._waits and self._raw.transport is not None:
            self._waits = False
            self._raw.transport.write(_CONTINUE)
        try:
            async with asyncio.timeout(self._limits.idle):
                piece = await self._raw.content.readany()
        except TimeoutError:
            raise _SlowError from None
        if not piece:
            raise StopAsyncIteration
        self._passed += len(piece)
        if self._limits.body is not None and self._passed > self._limits.body:
            raise TooLargeError
        return piece

    async def aclose(self) -> None:
        """Leave the rest to the connection, which ends with it."""


def _origin_form(target: str) -> str:
    """Return path and query of whatever form of target; proxies are sent whole URLs (RFC 9112, 3.2.2)."""
    if target.startswith("/"):
        return target
    _, mark, rest = target.partition("://")
    if not mark:
        return f"/{target.removeprefix('*')}"
    path = rest[len(rest.split("/", 1)[0].split("?", 1)[0]) :]
    return path if path.startswith("/") else f"/{path}"


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _client(raw: web.BaseRequest) -> str:
    peer = raw.transport.get_extra_info("peername") if raw.transport is not None else None
    return cast("tuple[str, int]", peer)[0] if peer else ports.HOST


def _allow_files() -> None:
    """Let this process have as many sockets open as it may: a thousand clients are two thousand sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
