"""Property values as the engine writes them, made readable: marks become `Hidden`, JSON text becomes its content.

Everything a plan knows of a value passes through `readable` and `hide`; nothing else reads values from events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

Value = Any

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 how the engine marks a secret, none itself
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
_UNKNOWNS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # a string, and most of what providers answer
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    }
)
_HIDDEN_TEXT = "[secret]"
_SECRET_NAME = re.compile(
    r"(pass(word|wd|phrase)|secret_?(string|binary|key)|(api|private|access|auth)_?(key|token)|credentials?)$|^token$",
    re.IGNORECASE,
)
# Lists of what else would be objects: `{"name": "PASSWORD", "value": "…"}`.
_NAME_KEYS = ("name", "Name", "key")
_EACH = "*"
_SHORTEST_LEAK = 6


class Hidden(StrEnum):
    """What stands where a value is not shown."""

    SECRET = _HIDDEN_TEXT
    UNKNOWN = "[unknown]"


def readable(raw: Value) -> Value:
    """Return a value without the engine's marks; text that is JSON becomes what it says."""
    if isinstance(raw, str):
        return _text(raw)
    if isinstance(raw, list):
        return [readable(item) for item in raw]
    if not isinstance(raw, dict):
        return raw
    if _SIGNATURE in raw:
        return _marked(raw)
    tree = {key: _entry(key, value) for key, value in raw.items() if not key.startswith("__")}
    if any(_SECRET_NAME.search(str(raw.get(key, ""))) for key in _NAME_KEYS) and isinstance(raw.get("value"), str):
        tree["value"] = Hidden.SECRET
    return tree


def hide(before: Value, after: Value) -> tuple[Value, Value]:
    """Return both sides with everything hidden that is secret on either.

    A value that was plain and becomes secret is in the events in clear. In lists, what is secret in one element is
    hidden in all, on both sides, since elements move.
    """
    marks = _merged(_marks(before), _marks(after))
    return _applied(before, marks), _applied(after, marks)


def leaked(before: Value, after: Value) -> Iterator[str]:
    """Yield texts that stand in clear on one side where the other is secret: they may stand in other places too."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in before.keys() & after.keys():
            yield from leaked(before[key], after[key])
    elif isinstance(before, list) and isinstance(after, list):
        for one, other in zip(before, after, strict=False):
            yield from leaked(one, other)
    else:
        yield from _revealed(before, after)
        yield from _revealed(after, before)


def _text(raw: str) -> Value:
    if raw in _UNKNOWNS:
        return Hidden.UNKNOWN
    if raw == _HIDDEN_TEXT:
        return Hidden.SECRET
    if raw[:1] in {"{", "["} and raw[-1:] in {"}", "]"}:
        try:
            return readable(json.loads(raw))
        except (ValueError, RecursionError):
            return raw
    return raw


def _entry(key: str, value: Value) -> Value:
    if isinstance(value, str) and value and _SECRET_NAME.search(key) and value not in _UNKNOWNS:
        return Hidden.SECRET
    return readable(value)


def _marked(raw: Mapping[str, Value]) -> Value:
    kind = raw[_SIGNATURE]
    if kind == _SECRET:
        return Hidden.SECRET
    if kind == _OUTPUT:
        return Hidden.SECRET if raw.get("secret") else readable(raw["value"]) if "value" in raw else Hidden.UNKNOWN
    if kind == _RESOURCE:
        return str(raw.get("id") or raw.get("urn") or Hidden.UNKNOWN)
    # An asset or an archive. Where it lies is the business of the machine that packed it.
    return f"sha256:{raw['hash']}" if raw.get("hash") else Hidden.UNKNOWN


def _marks(value: Value) -> Value:
    """Return where secrets are: True here, or a mapping of keys to marks; every element of a list has the key `*`."""
    if isinstance(value, str):
        return _HIDDEN_TEXT in value
    if isinstance(value, dict):
        return {key: mark for key, item in value.items() if (mark := _marks(item))}
    if isinstance(value, list):
        merged: Value = False
        for item in value:
            merged = _merged(merged, _marks(item))
        return {_EACH: merged} if merged else False
    return False


def _merged(one: Value, other: Value) -> Value:
    if one is True or other is True:
        return True
    if not one or not other:
        return one or other
    return {key: _merged(one.get(key, False), other.get(key, False)) for key in one | other}


def _applied(value: Value, marks: Value) -> Value:
    if not marks or value is None or value is Hidden.UNKNOWN:
        return value
    if isinstance(value, dict) and marks is not True and _EACH not in marks:
        return {key: _applied(item, marks.get(key, False)) for key, item in value.items()}
    if isinstance(value, list) and marks is not True and set(marks) == {_EACH}:
        return [_applied(item, marks[_EACH]) for item in value]
    # Also what has another shape than the side that told what is secret.
    return Hidden.SECRET


def _revealed(shown: Value, hidden: Value) -> Iterator[str]:
    if not isinstance(hidden, str) or _HIDDEN_TEXT not in hidden:
        return
    if hidden == _HIDDEN_TEXT:
        found = list(_strings(shown))
    elif isinstance(shown, str):
        # The engine hides a part of a text: what the other side has in that place is the secret it had.
        match = re.fullmatch("(.+?)".join(re.escape(part) for part in hidden.split(_HIDDEN_TEXT)), shown, re.DOTALL)
        found = match.groups() if match else ()
    else:
        found = ()
    yield from (text for text in found if len(text) >= _SHORTEST_LEAK and _HIDDEN_TEXT not in text)


def _strings(value: Value) -> Iterator[str]:
    if isinstance(value, Hidden):
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
