"""The Runtime API of one worker: hands it one event at a time, and takes what it answers.

Lambda's client breaks on a `/next` that is not answered with 200 and exactly `application/json`; so that is held open
until there is an event, and workers are ended with a signal, never with an answer.

Source: Lambda developer guide (runtimes-api).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from sandbox.data.ports import HOST
from sandbox.workloads.functions.answers import MOST_RESPONSE

_BASE: Final = "/2018-06-01/runtime/"
_ACCEPTED: Final = b'{"status":"OK"}'
# What a client may post: an answer that is too large is refused by its size, with words of its own.
_MOST_READ = 64 * 1024 * 1024
_TOO_LARGE = 413


@dataclass(frozen=True)
class Event:
    """What a worker is to handle."""

    arn: str
    payload: bytes
    deadline: float
    """Seconds since 1970."""
    trace: str = ""
    request: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Reply:
    """What a worker made of it; `failed` when the payload is the error's."""

    payload: bytes
    failed: bool = False
    too_large: bool = False


class RuntimeApi:
    """Serves one worker on a port of its own."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.address = ""
        self.ready: asyncio.Future[bool] = loop.create_future()
        """Done when the worker asks for its first event; the result says whether that is before a snapshot's end."""
        self.problem: bytes | None = None
        """The payload of what went wrong before the first event."""
        self.waits = asyncio.Event()
        """Set while the worker asks for an event."""
        self._event: asyncio.Future[Event] | None = None
        self._next: Event | None = None
        self._restored = loop.create_future()
        self._reply: asyncio.Future[Reply] | None = None
        self._request = ""
        self._server = web.Server(self._answer, access_log=None, keepalive_timeout=3600, tcp_keepalive=False)
        self._listener: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._server, HOST, 0)
        port = self._listener.sockets[0].getsockname()[1]
        self.address = f"{HOST}:{port}"

    async def close(self) -> None:
        """Listen no more, and drop what is open."""
        for one in (self._event, self._restored, self._reply, self.ready):
            if one is not None:
                one.cancel()
        if self._listener is not None:
            self._listener.close()
        await self._server.shutdown(0)

    def restore(self) -> None:
        """Let a worker go on from where its snapshot was taken."""
        if not self._restored.done():
            self._restored.set_result(None)

    def hand(self, event: Event) -> asyncio.Future[Reply]:
        """Give the worker an event; the result is what it answers."""
        self._reply = asyncio.get_running_loop().create_future()
        self._request = event.request
        self.waits.clear()
        if self._event is not None and not self._event.done():
            self._event.set_result(event)
        else:
            self._next = event
        return self._reply

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.removeprefix(_BASE)
        if path == "invocation/next":
            return await self._give()
        if path.startswith("invocation/"):
            _, identity, kind = path.split("/", 2)
            return await self._take(request, identity, failed=kind == "error")
        if path == "restore/next":
            self._is_ready(snapshot=True)
            await self._restored
            return web.Response(body=b"{}", content_type="application/json")
        if path in {"init/error", "restore/error"}:
            self.problem = await request.read()
            return _said(202)
        return _said(404, b'{"errorMessage":"No such path","errorType":"NotFound"}')

    async def _give(self) -> web.Response:
        self._is_ready(snapshot=False)
        self._event = asyncio.get_running_loop().create_future()
        self.waits.set()
        if self._next is not None:
            self._event.set_result(self._next)
            self._next = None
            self.waits.clear()
        event = await self._event
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": event.request,
            "Lambda-Runtime-Deadline-Ms": str(int(event.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": event.arn,
            "Lambda-Runtime-Trace-Id": event.trace or _trace(),
        }
        return web.Response(body=event.payload, headers=headers)

    async def _take(self, request: web.BaseRequest, identity: str, *, failed: bool) -> web.Response:
        if identity != self._request or self._reply is None:
            return _said(400, b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}')
        if self._reply.done():
            return _said(403, b'{"errorMessage":"It was answered already","errorType":"InvalidStateTransition"}')
        size = request.content_length or 0
        if size > MOST_RESPONSE:
            await _skip(request)
            self._reply.set_result(Reply(b"", failed=True, too_large=True))
            return _said(
                _TOO_LARGE,
                b'{"errorMessage":"Exceeded maximum allowed payload size","errorType":"RequestEntityTooLarge"}',
            )
        # Not `request.read`, which has a limit of its own.
        payload = await request.content.read()
        # The time may have been up while it was read.
        if not self._reply.done():
            self._reply.set_result(Reply(payload, failed=failed))
        return _said(202)

    def _is_ready(self, *, snapshot: bool) -> None:
        if not self.ready.done():
            self.ready.set_result(snapshot)


async def _skip(request: web.BaseRequest) -> None:
    read = 0
    async for chunk in request.content.iter_any():
        read += len(chunk)
        if read > _MOST_READ:
            return


def _said(status: int, body: bytes = _ACCEPTED) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


def _trace() -> str:
    return f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"
