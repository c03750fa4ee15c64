"""Writes responses as they are meant, header by header."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from sandbox.workloads.http.messages import Headers, Response, end_to_end

_OWN = frozenset({"content-length", "date"})


class Written(web.StreamResponse):
    """A response that says what ours says; a client that does not take it is let go."""

    def __init__(self, response: Response, idle: float, *, closes: bool = False) -> None:
        super().__init__(status=response.status)
        self._response = response
        self._idle = idle
        if closes:
            self.force_close()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write everything."""
        try:
            await self._write(request)
        except TimeoutError:
            message = "The client does not take its answer."
            raise ConnectionResetError(message) from None
        except Exception as problem:
            # Half a body must not look like a whole one: the connection ends without its last piece.
            self.force_close()
            raise ConnectionResetError(str(problem)) from problem
        finally:
            await self._response.close()

    async def write_eof(self, data: bytes = b"") -> None:
        """All has been written."""

    async def _write(self, request: web.BaseRequest) -> None:
        response, writer = self._response, request.writer
        keeps = bool(request.keep_alive) if self.keep_alive is None else self.keep_alive
        self._keep_alive = keeps
        headers = _head(response, method=request.method)
        if not keeps:
            headers[hdrs.CONNECTION] = "close"
        elif request.version == HttpVersion10:
            headers[hdrs.CONNECTION] = "keep-alive"
        bodiless = request.method == "HEAD" or _has_no_body(response.status)
        if not (bodiless or isinstance(response.body, bytes) or hdrs.CONTENT_LENGTH in headers):
            if request.version >= HttpVersion11:
                headers[hdrs.TRANSFER_ENCODING] = "chunked"
                writer.enable_chunking()
            else:
                headers[hdrs.CONNECTION] = "close"
                self.force_close()
        async with asyncio.timeout(self._idle):
            await writer.write_headers(f"HTTP/1.1 {response.status} {_reason(response)}", headers)
        if bodiless:
            await writer.write_eof()
        elif isinstance(response.body, bytes):
            async with asyncio.timeout(max(self._idle, len(response.body) / _SLOWEST)):
                await writer.write_eof(response.body)
        else:
            await self._pass_on(response, writer, headers.get(hdrs.CONTENT_LENGTH))

    async def _pass_on(self, response: Response, writer: AbstractStreamWriter, length: str | None) -> None:
        assert not isinstance(response.body, bytes)
        passed = 0
        async for piece in response.body:
            passed += len(piece)
            async with asyncio.timeout(self._idle):
                await writer.write(piece)
        if length is not None and passed != int(length):
            message = f"The body has {passed} bytes where its length was said to be {length}."
            raise ConnectionResetError(message)
        async with asyncio.timeout(self._idle):
            await writer.write_eof()


_SLOWEST = 1024
"""Bytes a second below which a client takes a whole body too slowly."""


def wire(response: Response) -> bytes:
    """Return the bytes of a last answer, after which the connection ends."""
    body = response.body if isinstance(response.body, bytes) else b""
    lines = [f"HTTP/1.1 {response.status} {_reason(response)}"]
    lines += [f"{name}: {value}" for name, value in _head(response, method="GET").items()]
    lines += ["Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


def _head(response: Response, *, method: str) -> CIMultiDict[str]:
    passed: Headers = end_to_end(response.headers)
    headers = CIMultiDict([(name, value) for name, value in passed if name.lower() not in _OWN])
    headers[hdrs.DATE] = response.header(hdrs.DATE) or formatdate(usegmt=True)
    length = response.header(hdrs.CONTENT_LENGTH)
    if isinstance(response.body, bytes) and not (method == "HEAD" and length):
        length = str(len(response.body))
    if length.isdecimal() and not _has_no_body(response.status):
        headers[hdrs.CONTENT_LENGTH] = length
    return headers


def _has_no_body(status: int) -> bool:
    return status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED} or status < HTTPStatus.OK


def _reason(response: Response) -> str:
    try:
        return response.reason or HTTPStatus(response.status).phrase
    except ValueError:
        return "Unknown"
