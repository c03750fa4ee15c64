"""Serves the page and the state that it shows, to browsers of this machine alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.workloads.page.state import View, state

_FOLDER = Path(__file__).parent
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_NUMBER = re.compile(r"[0-9]{1,15}")
_SECONDS = 1.0
_ALIVE_SECONDS = 15.0
_STREAMS = 32
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Page:
    """The page of one account."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._closing = asyncio.Event()
        self._streams = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request of a browser."""
        # A page of another site may point a name of its own at this machine; it must not read what runs here.
        if _host(request) not in _HOSTS:
            return _refused(HTTPStatus.FORBIDDEN, "This page is for this machine: open it at 127.0.0.1.")
        if request.method not in {"GET", "HEAD"}:
            return _refused(HTTPStatus.METHOD_NOT_ALLOWED, "This page only shows.", {"Allow": "GET, HEAD"})
        if request.path == "/live":
            return await self._live(request)
        if request.path == "/state.json":
            since = request.query.get("since", "")
            return _json(state(self._view, int(since) if _NUMBER.fullmatch(since) else None))
        return _file(request)

    async def close(self) -> None:
        """End the open streams."""
        self._closing.set()

    async def _live(self, request: web.BaseRequest) -> web.StreamResponse:
        """Send the state whenever it differs from what was sent last, at most once a second."""
        if self._streams >= _STREAMS:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "Too many windows show this page.")
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        self._streams += 1
        try:
            await self._send(response)
        except (ConnectionError, asyncio.CancelledError):
            # The window was closed.
            return response
        finally:
            self._streams -= 1
        return response

    async def _send(self, response: web.StreamResponse) -> None:
        last, quiet = "", 0.0
        while not self._closing.is_set():
            now = state(self._view)
            seen = json.dumps({**now, "time": 0}, sort_keys=True)
            if seen != last:
                last, quiet = seen, 0.0
                await response.write(f"event: state\ndata: {json.dumps(now)}\n\n".encode())
            elif (quiet := quiet + _SECONDS) >= _ALIVE_SECONDS:
                quiet = 0.0
                await response.write(b": nothing has changed\n\n")
            try:
                await asyncio.wait_for(self._closing.wait(), _SECONDS)
            except TimeoutError:
                continue


def _host(request: web.BaseRequest) -> str:
    """Return the host that was asked for, without its port."""
    host = request.headers.get("Host", "")
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0].lower()


@cache
def _files() -> dict[str, tuple[bytes, str, str]]:
    """Return content, type and tag of each file by name."""
    found = {path.name: (path.read_bytes(), path.suffix) for path in _FOLDER.iterdir() if path.suffix in _TYPES}
    return {
        name: (content, _TYPES[suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
        for name, (content, suffix) in found.items()
    }


def _file(request: web.BaseRequest) -> web.Response:
    found = _files().get("index.html" if request.path == "/" else request.path.removeprefix("/"))
    if found is None:
        return _refused(HTTPStatus.NOT_FOUND, "The page has no such file.")
    content, kind, tag = found
    headers = {**_HEADERS, "Cache-Control": "no-cache", "ETag": tag}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=content, headers={**headers, "Content-Type": kind})


def _json(document: Mapping[str, Any]) -> web.Response:
    return web.Response(
        body=json.dumps(document).encode(), headers={**_HEADERS, "Content-Type": "application/json; charset=utf-8"}
    )


def _refused(status: HTTPStatus, why: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{why}\n", headers={**_HEADERS, **(headers or {})})
