"""What rules look at: the parts of a request, what is done to their text, and from where it came.

Source: WAF developer guide (request components, text transformations, oversize web request components).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from sandbox.workloads.http.messages import Request

COUNTRY_HEADER = "x-modeshift-country"
"""Says here which country a request comes from; on AWS its address does."""


class NotSimulatedError(Exception):
    """A rule needs something that is not simulated; the message says what."""


class UnknownError(Exception):
    """A rule is not applied to one request; the message says why, and is empty where AWS does not apply it either."""


@dataclass
class Inspected:
    """A request while rules look at it; `body` is as much of it as they see."""

    request: Request
    body: bytes
    oversize: bool
    labels: set[str] = field(default_factory=set[str])

    def address(self, forwarded: Mapping[str, Any] | None = None) -> IPv4Address | IPv6Address | None:
        """Return the address of the client, or the one that a header says; None if that is no address.

        Raises:
            UnknownError: There is no such header, which keeps AWS from applying the rule.

        """
        if forwarded is None:
            return _address(self.request.client)
        said = self.request.header(forwarded["headerName"])
        if not said:
            raise UnknownError
        chain = said.split(",")
        return _address(chain[-1 if forwarded.get("position") == "LAST" else 0].strip())

    def country(self) -> str:
        """Return the code of the country that the request says.

        Raises:
            UnknownError: It says none.

        """
        said = self.request.header(COUNTRY_HEADER).strip().upper()
        if not said:
            message = f"the request does not say its country in the header {COUNTRY_HEADER}"
            raise UnknownError(message)
        return said


Look = Callable[[Inspected], "list[bytes] | bool"]
"""Returns the texts to look at, or at once whether the statement matches."""


def looking(statement: Mapping[str, Any]) -> Look:
    """Return what gets the texts that a statement is about, transformed.

    Raises:
        NotSimulatedError: It is about something else than this knows.

    """
    kind, details = next((kind, details) for kind, details in statement["fieldToMatch"].items() if details is not None)
    if kind not in _COMPONENTS:
        message = f"fieldToMatch.{kind}"
        raise NotSimulatedError(message)
    get = _COMPONENTS[kind](details)
    steps = _transformations(statement.get("textTransformations") or ())
    if not steps:
        return get

    def look(inspected: Inspected) -> list[bytes] | bool:
        found = get(inspected)
        if isinstance(found, bool):
            return found
        for step in steps:
            found = [step(text) for text in found]
        return found

    return look


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _body(details: Mapping[str, Any]) -> Look:
    handling = details.get("oversizeHandling") or "CONTINUE"

    def look(inspected: Inspected) -> list[bytes] | bool:
        if inspected.oversize and handling != "CONTINUE":
            return handling == "MATCH"
        return [inspected.body]

    return look


def _arguments(query: str, name: str | None = None) -> list[bytes]:
    pairs = [pair.partition("=") for pair in query.split("&")] if query else []
    return [_bytes(value) for key, _, value in pairs if name is None or key.lower() == name]


def _argument(details: Mapping[str, Any]) -> Look:
    name = str(details["name"]).lower()
    return lambda inspected: _arguments(inspected.request.query, name)


def _header(details: Mapping[str, Any]) -> Look:
    name = str(details["name"])
    return lambda inspected: [_bytes(value) for value in inspected.request.values(name)]


_COMPONENTS: Mapping[str, Callable[[Mapping[str, Any]], Look]] = {
    "allQueryArguments": lambda _: lambda inspected: _arguments(inspected.request.query),
    "body": _body,
    "method": lambda _: lambda inspected: [_bytes(inspected.request.method)],
    "queryString": lambda _: lambda inspected: [_bytes(inspected.request.query)],
    "singleHeader": _header,
    "singleQueryArgument": _argument,
    "uriPath": lambda _: lambda inspected: [_bytes(inspected.request.path)],
}

_SPACE = re.compile(rb"[\f\t\n\r\v\xa0 ]+")

_TRANSFORMATIONS: Mapping[str, Callable[[bytes], bytes]] = {
    "COMPRESS_WHITE_SPACE": lambda text: _SPACE.sub(b" ", text),
    "HTML_ENTITY_DECODE": lambda text: _bytes(html.unescape(text.decode("utf-8", "surrogateescape"))),
    "LOWERCASE": bytes.lower,
    "URL_DECODE": lambda text: unquote_to_bytes(text.replace(b"+", b" ")),
}


def _transformations(given: Sequence[Mapping[str, Any]]) -> list[Callable[[bytes], bytes]]:
    kinds = [cast("str", one["type"]) for one in sorted(given, key=lambda one: int(one["priority"]))]
    if unknown := [kind for kind in kinds if kind != "NONE" and kind not in _TRANSFORMATIONS]:
        message = f"text transformation {unknown[0]}"
        raise NotSimulatedError(message)
    return [_TRANSFORMATIONS[kind] for kind in kinds if kind != "NONE"]
