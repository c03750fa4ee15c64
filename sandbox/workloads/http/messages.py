"""Requests and responses as they go from fronts to what answers them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that are about one connection, and are never passed on (RFC 9110, 7.6.1)."""

Headers = list[tuple[str, str]]


class TooLargeError(Exception):
    """A body is larger than whoever asked for it takes."""


class Stream(Protocol):
    """A body that comes in pieces; `aclose` is called when nobody wants more, whether it was read or not."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True)
class Request:
    """A request as it was sent: `target` is path and query as they came, headers are in their order and spelling."""

    method: str
    target: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    client: str = "127.0.0.1"
    scheme: str = "http"
    version: str = "1.1"
    stream: Stream | None = None
    """What follows `body`, from a server that streams."""

    @property
    def path(self) -> str:
        """Return the path as it was sent."""
        return self.target.split("?", 1)[0]

    @property
    def query(self) -> str:
        """Return the query as it was sent, without its question mark."""
        return self.target.partition("?")[2]

    def header(self, name: str, default: str = "") -> str:
        """Return the first value of a header, whose name may be in any case."""
        return first(self.headers, name, default)

    def values(self, name: str) -> list[str]:
        """Return all values of a header, whose name may be in any case."""
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]

    async def whole(self, limit: int) -> Request:
        """Return the request with all of its body.

        Raises:
            TooLargeError: The body has more bytes than the limit.

        """
        if self.stream is None:
            if len(self.body) > limit:
                raise TooLargeError
            return self
        pieces = bytearray(self.body)
        async for piece in self.stream:
            pieces += piece
            if len(pieces) > limit:
                raise TooLargeError
        return replace(self, body=bytes(pieces), stream=None)


@dataclass
class Response:
    """An answer. Its length is the server's to say, except for HEAD, and unless the body is a stream."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes | Stream = b""
    reason: str = ""
    """What is said beside the status; unset, the usual words."""

    def header(self, name: str, default: str = "") -> str:
        """Return the first value of a header, whose name may be in any case."""
        return first(self.headers, name, default)

    async def read(self) -> bytes:
        """Return the whole body, which is then in memory."""
        if not isinstance(self.body, bytes):
            stream = self.body
            try:
                self.body = b"".join([piece async for piece in stream])
            finally:
                await stream.aclose()
        return self.body

    async def close(self) -> None:
        """Give up a body that nobody will read."""
        if not isinstance(self.body, bytes):
            await self.body.aclose()


def first(headers: Iterable[tuple[str, str]], name: str, default: str = "") -> str:
    """Return the first value of a header, whose name may be in any case."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), default)


def end_to_end(headers: Iterable[tuple[str, str]]) -> Headers:
    """Return the headers that are passed on: not those of one connection, nor those that it names."""
    kept = list(headers)
    named = {word.strip().lower() for key, value in kept if key.lower() == "connection" for word in value.split(",")}
    return [(key, value) for key, value in kept if key.lower() not in HOP_BY_HOP and key.lower() not in named]
