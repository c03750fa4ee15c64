"""Judge values against the types of the schema: unknown names, wrong types, missing parts."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Mapping

from sandbox.control.facts import ObjectType
from sandbox.control.wire import DEFAULTS, UNKNOWN, Path, Value, Values, kind_of_asset

Report = Callable[[Path, str], None]

_SHAPES = {"[": "list", "{": "map", "#": "object"}
_NAMES: Mapping[type, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
}


def conform(kind: str, value: Value, path: Path, objects: Mapping[str, ObjectType], report: Report) -> Value:
    """Return a value as its type wants it (`"80"` for 80 where text is due) and report what cannot be."""
    if value is None or value == UNKNOWN or kind == "any":
        return value
    shape, inner = kind[:2], kind[2:]
    if shape == "[]" and isinstance(value, list):
        return [conform(inner, item, (*path, str(at)), objects, report) for at, item in enumerate(value)]
    if shape == "{}" and isinstance(value, dict):
        return {key: conform(inner, item, (*path, key), objects, report) for key, item in value.items()}
    if kind[0] == "#" and isinstance(value, dict):
        known = objects[kind[1:]]
        return conform_object(known, value, path, objects, report)
    if kind[0] in _SHAPES:
        return _mistyped(_SHAPES[kind[0]], value, path, report)
    return _scalar(kind, value, path, report)


def conform_object(
    known: ObjectType, values: Values, path: Path, objects: Mapping[str, ObjectType], report: Report
) -> Values:
    """Return a block with its known, given properties and report unknown and missing ones."""
    result: Values = {}
    for key, value in values.items():
        if key == DEFAULTS or value is None:
            continue
        kind = known.properties.get(key)
        if kind is None:
            report((*path, key), f'An argument named "{key}" is not expected here.{_nearest(key, known.properties)}')
        else:
            result[key] = conform(kind, value, (*path, key), objects, report)
    for key in known.required:
        if key not in result:
            report((*path, key), f"Missing required property '{key}'")
    return result


def _nearest(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f' Did you mean "{near[0]}"?' if near else ""


def _scalar(kind: str, value: Value, path: Path, report: Report) -> Value:
    if kind in {"asset", "archive"}:
        return value if kind_of_asset(value) else _mistyped(kind, value, path, report)
    if kind == "json":
        return json.dumps(value) if isinstance(value, (dict, list)) else _text(value, path, report)
    if kind == "boolean":
        return _boolean(value, path, report)
    if kind in {"integer", "number"}:
        return _number(kind, value, path, report)
    return _text(value, path, report)


def _text(value: Value, path: Path, report: Report) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return value if isinstance(value, str) else _mistyped("string", value, path, report)


def _boolean(value: Value, path: Path, report: Report) -> Value:
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    return value if isinstance(value, bool) else _mistyped("boolean", value, path, report)


def _number(kind: str, value: Value, path: Path, report: Report) -> Value:
    if isinstance(value, str):
        try:
            parsed = float(value)
        except ValueError:
            return _mistyped(kind, value, path, report)
        value = int(parsed) if parsed.is_integer() else parsed
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or (kind == "integer" and isinstance(value, float))
    ):
        return _mistyped(kind, value, path, report)
    return value


def _mistyped(expected: str, value: Value, path: Path, report: Report) -> Value:
    shown = f"{json.dumps(value)} " if isinstance(value, (str, int, float)) else ""
    report(path, f"expected {expected} type, got {shown}of type {_NAMES[type(value)]}")
    return value
