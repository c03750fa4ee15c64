"""Fill the templates of the facts: ids, ARNs and other outputs of a resource.

`{prop}` is an input or output of the same resource, `{lookup:subnetId:vpcId}` a field of another one, `{hex17}`
random; the same draw written twice in one resource is drawn once. `{case:PROP:a=x,*=y}` chooses by a value,
`{after:PROP:TEXT}` cuts a text off, `{crc32:a|b}` is the checksum of the first of some properties.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
import string
import uuid
import zlib
from collections.abc import Callable, Iterator

from sandbox.control import paths
from sandbox.control.scope import ACCOUNT_ID, Scope
from sandbox.control.wire import UNKNOWN, Value, Values

Lookup = Callable[[str, str], Value]

_DRAW = re.compile(r"(hex|HEX|digits|alnum)(\d+)(:\w+)?$")
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "digits": string.digits,
    "alnum": string.ascii_lowercase + string.digits,
}
_NAMES = re.compile(r"\{([A-Za-z][\w.]*)(?::([^{}:]*))?")
_FUNCTIONS = frozenset({"lookup", "case", "after", "crc32"})


class Template:
    """Fills the templates of one resource."""

    def __init__(self, scope: Scope, region: str, values: Values, computed: Values, lookup: Lookup) -> None:
        self.values = values
        self.fixed: dict[str, Value] = {"account": ACCOUNT_ID, "partition": scope.partition, "region": region}
        self.fixed["now"] = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._computed = computed
        self._lookup = lookup
        self._draws: dict[str, str] = {}
        self._pending: set[str] = set()

    def fill(self, source: Value) -> Value:
        """Return a fact's value with its placeholders filled, at any depth."""
        if isinstance(source, str):
            return self._text(source)
        if isinstance(source, list):
            return [self.fill(item) for item in source]
        if isinstance(source, dict):
            return {key: self.fill(item) for key, item in source.items()}
        return source

    def _text(self, source: str) -> Value:
        parts: list[Value] = []
        for text, is_placeholder in _split(source):
            if is_placeholder:
                inner = self._text(text) if "{" in text else text
                parts.append(UNKNOWN if inner == UNKNOWN else self._value(str(inner)))
            else:
                parts.append(text)
        if len(parts) == 1:
            return parts[0]
        if UNKNOWN in parts:
            return UNKNOWN
        return "".join("" if part is None else _word(part) for part in parts)

    def _value(self, name: str) -> Value:
        if name in self.fixed:
            return self.fixed[name]
        drawn = _DRAW.match(name)
        if drawn or name == "uuid":
            return self._draw(name, drawn)
        function, _, argument = name.partition(":")
        return self._called(function, argument) if function in _FUNCTIONS else self._property(name)

    def _called(self, function: str, argument: str) -> Value:
        if function == "crc32":
            return self._checksum(argument)
        prop, _, rest = argument.partition(":")
        if function == "lookup":
            return self._lookup(prop, rest)
        value = self._property(prop)
        if value == UNKNOWN:
            return UNKNOWN
        return _chosen(value, rest) if function == "case" else _word(value).split(rest, 1)[-1]

    def _property(self, name: str) -> Value:
        path = paths.parse(name)
        found = paths.first(self.values, path)
        if found is None and path[0] in self._computed and path[0] not in self._pending:
            self._pending.add(path[0])
            filled = self.fill(self._computed[path[0]])
            self._pending.discard(path[0])
            found = paths.first({path[0]: filled}, path)
        return found

    def _draw(self, name: str, drawn: re.Match[str] | None) -> str:
        if name not in self._draws:
            if drawn is None:
                self._draws[name] = str(uuid.uuid4())
            else:
                alphabet = _ALPHABETS[drawn[1]]
                self._draws[name] = "".join(secrets.choice(alphabet) for _ in range(int(drawn[2])))
        return self._draws[name]

    def _checksum(self, names: str) -> Value:
        for name in names.split("|"):
            value = self._property(name)
            if value is not None:
                return UNKNOWN if value == UNKNOWN else str(zlib.crc32(str(value).encode()))
        return None


def uses(source: Value) -> set[str]:
    """Return the top-level properties that a template takes its parts from."""
    if isinstance(source, str):
        found = ((name, argument) for name, argument in _NAMES.findall(source))
        named = (argument.split("|") if name in _FUNCTIONS else [name] for name, argument in found)
        return {paths.parse(name)[0] for names in named for name in names if name}
    if isinstance(source, list):
        return {name for item in source for name in uses(item)}
    if isinstance(source, dict):
        return {name for item in source.values() for name in uses(item)}
    return set()


def _split(source: str) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of a text, each with whether it is a placeholder; braces of JSON are plain text."""
    plain, at = "", 0
    while at < len(source):
        if source[at] == "{" and source[at + 1 : at + 2].isalpha():
            end = _closing(source, at)
            if plain:
                yield plain, False
            plain = ""
            yield source[at + 1 : end], True
            at = end + 1
        else:
            plain += source[at]
            at += 1
    if plain or not source:
        yield plain, False


def _closing(source: str, start: int) -> int:
    depth = 0
    for at in range(start, len(source)):
        depth += {"{": 1, "}": -1}.get(source[at], 0)
        if depth == 0:
            return at
    message = f"a placeholder of {source!r} is not closed"
    raise ValueError(message)


def _chosen(value: Value, cases: str) -> str:
    choices = dict(case.split("=", 1) for case in cases.split(","))
    if value is None:
        return choices.get("", "")
    word = _word(value)
    return choices.get(word, choices.get("*", "").replace("*", word))


def _word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
