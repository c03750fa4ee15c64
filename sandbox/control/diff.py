"""Compare a resource's old and new inputs: what changes, where, and whether that replaces the resource."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from sandbox.control import paths
from sandbox.control.facts import ResourceType
from sandbox.control.scope import Scope
from sandbox.control.wire import DEFAULTS, SIGNATURE, UNKNOWN, Path, Value, Values, kind_of_asset

Change = Literal["add", "delete", "update"]


@dataclass
class Difference:
    """What changes between two sets of inputs."""

    changes: dict[Path, Change] = field(default_factory=dict)
    replaces: set[Path] = field(default_factory=set)
    delete_first: bool = False

    @property
    def roots(self) -> set[str]:
        """The top-level properties that change."""
        return {path[0] for path in self.changes}


def diff(
    kind: ResourceType, scope: Scope, old: Values, new: Values, *, state: Values, ignored: tuple[Path, ...] = ()
) -> Difference:
    """Return the difference between old and new inputs; `state` is the resource's outputs."""
    result = Difference()
    for path, change in _changes(kind, scope, old, new, state):
        if any(_covers(one, path) for one in ignored):
            continue
        result.changes[path] = change
        if _replaces(kind, path, old, new):
            result.replaces.add(path)
    if result.replaces:
        result.delete_first = kind.delete_first or (not kind.framework and _named_explicitly(kind, new))
    return result


def same_json(old: Value, new: Value) -> bool:
    """Tell whether two JSON documents say the same."""
    return _document(old) == _document(new)


def _changes(
    kind: ResourceType, scope: Scope, old: Values, new: Values, state: Values
) -> Iterator[tuple[Path, Change]]:
    computed = {path[0] for path, _ in kind.unset if len(path) == 1}
    for key in sorted({*old, *new} - {DEFAULTS}):
        before, after = old.get(key), new.get(key)
        if key == "region":
            before, after = before or scope.region, after or scope.region
        elif after is None and key in computed:
            # Optional and computed: what was given once stays when it is no longer given.
            continue
        elif before is None and key in state and state[key] == after:
            continue
        yield from _compare(kind, before, after, (key,))


def _compare(kind: ResourceType, old: Value, new: Value, path: Path) -> Iterator[tuple[Path, Change]]:
    if _same(kind, old, new, path):
        return
    if old is None:
        yield path, "add"
    elif new is None:
        yield path, "delete"
    elif kind_of_asset(old) or kind_of_asset(new):
        yield path, "update"
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new} - {DEFAULTS}):
            yield from _compare(kind, old.get(key), new.get(key), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _compare_lists(kind, old, new, path)
    else:
        yield path, "update"


def _same(kind: ResourceType, old: Value, new: Value, path: Path) -> bool:
    if old == new:
        return True
    if kind_of_asset(old) and kind_of_asset(new):
        return _fingerprint(old) == _fingerprint(new)
    return paths.pattern(path) in kind.json and new != UNKNOWN and same_json(old, new)


def _compare_lists(kind: ResourceType, old: list[Value], new: list[Value], path: Path) -> Iterator[tuple[Path, Change]]:
    if paths.pattern(path) in kind.sets:
        gone, come = _set_difference(old, new), _set_difference(new, old)
        for at in sorted({*gone, *come}):
            change: Change = "update" if at in gone and at in come else "delete" if at in gone else "add"
            yield (*path, str(at)), change
        return
    for at in range(max(len(old), len(new))):
        before = old[at] if at < len(old) else None
        after = new[at] if at < len(new) else None
        yield from _compare(kind, before, after, (*path, str(at)))


def _set_difference(these: list[Value], others: list[Value]) -> list[int]:
    """Return the places in one list of what the other one lacks."""
    left = [_canonical(item) for item in others]
    places: list[int] = []
    for at, item in enumerate(these):
        key = _canonical(item)
        if key in left and UNKNOWN not in key:
            left.remove(key)
        else:
            places.append(at)
    return places


def _canonical(value: Value) -> str:
    return json.dumps(value, sort_keys=True)


def _document(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    try:
        parsed: Value = json.loads(value)
    except ValueError:
        return value
    return parsed


def _fingerprint(value: Value) -> Value:
    """Return what tells two assets apart: their hash where the engine gave one."""
    if not isinstance(value, dict):
        return value
    return value.get("hash") or {key: item for key, item in value.items() if key != SIGNATURE}


def _covers(pattern: Path, path: Path) -> bool:
    return paths.pattern(path)[: len(pattern)] == pattern or path[: len(pattern)] == pattern


def _replaces(kind: ResourceType, path: Path, old: Values, new: Values) -> bool:
    if path == ("region",):
        return True
    place = paths.pattern(path)
    for pattern in kind.replace:
        if place[: len(pattern)] == pattern:
            return True
        if pattern[: len(place)] == place:
            # A whole block comes or goes: it replaces when it holds the property that does.
            rest = pattern[len(place) :]
            whole = (paths.first(side, path) for side in (old, new))
            if any(block == UNKNOWN or paths.first(block, rest) is not None for block in whole):
                return True
    return False


def _named_explicitly(kind: ResourceType, new: Values) -> bool:
    generated = new.get(DEFAULTS)
    name = kind.naming.property if kind.naming else None
    return name in new and not (isinstance(generated, list) and name in generated)
