"""What is known of each resource type: its facts (data), its properties (from the SDK), compiled once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from threading import Lock
from typing import Any, cast

import yaml

from sandbox.control import paths
from sandbox.control.rules import Rule, compile_rule
from sandbox.control.wire import Path, Value, Values

_HERE = FilePath(__file__).parent


@dataclass(frozen=True)
class Naming:
    """How a name is generated: for which property, how long, with what around it."""

    property: str
    max: int = 255
    separator: str = "-"
    random: int = 7
    lower: bool = False
    prefix: str = ""
    suffix: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Inputs of which some, one or none may stand together; `parent` is the block they stand in."""

    kind: str
    parent: Path
    names: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """An input that names another resource, whole or by its last piece after one of some characters."""

    path: Path
    kinds: tuple[str, ...]
    after: str = ""

    def handle(self, value: str) -> str:
        """Return the id, ARN or name in a value."""
        if value.startswith("arn:"):
            return value
        return re.split(f"[{re.escape(self.after)}]", value)[-1] if self.after else value


@dataclass(frozen=True)
class ObjectType:
    """A nested block: the types of its properties and those it must have."""

    properties: Mapping[str, str]
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResourceType:
    """One resource type, ready to judge, compare and answer with."""

    token: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    objects: Mapping[str, ObjectType]
    required: tuple[str, ...]
    facts: Mapping[str, Any]

    @property
    def package(self) -> str:
        return self.token.partition(":")[0]

    @property
    def module(self) -> str:
        return module_of(self.token)

    @property
    def kind(self) -> str:
        """The last part of the token, as in `TargetGroup`."""
        return self.token.rsplit(":", 1)[1]

    @property
    def regional(self) -> bool:
        return "region" in self.inputs

    @cached_property
    def naming(self) -> Naming | None:
        name = self.facts.get("name")
        return Naming(**name) if name else None

    @cached_property
    def replace(self) -> tuple[Path, ...]:
        return tuple(paths.parse(text) for text in self.facts.get("replace", ()))

    @cached_property
    def defaults(self) -> tuple[tuple[Path, Value], ...]:
        return tuple((paths.parse(text), value) for text, value in self.facts.get("defaults", {}).items())

    @cached_property
    def unset(self) -> tuple[tuple[Path, Value], ...]:
        return tuple((paths.parse(text), value) for text, value in self.facts.get("unset", {}).items())

    @cached_property
    def computed(self) -> Values:
        return cast("Values", self.facts.get("outputs") or {})

    @cached_property
    def checks(self) -> tuple[tuple[Path, Rule], ...]:
        return _compiled(self.facts.get("check"))

    @cached_property
    def apply_checks(self) -> tuple[tuple[Path, Rule], ...]:
        return _compiled(self.facts.get("apply_check"))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        return tuple(_group(entry) for entry in self.facts.get("exclusive", ()))

    @cached_property
    def requires(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple((name, tuple(others)) for name, others in self.facts.get("requires", {}).items())

    @cached_property
    def refs(self) -> Mapping[str, Reference]:
        return {text: _reference(text, entry) for text, entry in self.facts.get("refs", {}).items()}

    @cached_property
    def blocks(self) -> frozenset[str]:
        return frozenset(self.facts.get("blocks", ()))

    @cached_property
    def unique(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(names) for names in self.facts.get("unique", ()))

    @cached_property
    def recompute(self) -> Mapping[str, tuple[str, ...]]:
        return {name: tuple(causes) for name, causes in self.facts.get("recompute", {}).items()}

    @cached_property
    def sets(self) -> frozenset[Path]:
        return frozenset(paths.parse(text) for text in self.facts.get("sets", ()))

    @cached_property
    def json(self) -> frozenset[Path]:
        return frozenset(paths.parse(text) for text in self.facts.get("json", ()))

    @cached_property
    def secret(self) -> frozenset[str]:
        return frozenset(self.facts.get("secret", ()))

    @property
    def id(self) -> str:
        return str(self.facts.get("id", "{hex17}"))

    @property
    def tagged(self) -> bool:
        return bool(self.facts.get("tags"))

    @property
    def framework(self) -> bool:
        return bool(self.facts.get("framework"))

    @property
    def put(self) -> bool:
        """Whether creating one that is there already puts the new one in its place, as for a policy of something."""
        return bool(self.facts.get("put"))

    @property
    def delete_first(self) -> bool:
        return bool(self.facts.get("delete_first"))

    @property
    def hook(self) -> str | None:
        return self.facts.get("hook")


def module_of(token: str) -> str:
    """Return the service of a type, as in `lb` of `aws:lb/targetGroup:TargetGroup`; other packages have none."""
    package, path, _ = token.split(":", 2)
    return path.partition("/")[0] if package == "aws" else package


class Catalog:
    """The resource types that the sandbox provides; a service's facts are read when first asked for."""

    def __init__(self, folder: FilePath = _HERE) -> None:
        schema = json.loads((folder / "schema.json").read_bytes())
        self._folder = folder / "facts"
        self._resources: Mapping[str, Mapping[str, Any]] = schema["resources"]
        self._objects = {
            name: ObjectType(entry["properties"], tuple(entry.get("required", ())))
            for name, entry in schema["types"].items()
        }
        self._provider: Mapping[str, str] = schema.get("provider", {}).get("pulumi:providers:aws", {}).get("inputs", {})
        self._services: dict[str, Mapping[str, Any]] = {}
        self._types: dict[str, ResourceType] = {}
        self._lock = Lock()

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(self._resources)

    @property
    def provider_inputs(self) -> Mapping[str, str]:
        """The inputs of the aws provider itself."""
        return self._provider

    def get(self, token: str) -> ResourceType | None:
        """Return a resource type, or None when it is not served."""
        known = self._types.get(token)
        if known is not None or token not in self._resources:
            return known
        with self._lock:
            return self._types.setdefault(token, self._load(token))

    def _load(self, token: str) -> ResourceType:
        entry = self._resources[token]
        facts = self._service(module_of(token)).get(token) or {}
        required = (*entry.get("required", ()), *facts.get("required", ()))
        return ResourceType(
            token, entry["inputs"], entry["outputs"], self._objects, tuple(dict.fromkeys(required)), facts
        )

    def _service(self, module: str) -> Mapping[str, Any]:
        if module not in self._services:
            text = (self._folder / f"{module}.yaml").read_bytes()
            # libyaml's loader is ten times as fast; it is not part of every build of PyYAML.
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            self._services[module] = yaml.load(text, loader) or {}  # noqa: S506 - both loaders are safe ones
        return self._services[module]


def _reference(text: str, entry: str | list[str] | Mapping[str, Any]) -> Reference:
    kinds, after = (entry["of"], entry["after"]) if isinstance(entry, Mapping) else (entry, "")
    return Reference(paths.parse(text), (kinds,) if isinstance(kinds, str) else tuple(kinds), after)


def _compiled(rules: Mapping[str, Any] | None) -> tuple[tuple[Path, Rule], ...]:
    return tuple((paths.parse(text), compile_rule(rule)) for text, rule in (rules or {}).items())


def _group(entry: Mapping[str, Any]) -> Group:
    split = [paths.parse(text) for text in entry["props"]]
    parents = {path[:-1] for path in split}
    if len(parents) != 1:
        message = f"exclusive properties must stand in one block: {entry['props']}"
        raise ValueError(message)
    return Group(entry["kind"], parents.pop(), tuple(path[-1] for path in split))
