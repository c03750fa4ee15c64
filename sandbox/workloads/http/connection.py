"""One client's connection: who sends no whole request is answered, and let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal

from aiohttp import http_exceptions, web

from sandbox.workloads.http.messages import Response
from sandbox.workloads.http.writing import Written, wire

Fault = Literal["malformed", "target-too-long", "headers-too-large", "body-too-large", "timeout", "failed"]
"""Why a request is not answered as it should be."""

_LINGER_SECONDS = 1
_HEADERS = 2000
# Tracebacks of what strangers send tell nobody anything.
_silent = logging.getLogger(f"{__name__}.strangers")
_silent.setLevel(logging.CRITICAL + 1)


class Acceptor(web.Server):
    """Makes a connection of ours for each client."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        refuse: Callable[[Fault], Response],
        head_bytes: int,
        idle: float,
        abandon: bool,
    ) -> None:
        super().__init__(handler, handler_cancellation=abandon)
        self.refuse = refuse
        self.head_bytes = head_bytes
        self.idle = idle

    def __call__(self) -> web.RequestHandler:
        return Connection(self)


class Connection(web.RequestHandler):
    """A connection that counts what arrives of a head, in bytes and in time."""

    def __init__(self, acceptor: Acceptor) -> None:
        super().__init__(
            acceptor,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=acceptor.idle,
            logger=_silent,
            access_log=_silent,
            # The handler measures lines and headers one by one; these keep a head from being endless.
            max_line_size=acceptor.head_bytes,
            max_field_size=acceptor.head_bytes,
            max_headers=_HEADERS,
            lingering_time=_LINGER_SECONDS,
            auto_decompress=False,
        )
        self._acceptor = acceptor
        self._head = 0
        self._past_line = False

    def data_received(self, data: bytes) -> None:
        """Take bytes; more of a head than it may have are refused before they are kept."""
        waits = self._waits_for_head()
        if waits:
            self._head += len(data)
            self._past_line = self._past_line or b"\n" in data
        super().data_received(data)
        if self._waits_for_head():
            if self._head > 2 * self._acceptor.head_bytes:
                self._turn_away("headers-too-large" if self._past_line else "target-too-long")
        elif waits:
            self._head = 0

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser did not understand."""
        fault: Fault = "malformed" if status < 500 else "failed"  # noqa: PLR2004 - server errors begin there
        if isinstance(exc, http_exceptions.LineTooLong):
            fault = "headers-too-large" if self._past_line else "target-too-long"
        return Written(self._acceptor.refuse(fault), self._acceptor.idle, closes=True)

    def _waits_for_head(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _process_keepalive(self) -> None:
        """Answer a client that began a request and did not go on, as load balancers do, before it is let go."""
        due = self._loop.time() >= self._next_keepalive_close_time
        if due and self._head and self._waits_for_head() and not self._force_close:
            self._turn_away("timeout")
            return
        super()._process_keepalive()

    def _turn_away(self, fault: Fault) -> None:
        if self.transport is not None:
            self.transport.write(wire(self._acceptor.refuse(fault)))
        self.force_close()
