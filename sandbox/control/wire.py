"""Property bags between protobuf and plain Python values.

A value is None, bool, int, float, str, list or dict. What is not known yet is the string `UNKNOWN`; assets and
archives stay dicts that carry their signature. Secrets are unwrapped, and the bag remembers where they stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from google.protobuf import struct_pb2
from google.protobuf.struct_pb2 import Struct

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Values: TypeAlias = "dict[str, Value]"
Path: TypeAlias = tuple[str, ...]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE = "4dabf18193072939515e22adb298388d"
_UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark of a secret, not one
_REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
_ASSETS = {"c44067f5952c0a294b673a41bacd8c17": "asset", "0def7320c3a5731c473e5ecbe6d01bc7": "archive"}
DEFAULTS = "__defaults"


@dataclass
class Bag:
    """The properties of one resource, and the paths of the secret ones among them."""

    values: Values = field(default_factory=dict)
    secrets: set[Path] = field(default_factory=set)

    def secret_roots(self) -> set[str]:
        """Return the top-level properties that hold a secret anywhere."""
        return {path[0] for path in self.secrets}


def read(message: Struct) -> Bag:
    """Return the bag of a message; internal properties such as `__defaults` included."""
    bag = Bag()
    for key, value in message.fields.items():
        bag.values[key] = _read(value, (key,), bag.secrets)
    return bag


def write(values: Mapping[str, Value], secrets: Iterable[Path] = ()) -> Struct:
    """Return the message of some properties, with those at or below the secret paths marked."""
    message = Struct()
    marked = _wrapped(dict(values), secrets)
    for key, value in marked.items():
        _write(message.fields[key], value)
    return message


def kind_of_asset(value: Value) -> str | None:
    """Return `asset` or `archive` when the value is one."""
    signature = value.get(SIGNATURE) if isinstance(value, dict) else None
    return _ASSETS.get(signature) if isinstance(signature, str) else None


def has_unknown(value: Value) -> bool:
    """Tell whether anything in the value is not known yet."""
    if isinstance(value, str):
        return value == UNKNOWN
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return False


def _read(message: struct_pb2.Value, path: Path, secrets: set[Path]) -> Value:
    kind = message.WhichOneof("kind")
    if kind == "string_value":
        text = message.string_value
        return UNKNOWN if text in _UNKNOWNS else text
    if kind == "number_value":
        number = message.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return message.bool_value
    if kind == "list_value":
        # A secret inside a list marks the list: its elements may move, as the engine itself has it.
        inside: set[Path] = set()
        items = [_read(item, path, inside) for item in message.list_value.values]
        if inside:
            secrets.add(path)
        return items
    if kind == "struct_value":
        return _read_struct(message.struct_value, path, secrets)
    return None


def _read_struct(message: Struct, path: Path, secrets: set[Path]) -> Value:
    fields = message.fields
    signature = fields[SIGNATURE].string_value if SIGNATURE in fields else ""
    if signature == _SECRET:
        secrets.add(path)
        return _read(fields["value"], path, secrets)
    if signature == _REFERENCE:
        return _read(fields["id" if "id" in fields else "urn"], path, secrets)
    return {key: _read(value, (*path, key), secrets) for key, value in fields.items()}


def _write(message: struct_pb2.Value, value: Value) -> None:
    if isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, (int, float)):
        message.number_value = value
    elif isinstance(value, dict):
        fields = message.struct_value.fields
        for key, item in value.items():
            _write(fields[key], item)
        if not value:
            message.struct_value.SetInParent()
    elif isinstance(value, list):
        values = message.list_value.values
        for item in value:
            _write(values.add(), item)
        if not value:
            message.list_value.SetInParent()
    else:
        message.null_value = struct_pb2.NULL_VALUE


def _wrapped(values: Values, secrets: Iterable[Path]) -> Values:
    # Shorter paths last, so that a secret object is wrapped whole, once.
    for path in sorted(secrets, key=len, reverse=True):
        values = _wrap(values, path)
    return values


def _wrap(values: Values, path: Path) -> Values:
    key = path[0]
    if key not in values:
        return values
    inner = values[key]
    if len(path) > 1 and isinstance(inner, dict) and SIGNATURE not in inner:
        return {**values, key: _wrap(inner, path[1:])}
    if isinstance(inner, dict) and inner.get(SIGNATURE) == _SECRET:
        return values
    return {**values, key: {SIGNATURE: _SECRET, "value": inner}}
