"""The probes: one connection to a checked address, each phase timed, one deadline over all."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

import h11

from app import __version__
from app.services.netprobe.guard import Address, Guard, NotPublicError
from app.services.netprobe.models import (
    ErrorKind,
    HttpRequest,
    HttpResult,
    Phase,
    ProbeError,
    Target,
    TcpRequest,
    TcpResult,
)

_USER_AGENT = f"modeshift-netprobe/{__version__}"
_CHUNK = 16 * 1024
_LONGEST_BODY = 256 * 1024
_LONGEST_LOCATION = 2048


@dataclass
class _Run:
    """One probe under way: what it found so far and how long each phase took."""

    started: float = field(default_factory=time.perf_counter)
    phase: Phase = "resolve"
    times: dict[Phase, float] = field(default_factory=dict)
    address: Address | None = None
    error: ProbeError | None = None

    @contextmanager
    def timed(self, phase: Phase) -> Generator[None]:
        self.phase = phase
        begun = time.perf_counter()
        yield
        self.times[phase] = _milliseconds(begun)

    @property
    def total(self) -> float:
        return _milliseconds(self.started)

    @property
    def address_text(self) -> str | None:
        return None if self.address is None else str(self.address)

    def fail(self, kind: ErrorKind, reason: str) -> None:
        self.error = ProbeError(kind=kind, phase=self.phase, reason=reason)


@dataclass
class _Answer:
    """What a web server sent."""

    status: int | None = None
    http_version: str | None = None
    location: str | None = None
    body_bytes: int | None = None
    body_complete: bool | None = None


async def probe_tcp(request: TcpRequest, guard: Guard) -> TcpResult:
    """Try to connect."""
    run = _Run()
    async with _judged(run, request.timeout):
        connection = await _connected(run, guard, request.host, request.port, request.timeout)
        connection.close()
    return TcpResult(
        ok=run.error is None,
        host=request.host,
        port=request.port,
        address=run.address_text,
        resolve_ms=run.times.get("resolve"),
        connect_ms=run.times.get("connect"),
        total_ms=run.total,
        error=run.error,
    )


async def probe_http(request: HttpRequest, guard: Guard) -> HttpResult:
    """Send one request and read the answer, its body up to a limit and never kept."""
    run = _Run()
    answer = _Answer()
    target = request.target
    async with _judged(run, request.timeout):
        connection = await _connected(run, guard, target.host, target.port, request.timeout)
        async with _stream(run, connection, target) as (reader, writer):
            await _exchange(run, reader, writer, _request(request.method, target), answer)
    return HttpResult(
        ok=run.error is None,
        host=target.host,
        port=target.port,
        address=run.address_text,
        resolve_ms=run.times.get("resolve"),
        connect_ms=run.times.get("connect"),
        tls_ms=run.times.get("tls"),
        first_byte_ms=run.times.get("first_byte"),
        transfer_ms=run.times.get("transfer"),
        total_ms=run.total,
        status=answer.status,
        http_version=answer.http_version,
        location=answer.location,
        body_bytes=answer.body_bytes,
        body_complete=answer.body_complete,
        error=run.error,
    )


@asynccontextmanager
async def _judged(run: _Run, seconds: float) -> AsyncGenerator[None]:
    """Turn what goes wrong inside into the probe's error; a mistake of ours stays an exception."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except NotPublicError:
        run.address = None
        run.fail("no_public_address", "The host has no public address.")
    except TimeoutError:
        run.fail("timeout", f"No answer within {seconds:g} s.")
    except ConnectionRefusedError:
        run.fail("refused", "The host answers, but nothing listens on this port.")
    except ssl.SSLCertVerificationError as error:
        run.fail("tls", f"The certificate is not valid: {error.verify_message}.")
    except ssl.SSLError as error:
        run.fail("tls", f"No secure connection: {(error.reason or 'handshake failed').replace('_', ' ').lower()}.")
    except (ConnectionResetError, BrokenPipeError, ConnectionAbortedError):
        run.fail("reset", "The connection was closed by the other side.")
    except h11.RemoteProtocolError:
        # Without the library's words: they quote what came, and no probe reads out what a port says.
        run.fail("protocol", "The answer is not HTTP, or not all of it.")
    except OSError as error:
        run.fail("unreachable", f"The host cannot be reached: {(error.strerror or 'no route').lower()}.")


async def _connected(run: _Run, guard: Guard, host: str, port: int, seconds: float) -> socket.socket:
    """Connect to the first address that takes the connection; none may use up the time of the others."""
    with run.timed("resolve"):
        addresses = await guard.resolve(host)
    run.phase = "connect"
    *others, last = addresses
    for address in others:
        run.address = address
        with suppress(OSError), run.timed("connect"):
            async with asyncio.timeout(seconds / len(addresses)):
                return await guard.connect(address, port)
    run.address = last
    with run.timed("connect"):
        return await guard.connect(last, port)


@asynccontextmanager
async def _stream(
    run: _Run, connection: socket.socket, target: Target
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    if target.secure:
        with run.timed("tls"):
            reader, writer = await asyncio.open_connection(sock=connection, ssl=trust(), server_hostname=target.host)
    else:
        reader, writer = await asyncio.open_connection(sock=connection)
    try:
        yield reader, writer
    finally:
        # Cut it rather than say goodbye: a slow peer must not hold a probe that is over.
        writer.transport.abort()


def _request(method: str, target: Target) -> h11.Request:
    headers = [
        ("Host", target.authority),
        ("User-Agent", _USER_AGENT),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    return h11.Request(method=method, target=target.path, headers=headers)


async def _exchange(
    run: _Run, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, answer: _Answer
) -> None:
    machine = h11.Connection(h11.CLIENT)
    with run.timed("first_byte"):
        writer.write(machine.send(request) or b"")
        writer.write(machine.send(h11.EndOfMessage()) or b"")
        first = await reader.read(_CHUNK)
        if not first:
            raise ConnectionResetError
    machine.receive_data(first)
    with run.timed("transfer"):
        event = await _next(machine, reader)
        while isinstance(event, h11.InformationalResponse):
            event = await _next(machine, reader)
        if not isinstance(event, h11.Response):
            raise h11.RemoteProtocolError("no response")
        _note(event, answer)
        received = 0
        while received < _LONGEST_BODY and not answer.body_complete:
            event = await _next(machine, reader)
            received += len(event.data) if isinstance(event, h11.Data) else 0
            answer.body_bytes = received
            answer.body_complete = not isinstance(event, h11.Data)


def _note(response: h11.Response, answer: _Answer) -> None:
    locations = [value.decode("latin-1")[:_LONGEST_LOCATION] for name, value in response.headers if name == b"location"]
    answer.status = response.status_code
    answer.http_version = response.http_version.decode("ascii")
    answer.location = locations[0] if locations else None
    answer.body_bytes = 0
    answer.body_complete = False


async def _next(machine: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := machine.next_event()) is h11.NEED_DATA:
        machine.receive_data(await reader.read(_CHUNK))
    return event


@cache
def trust() -> ssl.SSLContext:
    """Trust what SSL_CERT_FILE names, else the locked list of authorities: the same in every image."""
    import certifi  # noqa: PLC0415 no plain probe pays for it

    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _milliseconds(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 3)
