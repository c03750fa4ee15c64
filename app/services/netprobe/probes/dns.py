"""The dns probe."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.reversename
from dns.message import Message

from app.services.netprobe.guard import Guard, is_inside, refuse
from app.services.netprobe.models import DnsQuery, DnsResult
from app.services.netprobe.models.dns import Record
from app.services.netprobe.probes.series import count, series, settle
from app.services.netprobe.probes.trace import Trace
from app.services.netprobe.resolver import Connect, addresses_in, exchange, named, system

_MOST_RECORDS = 64
_LONGEST_VALUE = 1024
_REVERSE = (dns.name.from_text("in-addr.arpa"), dns.name.from_text("ip6.arpa"))


@dataclass
class _Reply:
    """What a DNS server answered."""

    message: Message | None = None
    transport: Literal["udp", "tcp"] | None = None
    cut: bool | None = None
    records: list[Record] = field(default_factory=list[Record])


async def probe(request: DnsQuery, guard: Guard, result: DnsResult) -> None:
    """Ask the named server, or the system's for what anyone may know."""
    ends = asyncio.get_running_loop().time() + request.timeout
    name = _name(request.name)
    connect = system() if request.resolver is None else named(request.resolver, guard)

    async def ask(trace: Trace, reply: _Reply) -> None:
        begun = time.monotonic()
        trace.phase = "first_byte"
        trace.address = None if request.resolver is None else ip_address(request.resolver)
        with trace.timed("first_byte"):
            message, reply.transport, reply.cut = await exchange(_question(name, request.type), connect)
        if request.resolver is None and await _is_private(name, message, connect, guard):
            trace.times.clear()
            reply.transport = reply.cut = None
            await refuse(begun)
        reply.message = message
        reply.records = _records(message)

    tries = await series(request, ask, _Reply, ends)
    reply = settle(result, tries).facts
    count(result, tries, lambda trace: trace.times["first_byte"])
    if reply.message is not None:
        result.rcode = dns.rcode.to_text(reply.message.rcode())
        result.authoritative = bool(reply.message.flags & dns.flags.AA)
        result.authenticated = bool(reply.message.flags & dns.flags.AD)
        result.answers = reply.records
        result.transport = reply.transport
        result.truncated = reply.cut


def _name(text: str) -> dns.name.Name:
    try:
        return dns.reversename.from_address(text)
    except (dns.exception.SyntaxError, ValueError):
        return dns.name.from_text(text)


def _question(name: dns.name.Name, record_type: str) -> Message:
    # AD asks to be told whether the server verified the answer, without the signatures themselves.
    return dns.message.make_query(name, record_type, use_edns=0, flags=dns.flags.RD | dns.flags.AD)


async def _is_private(name: dns.name.Name, answer: Message, connect: Connect, guard: Guard) -> bool:
    """Return whether an answer of the system's server is for the inside only, or for nobody.

    That server also knows the private zones of the network it serves. A name with a private address is of such a
    zone, whatever was asked about it, and looks the same as one that does not exist.
    """
    if answer.rcode() == dns.rcode.NXDOMAIN or is_inside(_plain(name.to_text())) or _is_private_reverse(name, guard):
        return True
    words = [word for records in answer.answer for record in records for word in record.to_text().split()]
    if any(is_inside(_plain(word)) for word in words):
        return True
    more = await asyncio.gather(*(exchange(_question(name, each), connect) for each in ("A", "AAAA")))
    found = [address for message in (answer, *(each[0] for each in more)) for address in addresses_in(message)]
    return not all(guard.permits(address) for address in found)


def _is_private_reverse(name: dns.name.Name, guard: Guard) -> bool:
    if not any(name.is_subdomain(zone) for zone in _REVERSE):
        return False
    try:
        return not guard.permits(ip_address(dns.reversename.to_address(name)))
    except (dns.exception.SyntaxError, ValueError):
        return True


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


def _records(answer: Message) -> list[Record]:
    found = [
        Record(
            name=records.name.to_text(),
            type=dns.rdatatype.to_text(records.rdtype),
            ttl=records.ttl,
            value=record.to_text()[:_LONGEST_VALUE],
        )
        for records in answer.answer
        for record in records
    ]
    return found[:_MOST_RECORDS]
