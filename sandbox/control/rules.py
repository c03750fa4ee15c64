"""The small language of value rules in the facts, compiled; the messages are worded as the provider words them.

`1..65535` a range, `len 1..32` a length, `items 0..5` a number of elements, `json`, `arn`, `cidr` or `ip` a form,
anything else a regular expression; `; ` joins several and a list is an enumeration.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from sandbox.control.wire import Value

# Takes the property's name, its value and the value as it may be shown; returns what is wrong, or None.
Rule: TypeAlias = Callable[[str, Value, str], str | None]

_RANGE = re.compile(r"^(-?[\d.]*?\d)?\.\.(-?\d[\d.]*)?$")


def compile_rule(source: str | Sequence[Value]) -> Rule:
    """Return the rule that a fact's text or enumeration stands for."""
    if not isinstance(source, str):
        return _one_of([_scalar(item) for item in source])
    rules = [_compile_part(part) for part in source.split("; ")]
    if len(rules) == 1:
        return rules[0]

    def every(name: str, value: Value, shown: str) -> str | None:
        return next((problem for rule in rules if (problem := rule(name, value, shown))), None)

    return every


def _compile_part(part: str) -> Rule:
    if part in _FORMS:
        return _FORMS[part]
    kind, _, rest = part.partition(" ")
    if kind in {"len", "items"} and _RANGE.match(rest):
        low, high = _bounds(rest)
        return _length(low, high) if kind == "len" else _items(low, high)
    if _RANGE.match(part):
        return _between(*_bounds(part))
    return _matches(part)


def _bounds(text: str) -> tuple[float | None, float | None]:
    found = _RANGE.match(text)
    low, high = found.groups() if found else (None, None)
    return _number(low), _number(high)


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    value = float(text)
    return int(value) if value.is_integer() else value


def _scalar(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_of(allowed: Sequence[str]) -> Rule:
    listed = " ".join(f'"{item}"' for item in allowed)
    known = frozenset(allowed)

    def rule(name: str, value: Value, shown: str) -> str | None:
        return None if _scalar(value) in known else f"expected {name} to be one of [{listed}], got {shown}"

    return rule


def _within(low: float | None, high: float | None, value: float) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _span(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most ({high})"
    if high is None:
        return f"at least ({low})"
    return f"in the range ({low} - {high})"


def _between(low: float | None, high: float | None) -> Rule:
    span = _span(low, high)

    def rule(name: str, value: Value, shown: str) -> str | None:
        try:
            number = float(value) if isinstance(value, (int, float, str)) else float("nan")
        except ValueError:
            return f"expected {name} to be a number {span}, got {shown}"
        return None if _within(low, high, number) else f"expected {name} to be {span}, got {shown}"

    return rule


def _length(low: float | None, high: float | None) -> Rule:
    span = _span(low, high)

    def rule(name: str, value: Value, shown: str) -> str | None:
        if _within(low, high, len(str(value))):
            return None
        return f"expected length of {name} to be {span}, got {shown} ({len(str(value))} characters)"

    return rule


def _items(low: float | None, high: float | None) -> Rule:
    def rule(name: str, value: Value, _: str) -> str | None:
        if not isinstance(value, list) or _within(low, high, len(value)):
            return None
        declared = len(value)
        if high is not None and declared > high:
            return f"Too many list items. Attribute {name} supports {high} item maximum, but has {declared} declared"
        return f"Not enough list items. Attribute {name} requires {low} item minimum, but has {declared} declared"

    return rule


def _matches(expression: str) -> Rule:
    # At the end of an expression `$` means the end of the text here, as for AWS, not a line feed before it.
    compiled = re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", expression))

    def rule(name: str, value: Value, shown: str) -> str | None:
        if compiled.search(str(value)):
            return None
        return f'invalid value for {name} (must match regular expression "{expression}"), got {shown}'

    return rule


def _json(name: str, value: Value, _: str) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        json.loads(value)
    except ValueError as problem:
        return f'"{name}" contains an invalid JSON: {problem}'
    return None


def _arn(name: str, value: Value, shown: str) -> str | None:
    parts = str(value).split(":", 5)
    if len(parts) == 6 and parts[0] == "arn" and parts[1].startswith("aws") and parts[2] and parts[5]:  # noqa: PLR2004
        return None
    why = "invalid prefix" if parts[0] != "arn" else "not enough sections"
    return f'"{name}" ({shown}) is an invalid ARN: arn: {why}'


def _cidr(_: str, value: Value, shown: str) -> str | None:
    text = str(value)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "/" not in text:
        return f'"{shown}" is not a valid CIDR block: invalid CIDR address: {shown}'
    if str(network) == text.lower():
        return None
    return f'"{shown}" is not a valid CIDR block; did you mean "{network}"?'


def _ip(name: str, value: Value, shown: str) -> str | None:
    try:
        ipaddress.ip_address(str(value))
    except ValueError:
        return f"expected {name} to contain a valid IP, got: {shown}"
    return None


_FORMS: dict[str, Rule] = {"json": _json, "arn": _arn, "cidr": _cidr, "ip": _ip}
