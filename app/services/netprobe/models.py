"""What is asked of a probe and what it answers."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.services.netprobe.guard import parse_host

ErrorKind = Literal["no_public_address", "refused", "unreachable", "timeout", "reset", "tls", "protocol"]
Phase = Literal["resolve", "connect", "tls", "first_byte", "transfer"]

_PRINTABLE = r"^[\x21-\x5b\x5d-\x7e]+$"
_PORTS = {"http": 80, "https": 443}


def parse_url(text: str) -> SplitResult:
    """Split a URL strictly; raises ValueError for whatever two parsers might read in two ways."""
    parts = urlsplit(text)
    if parts.scheme not in _PORTS:
        raise ValueError("write a URL that begins with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("a URL with user or password cannot be probed")
    if not parts.hostname:
        raise ValueError("the URL names no host")
    parse_host(f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname)
    if parts.port == 0:
        raise ValueError("0 is no port")
    return parts


def _url(text: str) -> str:
    parse_url(text)
    return text


class Timed(BaseModel):
    """A request with a deadline for all phases together, well below the 29 s of the gateways."""

    model_config = ConfigDict(extra="forbid")

    timeout: Annotated[float, Field(ge=0.1, le=20, description="Seconds for the whole probe.")] = 5


class TcpRequest(Timed):
    """Asks whether a TCP connection can be made."""

    host: Annotated[str, Field(max_length=255, examples=["example.com"]), AfterValidator(parse_host)]
    port: Annotated[int, Field(ge=1, le=65535, examples=[443])]


class HttpRequest(Timed):
    """Asks whether a web server answers. Redirects are reported, not followed."""

    url: Annotated[
        str, Field(max_length=2048, pattern=_PRINTABLE, examples=["https://example.com/"]), AfterValidator(_url)
    ]
    method: Literal["GET", "HEAD"] = "GET"

    @property
    def target(self) -> Target:
        """The parts of the URL that a probe needs."""
        parts = parse_url(self.url)
        hostname = parts.hostname or ""
        host = parse_host(f"[{hostname}]" if ":" in hostname else hostname)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        return Target(host=host, port=parts.port or _PORTS[parts.scheme], path=path, secure=parts.scheme == "https")


class Target(BaseModel):
    """Where an HTTP request goes."""

    host: str
    port: int
    path: str
    secure: bool

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


class ProbeError(BaseModel):
    """Why a probe failed, and in which phase."""

    kind: ErrorKind
    phase: Phase
    reason: str


class Result(BaseModel):
    """What every probe answers. Times are milliseconds; a phase that was not reached is null."""

    ok: bool
    host: str
    port: int
    address: str | None = Field(description="The address that was probed, of those the host has.")
    resolve_ms: float | None
    connect_ms: float | None
    total_ms: float
    error: ProbeError | None


class TcpResult(Result):
    """Whether a TCP connection was made."""


class HttpResult(Result):
    """Whether a web server answered; any status is an answer."""

    tls_ms: float | None
    first_byte_ms: float | None
    transfer_ms: float | None
    status: int | None
    http_version: str | None
    location: str | None = Field(description="Where the server redirects to; not followed.")
    body_bytes: int | None = Field(description="Bytes of the body that were read.")
    body_complete: bool | None = Field(description="False when the body was longer than what a probe reads.")
