"""Changes behind the engine's back, as someone in the console would make them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from sandbox.control import paths
from sandbox.control.account import Resource
from sandbox.control.errors import Refusal
from sandbox.control.facts import Catalog
from sandbox.control.shape import conform
from sandbox.control.wire import Value, Values


def change(resource: Resource, changes: Mapping[str, Value]) -> None:
    """Change properties of a resource; None takes one away. A property or type that it cannot have is refused."""
    kind = Catalog().get(resource.type)
    for text, value in changes.items():
        path = paths.parse(text)
        if kind is not None and path[0] not in kind.outputs:
            near = difflib.get_close_matches(path[0], kind.outputs, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            message = f"{kind.kind} {resource.id} has no property {path[0]}.{hint}"
            raise Refusal(message)
        _change(resource, path, value)
        if kind is not None:
            # A program that gets a wrongly typed output waits for ever, so a later `up` would hang.
            found = resource.outputs.get(path[0])
            conform(kind.outputs[path[0]], found, (path[0],), kind.objects, _refuse)


def _refuse(path: paths.Path, problem: str) -> None:
    message = f"{paths.show(path)} cannot be set: {problem}."
    raise Refusal(message)


def _change(resource: Resource, path: paths.Path, value: Value) -> None:
    # What was never given and AWS filled in is no input; what neither side has yet is like a new setting.
    if path[0] in resource.inputs or path[0] not in resource.outputs:
        _put(resource.inputs, path, value)
    _put(resource.outputs, path, value)
    if path[0] == "tags":
        _change(resource, ("tagsAll", *path[1:]), value)


def _put(values: Values, path: paths.Path, value: Value) -> None:
    place: Value = values
    for step in path[:-1]:
        place = _inner(place, step, path)
    last = path[-1]
    if isinstance(place, list) and last.isdigit() and int(last) < len(place):
        place[int(last)] = value
    elif isinstance(place, dict) and value is None:
        place.pop(last, None)
    elif isinstance(place, dict):
        place[last] = value
    else:
        message = f"{paths.show(path)} cannot be set: the resource has no such place."
        raise Refusal(message)


def _inner(place: Value, step: str, path: paths.Path) -> Value:
    if isinstance(place, list) and step.isdigit() and int(step) < len(place):
        return place[int(step)]
    if isinstance(place, dict):
        return place.setdefault(step, {})
    message = f"{paths.show(path)} cannot be set: the resource has no such place."
    raise Refusal(message)
