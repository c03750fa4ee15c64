"""What differs between two values, property by property, down to the leaf that a person would look for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from automation.plan.values import Value

_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
_PLAIN = re.compile(r"[^.\[\]\"]+")
# What tells the elements of a list apart, whatever their order.
_IDENTITIES = ("name", "Name", "key", "Sid", "sid", "id")


@dataclass(frozen=True)
class PropertyChange:
    """One property before and after; None where it is absent, and on both sides where nobody says."""

    path: str
    before: Value
    after: Value
    replaces: bool = False

    @property
    def root(self) -> str:
        """Return the property's outermost name."""
        return steps(self.path)[0] if self.path else ""

    @property
    def told(self) -> bool:
        """Whether there is anything to show of the values."""
        return self.before is not None or self.after is not None


def steps(path: str) -> list[str]:
    """Return a property path's steps: `tags["a:b"]` is `tags` and `a:b`, `ingress[0].port` has the index `0`."""
    found = _STEP.findall(path)
    return [_unquoted(quoted) if quoted else index or name for quoted, index, name in found] or [path]


def as_path(name: str) -> str:
    """Return the path of an outermost property."""
    return _join("", name)


def at(tree: Value, path: str) -> Value:
    """Return what a tree holds at a property path, None where it holds nothing."""
    for step in steps(path):
        if isinstance(tree, Mapping):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isdigit() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return None
    return tree


def changed_roots(before: Mapping[str, Value], after: Mapping[str, Value]) -> list[str]:
    """Return the paths of the outermost properties that differ."""
    return sorted(as_path(name) for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def differences(
    before: Mapping[str, Value], after: Mapping[str, Value], paths: Iterable[str], causes: Sequence[str]
) -> Iterator[PropertyChange]:
    """Yield every leaf that differs below the paths that the engine named.

    A path below which nothing visible differs is yielded as it is: a rotated secret, or what only the provider sees.
    """
    for path in paths:
        one, other = at(before, path), at(after, path)
        replaces = path in causes or steps(path)[0] in causes
        leaves = list(_leaves(path, one, other)) or [(path, one, other)]
        yield from (PropertyChange(*leaf, replaces) for leaf in leaves)


def _leaves(path: str, before: Value, after: Value) -> Iterator[tuple[str, Value, Value]]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _leaves(_join(path, key), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and any(isinstance(x, dict) for x in (*before, *after)):
        ones, others = _by_identity(before, after)
        for key in dict.fromkeys((*ones, *others)):
            yield from _leaves(f"{path}[{key}]", ones.get(key), others.get(key))
    else:
        yield path, before, after


def _unquoted(text: str) -> str:
    try:
        return json.loads(f'"{text}"')
    except ValueError:
        return text


def _join(path: str, key: str) -> str:
    dot = "." if path else ""
    return f"{path}{dot}{key}" if _PLAIN.fullmatch(key) else f"{path}[{json.dumps(key)}]"


def _by_identity(before: list[Value], after: list[Value]) -> tuple[dict[str, Value], dict[str, Value]]:
    for name in _IDENTITIES:
        ones, others = _keyed(before, name), _keyed(after, name)
        if ones is not None and others is not None:
            return ones, others
    return {str(i): item for i, item in enumerate(before)}, {str(i): item for i, item in enumerate(after)}


def _keyed(items: list[Value], name: str) -> dict[str, Value] | None:
    """Return a list's elements by what they call themselves, if all do and no two the same."""
    keyed = {item[name]: item for item in items if isinstance(item, dict) and isinstance(item.get(name), str)}
    return keyed if len(keyed) == len(items) else None
