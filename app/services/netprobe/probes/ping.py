"""The ping probe: ICMP echo where the system lets us, a TCP connection where not."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from contextlib import closing, suppress
from functools import cache, partial
from typing import Literal

from app.services.netprobe.addresses import Address
from app.services.netprobe.guard import Guard
from app.services.netprobe.models import PingQuery, PingResult
from app.services.netprobe.probes.reach import Reach
from app.services.netprobe.probes.series import count, reach, series, settle
from app.services.netprobe.probes.trace import ProbeFailedError, Trace

_REQUESTS = {4: b"\x08", 6: b"\x80"}
_REPLIES = (0, 129)
_LONGEST_PACKET = 1500


async def probe(request: PingQuery, guard: Guard, result: PingResult) -> None:
    """Send echo requests, or connect."""
    ends = asyncio.get_running_loop().time() + request.timeout
    there = await reach(request, guard, request.host, result, ends)
    if there is None:
        return
    result.method = _method(request, there)
    result.port = request.port if result.method == "tcp" else None
    send = partial(_echo, there) if result.method == "icmp" else partial(_knock, there, request.port)
    tries = await series(request, send, object, ends)
    settle(result, tries, there.resolve_ms)
    count(result, tries, lambda trace: sum(trace.times.values()))


def _method(request: PingQuery, there: Reach) -> Literal["icmp", "tcp"]:
    if request.method != "auto":
        return request.method
    return "icmp" if all(may_echo(address.version) for address in there.addresses) else "tcp"


@cache
def may_echo(version: Literal[4, 6]) -> bool:
    """Return whether the system lets us send echo requests without being its administrator."""
    try:
        if version == 4:  # noqa: PLR2004
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
        else:
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6).close()
    except OSError:
        return False
    return True


async def _echo(there: Reach, trace: Trace, _: object) -> None:
    trace.phase = "first_byte"
    await there.first(trace, partial(_echoed, there.guard, trace))


async def _echoed(guard: Guard, trace: Trace, address: Address) -> None:
    loop = asyncio.get_running_loop()
    token = os.urandom(16)
    try:
        connection = await guard.connect_icmp(address)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT}:
            raise ProbeFailedError("unsupported", "This service may not send ICMP; use TCP.") from None
        raise
    with closing(connection), trace.timed("first_byte"):
        # Type, code, checksum, identifier, sequence: the system fills in the two that matter.
        await loop.sock_sendall(connection, _REQUESTS[address.version] + bytes(7) + token)
        while True:
            packet = await loop.sock_recv(connection, _LONGEST_PACKET)
            # macOS hands out the IP header as well, whose first half is the version and whose second its length.
            start = 4 * (packet[0] & 0x0F) if packet[0] >> 4 == 4 else 0  # noqa: PLR2004
            if packet[start:].endswith(token) and packet[start] in _REPLIES:
                return


async def _knock(there: Reach, port: int, trace: Trace, _: object) -> None:
    trace.phase = "connect"
    await there.first(trace, partial(_knocked, there.guard, trace, port))


async def _knocked(guard: Guard, trace: Trace, port: int, address: Address) -> None:
    with trace.timed("connect"), suppress(ConnectionRefusedError):
        # A host that refuses is there: that is all a ping asks.
        (await guard.connect(address, port)).close()
