"""Statements of rules, made into functions that say whether a request matches.

Source: WAF developer guide (rule statements), WAFV2 API reference (Statement).
"""

from __future__ import annotations

import json
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

from sandbox.workloads.firewall.injection import Injection, UnavailableError
from sandbox.workloads.firewall.inspecting import Inspected, NotSimulatedError, UnknownError, looking
from sandbox.workloads.firewall.rates import Rate

Match = Callable[[Inspected], bool]
Statement = Mapping[str, Any]

_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "EQ": operator.eq,
    "NE": operator.ne,
    "LE": operator.le,
    "LT": operator.lt,
    "GE": operator.ge,
    "GT": operator.gt,
}
_POSITIONS: Mapping[str, Callable[[bytes, bytes], bool]] = {
    "EXACTLY": operator.eq,
    "STARTS_WITH": bytes.startswith,
    "ENDS_WITH": bytes.endswith,
    "CONTAINS": operator.contains,
    "CONTAINS_WORD": lambda text, word: re.search(rb"(?<!\w)" + re.escape(word) + rb"(?!\w)", text) is not None,
}


@dataclass(frozen=True)
class Compiler:
    """Makes statements into functions; `rates` keeps what was counted when an ACL is made anew."""

    injection: Injection
    addresses: Callable[[str], Sequence[str] | None]
    """Returns what is in the IP set of an ARN."""
    now: Callable[[], float]
    rates: dict[str, Rate] = field(default_factory=dict[str, Rate])

    def match(self, statement: Statement) -> Match:
        """Return what judges a statement.

        Raises:
            NotSimulatedError: Some part of it is not simulated.

        """
        (kind, details), *_ = ((kind, details) for kind, details in statement.items() if details is not None)
        if kind not in _KINDS:
            raise NotSimulatedError(kind)
        return _KINDS[kind](self, details)

    def all_of(self, details: Statement) -> Match:
        matches = [self.match(each) for each in details["statements"]]
        return lambda inspected: all(match(inspected) for match in matches)

    def any_of(self, details: Statement) -> Match:
        matches = [self.match(each) for each in details["statements"]]
        return lambda inspected: any(match(inspected) for match in matches)

    def none_of(self, details: Statement) -> Match:
        match = self.match(details["statements"][0] if "statements" in details else details["statement"])
        return lambda inspected: not match(inspected)

    def address_in(self, details: Statement) -> Match:
        forwarded = details.get("ipSetForwardedIpConfig")
        fallback = (forwarded or {}).get("fallbackBehavior") == "MATCH"
        listed = self.addresses(details["arn"])
        if listed is None:
            message = f"IP set {details['arn']}, which is not in the sandbox's account"
            raise NotSimulatedError(message)
        addresses = Addresses(listed)

        def match(inspected: Inspected) -> bool:
            address = inspected.address(forwarded)
            return fallback if address is None else address in addresses

        return match

    def rate(self, details: Statement) -> Match:
        kind = details.get("aggregateKeyType") or "IP"
        if kind not in {"IP", "FORWARDED_IP", "CONSTANT"}:
            message = f"aggregateKeyType {kind}"
            raise NotSimulatedError(message)
        forwarded = details.get("forwardedIpConfig") if kind == "FORWARDED_IP" else None
        fallback = (forwarded or {}).get("fallbackBehavior") == "MATCH"
        narrowed = details.get("scopeDownStatement")
        counted = self.match(narrowed) if narrowed else None
        fresh = Rate(int(details["limit"]), int(details.get("evaluationWindowSec") or 300), self.now)
        rate = self.rates.setdefault(json.dumps(details, sort_keys=True), fresh)

        def match(inspected: Inspected) -> bool:
            if counted is not None and not counted(inspected):
                return False
            if kind == "CONSTANT":
                return rate.exceeded("all")
            address = inspected.address(forwarded)
            return fallback if address is None else rate.exceeded(address)

        return match

    def sql(self, details: Statement) -> Match:
        return _each(details, _answered(self.injection.sql))

    def scripting(self, details: Statement) -> Match:
        return _each(details, _answered(self.injection.scripting))

    def country(self, details: Statement) -> Match:
        codes = frozenset(details["countryCodes"])
        return lambda inspected: inspected.country() in codes

    def size(self, details: Statement) -> Match:
        compare, size = _COMPARE[details["comparisonOperator"]], int(details["size"])
        return _each(details, lambda text: compare(len(text), size))

    def text(self, details: Statement) -> Match:
        holds, wanted = _POSITIONS[details["positionalConstraint"]], details["searchString"].encode()
        return _each(details, lambda text: holds(text, wanted))

    def pattern(self, details: Statement) -> Match:
        try:
            pattern = re.compile(details["regexString"].encode())
        except re.error as error:
            message = f"the regular expression {details['regexString']!r} ({error})"
            raise NotSimulatedError(message) from error
        return _each(details, lambda text: pattern.search(text) is not None)

    def label(self, details: Statement) -> Match:
        key = str(details["key"])
        if details["scope"] == "NAMESPACE":
            return lambda inspected: any(each.startswith(key) or f":{key}" in each for each in inspected.labels)
        return lambda inspected: any(each == key or each.endswith(f":{key}") for each in inspected.labels)


_KINDS: Mapping[str, Callable[[Compiler, Statement], Match]] = {
    "andStatement": Compiler.all_of,
    "byteMatchStatement": Compiler.text,
    "geoMatchStatement": Compiler.country,
    "ipSetReferenceStatement": Compiler.address_in,
    "labelMatchStatement": Compiler.label,
    "notStatement": Compiler.none_of,
    "orStatement": Compiler.any_of,
    "rateBasedStatement": Compiler.rate,
    "regexMatchStatement": Compiler.pattern,
    "sizeConstraintStatement": Compiler.size,
    "sqliMatchStatement": Compiler.sql,
    "xssMatchStatement": Compiler.scripting,
}


class Addresses:
    """Ranges of addresses, found in as many steps as there are lengths of prefixes."""

    def __init__(self, ranges: Sequence[str]) -> None:
        self._networks: dict[tuple[int, int], set[int]] = defaultdict(set)
        for text in ranges:
            network = ip_network(text, strict=False)
            shift = network.max_prefixlen - network.prefixlen
            self._networks[network.version, shift].add(int(network.network_address) >> shift)

    def __contains__(self, address: IPv4Address | IPv6Address) -> bool:
        number = int(address)
        return any(
            number >> shift in networks
            for (version, shift), networks in self._networks.items()
            if version == address.version
        )


def _each(details: Statement, holds: Callable[[bytes], bool]) -> Match:
    """Return what says whether something holds for any of the texts that a statement looks at."""
    look = looking(details)

    def match(inspected: Inspected) -> bool:
        found = look(inspected)
        return found if isinstance(found, bool) else any(holds(text) for text in found)

    return match


def _answered(ask: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    def holds(text: bytes) -> bool:
        try:
            return ask(text)
        except UnavailableError as error:
            raise UnknownError(str(error)) from error

    return holds
