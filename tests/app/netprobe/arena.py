"""Where attacks are tried: the app, listeners that must never be reached, and one address that may be.

Attackers own what answers at the allowed address: a web server that redirects anywhere, and a DNS server that says
anything. What must never be reached listens, over TCP and UDP, at one port of three addresses.
"""

from __future__ import annotations

import asyncio
import re
import select
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import dns.message
import dns.rdatatype
import dns.rrset
import httpx
import pytest
from fastapi import FastAPI

from app.core.state import with_state

ALLOWED = "127.0.0.2"
FORBIDDEN = ("127.0.0.1", "127.0.0.3", "::1")

_TRIES = 20

ENVIRON = {
    "ENVIRONMENT": "dev",
    "NETPROBE_ALLOW_PRIVATE": f"{ALLOWED}/32",
    "NETPROBE_CACHE_SECONDS": "0",
    "NETPROBE_CLIENT_RATE": "0",
    "NETPROBE_TARGET_RATE": "0",
    "NETPROBE_PORTS": "53,80,443,1024-65535",
    "RATE_LIMIT": "0",
}


@dataclass
class Forbidden:
    """Listeners that nobody may reach."""

    port: int
    sockets: Sequence[socket.socket]

    def reached(self) -> bool:
        """Return whether a connection or a datagram has arrived; the system takes both without our doing."""
        return bool(select.select(self.sockets, [], [], 0)[0])


@contextmanager
def forbidden() -> Iterator[Forbidden]:
    """Listen where nobody may come, at one port of all the addresses that this machine has."""
    here = [address for address in FORBIDDEN if _has(address)]
    for _ in range(_TRIES):
        with ExitStack() as opened:
            first = opened.enter_context(_listening(here[0], socket.SOCK_STREAM, 0))
            port = first.getsockname()[1]
            places = [(address, kind) for address in here for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
            try:
                rest = [opened.enter_context(_listening(address, kind, port)) for address, kind in places[1:]]
            except OSError:
                continue  # somebody else has this port at one of the addresses
            yield Forbidden(port, [first, *rest])
            return
    pytest.fail(f"no port is free at all of {', '.join(here)}")


def _has(address: str) -> bool:
    try:
        _listening(address, socket.SOCK_STREAM, 0).close()
    except OSError:
        return False
    return True


def _listening(address: str, kind: socket.SocketKind, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    try:
        opened.bind((address, port))
        if kind == socket.SOCK_STREAM:
            opened.listen()
    except OSError:
        opened.close()
        raise
    return opened


@dataclass
class Nameserver(asyncio.DatagramProtocol):
    """Answers a question that is asked again with the next list of addresses, and with the last from there on."""

    lists: Sequence[Sequence[str]]
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        question = dns.message.from_wire(data)
        asked = question.question[0]
        kind = dns.rdatatype.to_text(asked.rdtype)
        again = self.asked[asked.name.to_text(), kind]
        self.asked[asked.name.to_text(), kind] += 1
        answer = dns.message.make_response(question)
        listed = self.lists[min(again, len(self.lists) - 1)]
        addresses = [each for each in listed if (":" in each) == (kind == "AAAA") and not each[0].isalpha()]
        aliases = [each for each in listed if each[0].isalpha()]
        if aliases:
            answer.answer.append(dns.rrset.from_text(asked.name, 0, "IN", "CNAME", f"{aliases[0]}."))
        if addresses:
            answer.answer.append(dns.rrset.from_text(asked.name, 0, "IN", kind, *addresses))
        assert self.transport
        self.transport.sendto(answer.to_wire(), addr)


@dataclass
class Arena:
    """The app under attack, and what the attackers own."""

    client: httpx.AsyncClient
    web: int
    received: list[str]
    nameserver: Nameserver

    async def send(self, path: str, body: object) -> httpx.Response:
        """Send a request to the app."""
        return await self.client.post(f"/v1/probes/{path}", json=body)

    async def ask(self, path: str, **query: Any) -> httpx.Response:
        """Send the same as a link would."""
        return await self.client.get(f"/v1/probes/{path}", params=query)


@asynccontextmanager
async def arena(
    app: FastAPI, patch: pytest.MonkeyPatch, *, location: str = "", answers: Sequence[Sequence[str]] = ((),)
) -> AsyncIterator[Arena]:
    """Start the app, a web server that redirects to a location, and a DNS server with answers."""
    if not _has(ALLOWED):
        pytest.skip(f"this machine has no {ALLOWED}; on macOS: sudo ifconfig lo0 alias {ALLOWED}")
    received: list[str] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        received.append(request)
        writer.write(_redirected(request.split()[1], location).encode("latin-1"))
        await writer.drain()
        writer.close()

    async with AsyncExitStack() as opened:
        loop = asyncio.get_running_loop()
        web = await opened.enter_async_context(await asyncio.start_server(redirect, ALLOWED, 0))
        nameserver = Nameserver(answers)
        transport, _ = await loop.create_datagram_endpoint(lambda: nameserver, local_addr=(ALLOWED, 0))
        opened.callback(transport.close)
        patch.setattr("app.services.netprobe.resolver.PORT", transport.get_extra_info("sockname")[1])
        state: Any = await opened.enter_async_context(app.router.lifespan_context(app))
        transported = httpx.ASGITransport(with_state(app, state), raise_app_exceptions=False)
        client = await opened.enter_async_context(httpx.AsyncClient(transport=transported, base_url="http://app"))
        yield Arena(client, web.sockets[0].getsockname()[1], received, nameserver)


def _redirected(path: str, location: str) -> str:
    """Return the answer to a request; a path with a number and a URL goes round that often before it goes there."""
    if chain := re.fullmatch(r"/(\d)/(.+)", path):
        left, location = int(chain[1]), chain[2]
        location = location if left == 1 else f"/{left - 1}/{location}"
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Watch:
    """Every address that a socket of this process was told to go to."""

    went_to: list[str] = field(default_factory=list)

    def strangers(self) -> set[str]:
        """Return the addresses beyond the allowed one."""
        return {address for address in self.went_to if address != ALLOWED}


def watch(patch: pytest.MonkeyPatch) -> Watch:
    """Note where sockets go and which names are looked up."""
    watched = Watch()
    connect, sendto, getaddrinfo = socket.socket.connect, socket.socket.sendto, socket.getaddrinfo

    def noted_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            watched.went_to.append(address[0])
        connect(self, address)

    def noted_sendto(self: socket.socket, data: bytes, *rest: Any) -> int:
        if self.getsockname()[0] != ALLOWED:
            watched.went_to.append(rest[-1][0])
        return sendto(self, data, *rest)

    def noted_getaddrinfo(host: str, *rest: Any, **more: Any) -> object:
        watched.went_to.append(f"getaddrinfo {host}")
        return getaddrinfo(host, *rest, **more)

    patch.setattr(socket.socket, "connect", noted_connect)
    patch.setattr(socket.socket, "sendto", noted_sendto)
    patch.setattr(socket, "getaddrinfo", noted_getaddrinfo)
    return watched


def verdicts(reply: httpx.Response) -> list[tuple[str, str]]:
    """Return how each probe of a request ended: the kind of error, or the status, and what was said of it."""
    document: Mapping[str, Any] = reply.json()
    if reply.status_code != HTTPStatus.OK:
        return [(str(reply.status_code), " ".join(each["message"] for each in document.get("errors", [])))]
    results = document.get("results", [document])
    return [(each["error"]["kind"], each["error"]["reason"]) if each["error"] else ("", "") for each in results]
