"""The http probe: HTTP/1.1 by h11, so that every phase can be timed and nothing is done behind our back."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urljoin

import h11

from app.services.netprobe.guard import Guard
from app.services.netprobe.models import HttpQuery, HttpResult
from app.services.netprobe.models.http import Hop, Secured
from app.services.netprobe.models.values import Target, parse_url
from app.services.netprobe.probes.evidence import Evidence
from app.services.netprobe.probes.reach import Reach
from app.services.netprobe.probes.secure import Streams, streams, tls_of, trust
from app.services.netprobe.probes.series import count, reach, series, settle
from app.services.netprobe.probes.trace import ProbeFailedError, Trace

_CHUNK = 16 * 1024
_LONGEST_BODY = 256 * 1024
_LONGEST_LOCATION = 2048
_LONGEST_HEADER = 256
_REDIRECTS = (301, 302, 303, 307, 308)
_DAY = 86_400

# Of the answer's headers those that say how it is served; the others may hold what is meant for one client alone.
_SHOWN = frozenset(
    (
        "age",
        "alt-svc",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "etag",
        "expires",
        "last-modified",
        "retry-after",
        "server",
        "strict-transport-security",
        "vary",
        "via",
        "x-cache",
    )
)


@dataclass
class _Answer:
    """What web servers sent; the last one on the way through redirects."""

    status: int | None = None
    http_version: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    body: bytearray = field(default_factory=bytearray)
    complete: bool | None = None
    tls: Secured | None = None
    hops: list[Hop] = field(default_factory=list[Hop])

    def forget(self) -> None:
        """Make room for the answer of the next hop."""
        self.status = self.http_version = self.complete = self.tls = None
        self.headers = ()
        self.body.clear()

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


async def probe(request: HttpQuery, guard: Guard, result: HttpResult) -> Evidence:
    """Send a request, follow redirects if asked to, and read the answer, its body up to a limit."""
    ends = asyncio.get_running_loop().time() + request.timeout
    target = request.target
    there = await reach(request, guard, target.host, result, ends)
    if there is None:
        return Evidence()

    async def ask(trace: Trace, answer: _Answer) -> None:
        await _follow(request, trace, there, answer)

    tries = await series(request, ask, _Answer, ends)
    answer = settle(result, tries, there.resolve_ms).facts
    count(result, tries, lambda trace: sum(trace.times.values()))
    _show(answer, result)
    return Evidence(answer.headers, bytes(answer.body))


def _show(answer: _Answer, result: HttpResult) -> None:
    location = answer.header("location")
    result.status = answer.status
    result.http_version = answer.http_version
    result.headers = {name: value[:_LONGEST_HEADER] for name, value in answer.headers if name in _SHOWN}
    result.content_type = result.headers.get("content-type")
    result.location = None if location is None else location[:_LONGEST_LOCATION]
    result.body_bytes = None if answer.status is None else len(answer.body)
    result.body_complete = answer.complete
    result.tls = answer.tls
    result.hops = answer.hops if len(answer.hops) > 1 else []


async def _follow(request: HttpQuery, trace: Trace, there: Reach, answer: _Answer) -> None:
    target = request.target
    for hop in range(request.max_redirects + 1):
        began = dict(trace.times)
        if hop:
            there = Reach(there.guard)
            await there.resolve(trace, target.host, request)
        await _fetch(trace, there, target, request.method, answer)
        own = Trace(trace.ends, times={phase: spent - began.get(phase, 0) for phase, spent in trace.times.items()})
        answer.hops.append(
            Hop(
                url=target.url,
                address=str(trace.address),
                status=answer.status,
                timings=own.timings(None if hop else there.resolve_ms),
            )
        )
        location = answer.header("location")
        if answer.status not in _REDIRECTS or location is None or not request.max_redirects:
            return
        target = _next(target, location)
    raise ProbeFailedError("redirect_not_allowed", f"There were more than {request.max_redirects} redirects.")


def _next(target: Target, location: str) -> Target:
    written = quote(location.encode("latin-1"), safe="!#$%&'()*+,/:;=?@[]~\\")
    try:
        following = parse_url(urljoin(target.url, written))
    except ValueError as error:
        raise ProbeFailedError("redirect_not_allowed", f"The redirect cannot be followed: {error}.") from None
    if target.secure and not following.secure:
        raise ProbeFailedError("redirect_not_allowed", "The redirect leads from https to http.")
    return following


async def _fetch(trace: Trace, there: Reach, target: Target, method: str, answer: _Answer) -> None:
    answer.forget()
    connection = await there.connect(trace, target.port)
    security = (trust(), target.host) if target.secure else None
    try:
        async with streams(trace, connection, security) as opened:
            if security:
                answer.tls = _secured(tls_of(opened))
            await _exchange(trace, opened, _request(method, target, there.guard.agent), answer)
    except h11.RemoteProtocolError:
        # Without the library's words: they quote what came, and no probe reads out what a port says.
        raise ProbeFailedError("protocol", "The answer is not HTTP, or not all of it.") from None


def _secured(tls: ssl.SSLObject) -> Secured:
    expires = ssl.cert_time_to_seconds(str((tls.getpeercert() or {})["notAfter"]))
    cipher = tls.cipher()
    return Secured(
        version=tls.version() or "",
        cipher=cipher[0] if cipher else "",
        alpn=tls.selected_alpn_protocol(),
        not_after=datetime.fromtimestamp(expires, UTC).isoformat().replace("+00:00", "Z"),
        days_to_expiry=round((expires - time.time()) / _DAY, 2),
    )


def _request(method: str, target: Target, agent: str) -> h11.Request:
    headers = [
        ("Host", target.authority),
        ("User-Agent", agent),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    return h11.Request(method=method, target=target.path, headers=headers)


async def _exchange(trace: Trace, connection: Streams, request: h11.Request, answer: _Answer) -> None:
    reader, writer = connection
    machine = h11.Connection(h11.CLIENT)
    with trace.timed("first_byte"):
        writer.write(machine.send(request) or b"")
        writer.write(machine.send(h11.EndOfMessage()) or b"")
        first = await reader.read(_CHUNK)
        if not first:
            raise ConnectionResetError
    machine.receive_data(first)
    with trace.timed("transfer"):
        event = await _next_event(machine, reader)
        while isinstance(event, h11.InformationalResponse):
            event = await _next_event(machine, reader)
        if not isinstance(event, h11.Response):
            raise h11.RemoteProtocolError("no response")
        answer.status = event.status_code
        answer.http_version = event.http_version.decode("ascii")
        answer.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
        answer.complete = False
        while len(answer.body) < _LONGEST_BODY and not answer.complete:
            event = await _next_event(machine, reader)
            if isinstance(event, h11.Data):
                answer.body += event.data
            answer.complete = not isinstance(event, h11.Data)


async def _next_event(machine: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := machine.next_event()) is h11.NEED_DATA:
        machine.receive_data(await reader.read(_CHUNK))
    return event
