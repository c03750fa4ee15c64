"""Who sent a request: the holder of an API key, else the address that the nearest untrusted hop called from.

Every proxy appends the address it was called from to a header that the caller may have begun, so the last entries are
the proxies' own and everything before them is hearsay. `TRUSTED_PROXIES` says how many entries are the proxies' own.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from starlette.types import Scope

from app.core.exchange import exchange_of

ProxyHeader = Literal["x-forwarded-for", "forwarded"]

_FORWARDED = b"forwarded"
_UNKNOWN = "unknown"
_LONGEST = 64
"""What is longer is no address, and is not remembered as a whole."""


def client_of(scope: Scope) -> str:
    """Return who sent a request, as limits count it: `key:NAME`, an IPv4 address or an IPv6 network of 64 bits."""
    return exchange_of(scope).client


class Proxies:
    """The proxies in front of this process that may be believed."""

    def __init__(self, trusted: int, header: ProxyHeader) -> None:
        self._trusted = trusted
        self._header = header.encode()

    def client(self, scope: Scope) -> str:
        """Return the address of whoever called the outermost trusted proxy, or this process where there is none."""
        trusted, header = self._believed(scope)
        if trusted:
            address = _address(_entries(scope, header)[-trusted:][0][:_LONGEST])
            if address:
                return address
        peer = scope.get("client")
        return (_address(peer[0][:_LONGEST]) if peer and peer[0] else "") or _UNKNOWN

    def secure(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Tell whether the caller came by HTTPS."""
        if scope.get("scheme") == "https":
            return True
        trusted, header = self._believed(scope)
        if not trusted:
            return False
        if header == _FORWARDED:
            return _parameter(headers.get(_FORWARDED, b"").decode("latin-1").rpartition(",")[2], "proto") == "https"
        return headers.get(b"x-forwarded-proto") == b"https"

    def _believed(self, scope: Scope) -> tuple[int, bytes]:
        """Return how many proxies may be believed about this request, and in which header."""
        event = scope.get("aws.event")
        if event is None:
            return self._trusted, self._header
        if "elb" in event["requestContext"]:
            # Only the load balancer can make this event, and Mangum takes its whole header for the caller's address.
            return max(self._trusted, 1), self._header
        # An API that invokes a function writes this header alone, whatever is named for a load balancer behind it.
        return self._trusted, b"x-forwarded-for"


def _entries(scope: Scope, header: bytes) -> list[str]:
    lines: list[str] = [value.decode("latin-1") for name, value in scope["headers"] if name == header]
    entries = ",".join(lines).split(",")
    return [_parameter(entry, "for") for entry in entries] if header == _FORWARDED else entries


def _parameter(element: str, wanted: str) -> str:
    """Return one parameter of one element of a `Forwarded` header (RFC 7239)."""
    for parameter in element.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == wanted:
            return value.strip('"')
    return ""


@lru_cache(maxsize=4096)
def _address(text: str) -> str:
    """Return an address as limits count it; empty when the text is none."""
    address = _parse(text.strip())
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if isinstance(address, IPv6Address):
        # Whoever has one IPv6 address has its whole network.
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address or "")


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address with or without a port."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return ip_address(text)
    except ValueError:
        return None
