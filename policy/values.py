"""Property values as rules see them: plain JSON, except what is not known before the resource exists.

The engine hands on values in three spellings: to policy packs, in events, and in saved plans. All become the same here.
A path names properties, as in `ingress[*].fromPort`; text that holds JSON, such as a policy document, is gone into.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, cast


class Unknown(Enum):
    """What a value is that only the cloud will tell, or that is a secret and was hidden."""

    VALUE = "not known yet"


UNKNOWN = Unknown.VALUE

Value: TypeAlias = "str | float | bool | Unknown | list[Value] | dict[str, Value] | None"

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - how the engine marks a secret
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_HIDDEN = "[secret]"
_INTERNAL = "__"
_SENTINELS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


@dataclass(frozen=True)
class Found:
    """A value and where it was; `value` is None where there is nothing."""

    path: str
    value: Value


def from_wire(value: object) -> Value:
    """Return a value in the engine's spelling as rules see it."""
    if isinstance(value, Mapping):
        return _object(cast("Mapping[str, object]", value))
    if isinstance(value, list):
        return [from_wire(item) for item in cast("list[object]", value)]
    if isinstance(value, str) and (value in _SENTINELS or value == _HIDDEN):
        return UNKNOWN
    return cast("Value", value)


def _object(value: Mapping[str, object]) -> Value:
    signature = value.get(_SIGNATURE)
    if signature in {_SECRET, _OUTPUT}:
        return from_wire(value["value"]) if "value" in value else UNKNOWN
    return {key: from_wire(item) for key, item in value.items() if not key.startswith(_INTERNAL)}


def find(value: Value, path: str) -> Iterator[Found]:
    """Yield every value at a path; one None where the path ends early, nothing for an empty list under `[*]`."""
    steps = [step for step in path.replace("[*]", ".*").split(".") if step]
    yield from _walk(value, steps, "")


def _walk(value: Value, steps: list[str], at: str) -> Iterator[Found]:
    if value is UNKNOWN or not steps:
        yield Found(at, value)
        return
    first, *rest = steps
    if isinstance(value, str):
        value = parsed(value)
    if first == "*":
        for index, item in enumerate(as_list(value)):
            yield from _walk(item, rest, f"{at}[{index}]")
        return
    inner = value.get(first) if isinstance(value, dict) else None
    yield from _walk(inner, rest, f"{at}.{first}" if at else first)


def as_list(value: Value) -> list[Value]:
    """Return a list as it is, nothing as an empty one, and anything else as a list of one, as AWS's documents mean."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def texts(value: Value) -> list[str]:
    """Return the strings of a value that may be one string or several."""
    return [item for item in as_list(value) if isinstance(item, str)]


def holds_unknown(value: Value) -> bool:
    """Whether any part of a value is not known."""
    if isinstance(value, dict):
        return any(holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(holds_unknown(item) for item in value)
    return value is UNKNOWN


def parsed(text: str) -> Value:
    """Return what a text of JSON holds; None for any other text."""
    try:
        return from_wire(json.loads(text))
    except json.JSONDecodeError:
        return None
