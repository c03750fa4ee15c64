"""Values in requests: hosts, addresses, URLs and patterns; the JSON schema of each says exactly what is accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from app.services.netprobe.guard import parse_host

_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = rf"(?:{_LABEL}\.)*[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    (
        f"(?:{_GROUP}:){{7}}{_GROUP}",
        *(f"(?:{_GROUP}:){{1,{before}}}(?::{_GROUP}){{1,{7 - before}}}" for before in range(1, 7)),
        f"(?:{_GROUP}:){{1,7}}:",
        f":(?:(?::{_GROUP}){{1,7}}|:)",
    )
)
_PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_LONGEST_HOST = 253
_LONGEST_URL = 2048
_URL = (
    rf"^https?://(?![A-Za-z0-9_.-]{{{_LONGEST_HOST + 1}}})"
    rf"(?:{_NAME}|{_IPV4}|\[(?:{_IPV6})\])(?::{_PORT})?(?:[/?#][!-\[\]-~]*)?$"
)

_NAME_OR_IPV4 = re.compile(f"{_NAME}|{_IPV4}")
# What urlsplit overlooks: text between the bracket and the port, a colon with no port, zeros before one.
_PLACE = re.compile(rf"(?:\[[^\[\]]*\]|[^\[\]:]*)(?::{_PORT})?")

_DEFAULT_PORTS = {"http": 80, "https": 443}


def _host(text: str) -> str:
    host = parse_host(text)
    if ":" not in host and not _NAME_OR_IPV4.fullmatch(host):
        raise ValueError("the last part of a host name begins with a letter and has no underscore")
    return host


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _address(text: str) -> str:
    if "%" in text:
        raise ValueError("an address with a zone cannot be probed")
    return str(ip_address(text))


Host = Annotated[
    str,
    AfterValidator(_host),
    WithJsonSchema(
        {"type": "string", "maxLength": _LONGEST_HOST, "pattern": f"^(?:{_NAME}|{_IPV4}|{_IPV6})$"},
        mode="validation",
    ),
]
"""A host name in ASCII, or an address."""

IpAddress = Annotated[
    str,
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "pattern": f"^(?:{_IPV4}|{_IPV6})$"}, mode="validation"),
]
"""An IPv4 or IPv6 address without a zone."""

whole = BeforeValidator(_whole)
"""Takes a whole number however JSON writes it: 3.0 is one. Stands after what limits it."""

Port = Annotated[int, Field(ge=1, le=65535), whole]


@dataclass(frozen=True)
class Target:
    """Where an HTTP request goes."""

    host: str
    port: int
    path: str
    secure: bool

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def scheme(self) -> str:
        return "https" if self.secure else "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_url(text: str) -> Target:
    """Read a URL strictly; raises ValueError for whatever two parsers might read in two ways."""
    if len(text) > _LONGEST_URL:
        raise ValueError(f"a URL may have {_LONGEST_URL} characters")
    if not all("!" <= character <= "~" and character != "\\" for character in text):
        raise ValueError("a URL holds printable ASCII and no backslash; write the rest as %XX")
    parts = urlsplit(text)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("write a URL that begins with http:// or https://")
    host = _host_of(parts)
    if parts.port == 0:
        raise ValueError("0 is no port")
    if not _PLACE.fullmatch(parts.netloc):
        raise ValueError("write a host and, if need be, a port, as in http://example.com:8080/")
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    return Target(host, parts.port or _DEFAULT_PORTS[parts.scheme], path, parts.scheme == "https")


def _host_of(parts: SplitResult) -> str:
    if "@" in parts.netloc:
        raise ValueError("a URL with user or password cannot be probed")
    if not parts.hostname:
        raise ValueError("the URL names no host")
    return _host(f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname)


def _url(text: str) -> str:
    parse_url(text)
    return text


Url = Annotated[
    str,
    AfterValidator(_url),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_URL, "pattern": _URL}, mode="validation"),
]
"""An http or https URL without user and password."""


def _pattern(text: str) -> str:
    from app.services.netprobe.probes.patterns import compiled  # noqa: PLC0415 only requests with a pattern need RE2

    compiled(text)
    return text


Pattern = Annotated[str, Field(max_length=256, json_schema_extra={"format": "regex"}), AfterValidator(_pattern)]
"""A regular expression of RE2, which takes linear time whatever it is."""
