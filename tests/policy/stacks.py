"""The stack that keeps every rule and the ways to break each, read from `fixtures/`.

`!json` marks what a program writes as a JSON text. `!ref NAME.PROPERTY` is another resource's property: its value, and
in a first preview an unknown one if only the cloud can tell it. A break changes properties (null takes one away), takes
a resource away (null), or adds one (a name that is new).
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from policy.model import Resource, Stack
from policy.rules.tags import TAGGED
from policy.values import UNKNOWN

FIXTURES = Path(__file__).with_name("fixtures")
TAGS = {"Cost-Center": "shop", "Environment": "prod", "Owner": "platform"}

Document = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Json:
    value: Any


@dataclass(frozen=True)
class Ref:
    name: str
    property: str


class _Loader(yaml.SafeLoader):
    pass


def _json(loader: _Loader, node: yaml.Node) -> Json:
    build_node = loader.construct_mapping if isinstance(node, yaml.MappingNode) else loader.construct_sequence
    return Json(build_node(node, deep=True))


def _ref(loader: _Loader, node: yaml.Node) -> Ref:
    return Ref(*loader.construct_scalar(node).rsplit(".", 1))


_Loader.add_constructor("!json", _json)
_Loader.add_constructor("!ref", _ref)


@cache
def _files() -> tuple[Mapping[str, Any], ...]:
    return tuple(yaml.load(path.read_text(), _Loader) for path in sorted(FIXTURES.glob("*.yaml")))


def kinds() -> set[str]:
    """Return the types of everything that the stack or a break of it holds."""
    added = {one["type"] for _, change in breaks() for one in change.values() if one and "properties" in one}
    return {resource["type"] for resource in _resources().values()} | added


def _resources() -> Document:
    pairs = [pair for file in _files() for pair in file["resources"].items()]
    assert len(dict(pairs)) == len(pairs), "two resources have one name"
    return dict(pairs)


def compliant() -> Document:
    """Return the stack that keeps every rule."""
    # One by one: a copy of all keeps two that YAML made one.
    document = {name: copy.deepcopy(resource) for name, resource in _resources().items()}
    for resource in document.values():
        _tag(resource)
    return document


def _tag(resource: dict[str, Any]) -> None:
    if resource["type"] in TAGGED:
        resource["properties"]["tags"] = {**TAGS, **resource["properties"].get("tags", {})}


def breaks() -> list[tuple[str, dict[str, Any]]]:
    """Return every way to break a rule, with the rule's id."""
    return [
        (rule, one)
        for file in _files()
        for rule, ways in file["breaks"].items()
        for one in (ways if isinstance(ways, list) else [ways])
    ]


def broken(change: Mapping[str, Any]) -> Document:
    """Return the stack with one change."""
    document = compliant()
    _edit(document, change)
    return document


def _edit(document: Document, change: Mapping[str, Any]) -> None:
    for name, edit in change.items():
        if edit is None:
            del document[name]
        elif name not in document:
            document[name] = copy.deepcopy(edit)
            _tag(document[name])
        else:
            for path, value in edit.items():
                _set(document[name]["properties"], path, value)


def worst() -> Document:
    """Return the stack with every change that can still be made after those before it."""
    document = compliant()
    for _, change in breaks():
        # Nothing is taken away: what is gone can break no other rule.
        if all(edit is not None for edit in change.values()):
            with suppress(KeyError, IndexError, TypeError):
                _edit(document, change)
    return document


def _set(properties: Any, path: str, value: Any) -> None:
    *steps, last = [int(part) if part.isdigit() else part for part in re.split(r"[.\[\]]+", path.rstrip("]"))]
    holder = properties
    for step in steps:
        holder = holder[step]
        holder = holder.value if isinstance(holder, Json) else holder
    if value is None:
        del holder[last]
    else:
        holder[last] = copy.deepcopy(value)


def urn(name: str, kind: str) -> str:
    return f"urn:pulumi:prod::shop::{kind}::{name}"


def deployed(document: Document) -> list[Resource]:
    """Return a stack as it stands in the cloud: everything is known, nobody says where values came from."""
    return [
        _resource(name, one, _plain(one["properties"] | one.get("outputs", {}), document))
        for name, one in document.items()
    ]


def previewed(document: Document, *, dependencies: bool = True) -> list[Resource]:
    """Return a stack as its first preview shows it: what only the cloud can tell is unknown."""
    return [
        _resource(
            name,
            one,
            {**dict.fromkeys(one.get("outputs", {}), UNKNOWN), **_unknown(one["properties"], document)},
            _sources(one["properties"], document) if dependencies else None,
        )
        for name, one in document.items()
    ]


def stack(resources: list[Resource]) -> Stack:
    return Stack(tuple(resources))


def _resource(name: str, one: Mapping[str, Any], properties: Any, sources: Any = None) -> Resource:
    return Resource(
        urn=urn(name, one["type"]),
        type=one["type"],
        properties=properties,
        protect=one.get("protect", False),
        dependencies=sources,
    )


def _plain(value: Any, document: Document) -> Any:
    """Return a value as the engine hands it on, with references resolved."""
    match value:
        case Json():
            return json.dumps(_plain(value.value, document))
        case Ref():
            target = document.get(value.name, {"properties": {}})
            return {**target["properties"], **target.get("outputs", {})}.get(value.property, f"gone-{value.name}")
        case dict():
            return {key: _plain(item, document) for key, item in value.items()}
        case list():
            return [_plain(item, document) for item in value]
        case _:
            return value


def _unknown(value: Any, document: Document) -> Any:
    match value:
        case Json():
            return UNKNOWN if _is_computed(value.value, document) else _plain(value, document)
        case Ref():
            return UNKNOWN if _is_computed(value, document) else _plain(value, document)
        case dict():
            return {key: _unknown(item, document) for key, item in value.items()}
        case list():
            return [_unknown(item, document) for item in value]
        case _:
            return value


def _is_computed(value: Any, document: Document) -> bool:
    return any(ref.property in document.get(ref.name, {}).get("outputs", {}) for ref in _refs(value))


def _sources(properties: Mapping[str, Any], document: Document) -> dict[str, frozenset[str]]:
    return {
        name: frozenset(urn(ref.name, document[ref.name]["type"]) for ref in _refs(value) if ref.name in document)
        for name, value in properties.items()
    }


def _refs(value: Any) -> list[Ref]:
    match value:
        case Ref():
            return [value]
        case Json():
            return _refs(value.value)
        case dict():
            return [ref for item in value.values() for ref in _refs(item)]
        case list():
            return [ref for item in value for ref in _refs(item)]
        case _:
            return []
