"""Asks DNS servers: one that the caller names, or the system's own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from ipaddress import ip_address
from typing import Literal

import dns.exception
import dns.flags
import dns.message
import dns.rdatatype
import dns.resolver
from dns.message import Message

from app.services.netprobe.addresses import Address
from app.services.netprobe.guard import Guard, NotPublicError
from app.services.netprobe.probes.trace import ProbeFailedError

PORT = 53

_TYPES = {"any": ("AAAA", "A"), "ipv4": ("A",), "ipv6": ("AAAA",)}
_LONGEST_DATAGRAM = 65_535

Connect = Callable[[socket.SocketKind], Awaitable[socket.socket]]
"""Opens a socket to a DNS server, over UDP or TCP."""


def named(resolver: str, guard: Guard) -> Connect:
    """Return how to connect to a DNS server that a caller named: as to any other target."""
    address = ip_address(resolver)

    async def connect(kind: socket.SocketKind) -> socket.socket:
        try:
            if kind == socket.SOCK_DGRAM:
                return await guard.connect_udp(address, PORT)
            return await guard.connect(address, PORT)
        except NotPublicError:
            raise ProbeFailedError("no_public_address", "The resolver has no public address.") from None

    return connect


def system() -> Connect:
    """Return how to connect to the DNS server of this machine, which is where no caller may go: it is ours."""
    configured = dns.resolver.get_default_resolver()
    address = str(configured.nameservers[0])

    async def connect(kind: socket.SocketKind) -> socket.socket:
        connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        try:
            connection.setblocking(False)  # noqa: FBT003 the standard library names it no other way
            await asyncio.get_running_loop().sock_connect(connection, (address, configured.port))
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


async def exchange(question: Message, connect: Connect) -> tuple[Message, Literal["udp", "tcp"], bool]:
    """Ask over UDP, and over TCP when the answer did not fit; returns it, the transport and whether it was cut."""
    try:
        answer = await _over_udp(question, connect)
        if not answer.flags & dns.flags.TC:
            return answer, "udp", False
        return await _over_tcp(question, connect), "tcp", True
    except (dns.exception.DNSException, EOFError):
        raise ProbeFailedError("protocol", "The answer is not DNS, or not to this question.") from None


async def _over_udp(question: Message, connect: Connect) -> Message:
    loop = asyncio.get_running_loop()
    with closing(await connect(socket.SOCK_DGRAM)) as connection:
        await loop.sock_sendall(connection, question.to_wire())
        while True:
            wire = await loop.sock_recv(connection, _LONGEST_DATAGRAM)
            try:
                answer = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
            except dns.exception.DNSException:
                continue
            # Anything else on this socket is a guess of somebody who saw no question, or an answer that came late.
            if question.is_response(answer):
                return answer


async def _over_tcp(question: Message, connect: Connect) -> Message:
    reader, writer = await asyncio.open_connection(sock=await connect(socket.SOCK_STREAM))
    try:
        wire = question.to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = dns.message.from_wire(await reader.readexactly(size), ignore_trailing=True)
    finally:
        writer.transport.abort()
    if not question.is_response(answer):
        raise dns.exception.FormError
    return answer


async def ask(host: str, *, connect: Connect, family: str) -> list[Address]:
    """Look the addresses of a name up."""
    answers = await asyncio.gather(
        *(exchange(dns.message.make_query(host, each, use_edns=0), connect) for each in _TYPES[family])
    )
    return [address for answer, _, _ in answers for address in addresses_in(answer)]


def addresses_in(answer: Message) -> list[Address]:
    """Return the addresses in an answer, whatever names they belong to."""
    kinds = (dns.rdatatype.A, dns.rdatatype.AAAA)
    return [ip_address(str(record)) for records in answer.answer if records.rdtype in kinds for record in records]
