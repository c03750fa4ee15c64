"""Sends requests on to what answers them on this machine, as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from sandbox.workloads.http.messages import Request, Response, end_to_end

_WHOLE = 64 * 1024
_HEADER_BYTES = 32 * 1024
_KEPT_SECONDS = 60


class UpstreamError(Exception):
    """There is no answer from behind."""


class RefusedError(UpstreamError):
    """Nobody listens there."""


class ConnectTimeoutError(UpstreamError):
    """It takes no connection in time."""


class IdleTimeoutError(UpstreamError):
    """It says nothing for too long."""


class BrokenError(UpstreamError):
    """It closed the connection, or what it said is no HTTP."""


class Client:
    """Keeps connections open to what is asked often, if it `keeps` them."""

    def __init__(self, *, keeps: bool = True) -> None:
        self._keeps = keeps
        self._sessions: aiohttp.ClientSession | None = None

    async def send(self, request: Request, host: str, port: int, *, connect: float = 10, idle: float = 60) -> Response:
        """Return the answer of a server: with its body when that is small, else while it comes.

        Args:
            request: Sent with its headers but those of one connection, and with its target untouched.
            host: Address of the server.
            port: Its port.
            connect: Seconds that a connection may take.
            idle: Seconds without a byte.

        Raises:
            UpstreamError: There is no answer; which of its kinds says why.

        """
        headers = CIMultiDict(end_to_end(request.headers))
        # The server that took the request has already told its client to go on.
        headers.popall("Expect", None)
        upload = _Upload(request)
        try:
            answer = await self._session().request(
                request.method,
                URL(f"http://{host}:{port}{request.target}", encoded=True),
                headers=headers,
                data=_body(request, headers, upload),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=idle),
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as problem:
            if upload.problem is not None:
                # Not the server's fault: whoever took the request knows what to make of it.
                raise upload.problem from None
            raise _told(problem) from problem
        passed = [(_text(name), _text(value)) for name, value in answer.raw_headers]
        response = Response(answer.status, end_to_end(passed), _Answer(answer), answer.reason or "")
        length = answer.content_length
        # One segment for head and body: two small ones cost the delay of an acknowledgement.
        if request.method == "HEAD" or (length is not None and length <= _WHOLE):
            try:
                response.body = await answer.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as problem:
                answer.close()
                raise _told(problem) from problem
        return response

    async def close(self) -> None:
        """Close all connections."""
        if self._sessions is not None:
            await self._sessions.close()
            self._sessions = None

    def _session(self) -> aiohttp.ClientSession:
        if self._sessions is None:
            self._sessions = aiohttp.ClientSession(
                connector=self._connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                max_line_size=_HEADER_BYTES,
                max_field_size=_HEADER_BYTES,
            )
            # Who is behind sees every request once; a load balancer tries none again.
            self._sessions._retry_connection = False  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        return self._sessions

    def _connector(self) -> aiohttp.TCPConnector:
        if self._keeps:
            return aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS)
        return aiohttp.TCPConnector(limit=0, force_close=True)


class _Answer:
    """The body of an answer while it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._answer.content.iter_any():
            yield piece

    async def aclose(self) -> None:
        """End the connection, unless all of the answer has come: then it is used again."""
        self._answer.close()


def _body(request: Request, headers: CIMultiDict[str], upload: _Upload) -> Any:  # noqa: ANN401 - aiohttp takes many kinds
    if request.stream is not None:
        return upload.pieces()
    if len(request.body) > _WHOLE:
        headers["Content-Length"] = str(len(request.body))
        return upload.pieces()
    # Without a body, a length that was said is said again.
    return request.body or (b"" if "Content-Length" in headers else None)


class _Upload:
    """The body of a request while it is passed on; it keeps what went wrong on the way from the client."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.problem: Exception | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        body = self._request.body
        for start in range(0, len(body), _WHOLE):
            yield body[start : start + _WHOLE]
        if self._request.stream is None:
            return
        try:
            async for piece in self._request.stream:
                yield piece
        except Exception as problem:
            self.problem = problem
            raise


def _told(problem: Exception) -> UpstreamError:
    words = str(problem) or type(problem).__name__
    match problem:
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeoutError(words)
        case TimeoutError():
            return IdleTimeoutError(words)
        case aiohttp.ClientConnectorError():
            return RefusedError(words)
        case _:
            return BrokenError(words)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
