"""Which route of an API a request takes.

Sources: "Create routes for HTTP APIs" (selection of a route), "Set up a proxy integration with a proxy resource".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

ANY = "ANY"
Leaf = TypeVar("Leaf")
_GREEDY = "+}"


@dataclass
class _Node(Generic[Leaf]):
    methods: dict[str, Leaf] = field(default_factory=dict)
    fixed: dict[str, _Node[Leaf]] = field(default_factory=dict)
    variable: _Node[Leaf] | None = None
    rest: _Node[Leaf] | None = None
    names: tuple[str, ...] = ()
    """What the variables on the way here are called."""


@dataclass(frozen=True)
class Found(Generic[Leaf]):
    """What a request takes, and the parts of its path that have names, as they were sent."""

    leaf: Leaf
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class NoMethod:
    """The path is there, but not for this method."""


@dataclass(frozen=True)
class Base:
    """What paths begin with for whoever calls an API by one of its names."""

    path: str
    domain: str
    own: bool
    """Whether the name is the API's own, and not one that is mapped to it."""


def base_of(bases: Sequence[Base], path: str) -> Base | None:
    """Return the first that a path begins with."""
    return next((base for base in bases if path == base.path or path.startswith(f"{base.path}/")), None)


class Paths(Generic[Leaf]):
    """Routes by method and path, in which `{name}` is any one segment and `{name+}` all that follow, at least one.

    A fixed segment goes before a variable, and a variable before all that follow. In a REST API the path decides alone;
    in an HTTP API a path without the method is none.
    """

    def __init__(self, *, resources: bool) -> None:
        self._root: _Node[Leaf] = _Node()
        self._resources = resources

    def add(self, method: str, path: str, leaf: Leaf) -> None:
        """Add a route; its method may be ANY."""
        node, names = self._root, tuple[str, ...]()
        for segment in _segments(path, whole=not self._resources):
            if not segment.startswith("{"):
                node = node.fixed.setdefault(segment, _Node())
                continue
            names = (*names, segment.strip("{}").rstrip("+"))
            if segment.endswith(_GREEDY):
                node.rest = node.rest or _Node()
                node = node.rest
            else:
                node.variable = node.variable or _Node()
                node = node.variable
        node.names = names
        node.methods[method.upper()] = leaf

    def find(self, method: str, path: str) -> Found[Leaf] | NoMethod | None:
        """Return what a request takes; its path is as it was sent."""
        return self._find(self._root, method, _segments(path, whole=not self._resources), 0, ())

    def _find(
        self, node: _Node[Leaf], method: str, segments: Sequence[str], at: int, values: tuple[str, ...]
    ) -> Found[Leaf] | NoMethod | None:
        if at == len(segments):
            return self._chosen(node, method, values)
        segment = segments[at]
        if (fixed := node.fixed.get(unquote(segment))) is not None and (
            found := self._find(fixed, method, segments, at + 1, values)
        ):
            return found
        if segment and node.variable is not None:
            found = self._find(node.variable, method, segments, at + 1, (*values, segment))
            if found is not None:
                return found
        if node.rest is not None and (left := "/".join(segments[at:])):
            return self._chosen(node.rest, method, (*values, left))
        return None

    def _chosen(self, node: _Node[Leaf], method: str, values: tuple[str, ...]) -> Found[Leaf] | NoMethod | None:
        leaf = node.methods.get(method) or node.methods.get(ANY)
        if leaf is not None:
            return Found(leaf, dict(zip(node.names, values, strict=True)))
        return NoMethod() if self._resources and node.methods else None


def _segments(path: str, *, whole: bool) -> list[str]:
    """Return the parts of a path; what ends with a slash is a path of its own only for HTTP APIs."""
    trimmed = path.removeprefix("/")
    if not whole:
        trimmed = trimmed.removesuffix("/")
    return trimmed.split("/") if trimmed else []
