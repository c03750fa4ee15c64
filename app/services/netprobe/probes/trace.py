"""One attempt under way: which phase it is in, how long each took, and what its failure means."""

from __future__ import annotations

import asyncio
import errno
import ssl
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.services.netprobe.addresses import Address
from app.services.netprobe.guard import NotPublicError, PortError
from app.services.netprobe.models import ErrorKind, FailureSource, Phase, ProbeError, Timings

_BY_TYPE: tuple[tuple[type[OSError], ErrorKind, str], ...] = (
    (TimeoutError, "timeout", "No answer in time."),
    (ConnectionRefusedError, "refused", "The host answers, but nothing listens on this port."),
    (ConnectionError, "reset", "The connection was closed by the other side."),
)
_BY_NUMBER: tuple[tuple[set[int], ErrorKind, str], ...] = (
    (
        {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT},
        "no_route",
        "This service has no route to the address; it may not have this IP family at all.",
    ),
    ({errno.EACCES, errno.EPERM}, "unsupported", "This service is not permitted to send this."),
    (
        {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM},
        "internal",
        "This service has no connection left to use; try again later.",
    ),
)
_SOURCES: dict[ErrorKind, FailureSource] = {
    "no_public_address": "target",
    "port_not_allowed": "target",
    "redirect_not_allowed": "target",
    "refused": "target",
    "unreachable": "network",
    "no_route": "us",
    "timeout": "network",
    "reset": "target",
    "tls": "target",
    "protocol": "target",
    "unsupported": "us",
    "not_run": "us",
    "internal": "us",
}
_CONNECTED: tuple[Phase, ...] = ("tls", "first_byte", "transfer")


class ProbeFailedError(Exception):
    """The probe itself found out why there is no answer."""

    def __init__(self, kind: ErrorKind, reason: str) -> None:
        super().__init__(reason)
        self.kind: ErrorKind = kind


@dataclass
class Trace:
    """One attempt; `ends` is the event loop's time at which it is cut off."""

    ends: float
    phase: Phase = "resolve"
    times: dict[Phase, float] = field(default_factory=dict[Phase, float])
    address: Address | None = None

    @contextmanager
    def timed(self, phase: Phase) -> Generator[None]:
        """Time a phase; one that is passed through again, after a redirect, adds up."""
        self.phase = phase
        begun = time.perf_counter()
        yield
        self.times[phase] = self.times.get(phase, 0) + milliseconds(begun)

    @property
    def left(self) -> float:
        """Seconds until the attempt is cut off."""
        return max(self.ends - asyncio.get_running_loop().time(), 0)

    def timings(self, resolve_ms: float | None = None) -> Timings:
        """Return what the phases took; names are looked up once, before the first attempt."""
        times = {f"{phase}_ms": round(spent, 3) for phase, spent in self.times.items()}
        if resolve_ms is not None:
            times["resolve_ms"] = round(times.get("resolve_ms", 0) + resolve_ms, 3)
        return Timings(**times, total_ms=round(sum(times.values()), 3))


def milliseconds(begun: float) -> float:
    """Return the milliseconds since a `time.perf_counter()`."""
    return round((time.perf_counter() - begun) * 1000, 3)


def failed(kind: ErrorKind, phase: Phase, reason: str) -> ProbeError:
    """Return the error of a kind, with whose doing it is."""
    source = _SOURCES[kind]
    if kind == "timeout" and phase in _CONNECTED:
        # The way there works, or the phase would not have begun.
        source = "target"
    return ProbeError(kind=kind, phase=phase, failure_source=source, reason=reason)


def explained(error: Exception, phase: Phase) -> ProbeError | None:
    """Return what an exception says about the target or the way there; nothing when it is a mistake of ours."""
    match error:
        case ProbeFailedError():
            return failed(error.kind, phase, str(error))
        case NotPublicError():
            return failed("no_public_address", phase, str(error))
        case PortError():
            return failed("port_not_allowed", phase, f"{str(error)[:1].upper()}{str(error)[1:]}.")
        case OSError():
            kind, reason = _named(error)
            return failed(kind, phase, reason)
        case _:
            return None


def _named(error: OSError) -> tuple[ErrorKind, str]:
    match error:
        case ssl.SSLCertVerificationError():
            return "tls", f"The certificate is not valid: {error.verify_message}."
        case ssl.SSLError():
            return "tls", f"No secure connection: {(error.reason or 'no reason given').replace('_', ' ').lower()}."
        case _:
            pass
    for known, kind, reason in _BY_TYPE:
        if isinstance(error, known):
            return kind, reason
    for numbers, kind, reason in _BY_NUMBER:
        if error.errno in numbers:
            return kind, reason
    return "unreachable", f"The host cannot be reached: {(error.strerror or 'no route').lower()}."
