"""Property paths of the facts: `a.b` is a nested property, `a[].b` one of every element of a list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from sandbox.control.wire import UNKNOWN, Path, Value, Values

EACH = "[]"
_PARTS = re.compile(r"[^.\[\]]+|\[\]")
_ENGINE_PARTS = re.compile(r'\["([^"]*)"\]|\[(\d+|\*)\]|([^.\[\]]+)')


@cache
def parse(text: str) -> Path:
    """Return the parts of a path; every list step is the part `[]`."""
    return tuple(_PARTS.findall(text))


def parse_ignored(text: str) -> Path:
    """Return the parts of an engine's `ignoreChanges` path, as in `tags["a.b"]` or `ingress[*].fromPort`."""
    steps = (quoted or index.replace("*", EACH) or name for quoted, index, name in _ENGINE_PARTS.findall(text))
    return tuple(steps)


def show(path: Path) -> str:
    """Return a path for people, as in `actions[0].forward`."""
    shown = ""
    for part in path:
        shown += f"[{part}]" if part.isdigit() else f".{part}" if shown else part
    return shown


def snake(path: Path) -> str:
    """Return a path as the upstream provider words it, as in `actions.0.target_group_arn`."""
    return ".".join(re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", part).lower() for part in path)


def pattern(path: Path) -> Path:
    """Return a concrete path with every index as `[]`."""
    return tuple(EACH if part.isdigit() else part for part in path)


def find(value: Value, path: Path, at: Path = ()) -> Iterator[tuple[Path, Value]]:
    """Yield every present value at a path with the place where it stands; what is unknown is yielded where met."""
    if not path:
        if value is not None:
            yield at, value
        return
    head, rest = path[0], path[1:]
    if value == UNKNOWN:
        yield at, value
    elif head == EACH:
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from find(item, rest, (*at, str(index)))
    elif isinstance(value, dict):
        if head in value:
            yield from find(value[head], rest, (*at, head))
    elif isinstance(value, list) and head.isdigit() and int(head) < len(value):
        yield from find(value[int(head)], rest, (*at, head))


def first(value: Value, path: Path) -> Value:
    """Return the first value at a path, or None."""
    return next((found for _, found in find(value, path)), None)


def blocks(value: Value, path: Path, at: Path = ()) -> Iterator[tuple[Path, Values]]:
    """Yield the objects that may hold the last part of a path, present or not."""
    for place, found in find(value, path[:-1], at):
        if isinstance(found, dict):
            yield place, found
