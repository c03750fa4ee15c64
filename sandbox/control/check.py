"""Judge a resource's inputs before anything is planned, and complete them as the provider does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sandbox.control import paths
from sandbox.control.errors import Refusal
from sandbox.control.facts import Group, ObjectType, ResourceType
from sandbox.control.hooks import hook_of
from sandbox.control.names import Autonaming, generate
from sandbox.control.regions import REGIONS
from sandbox.control.rules import Rule
from sandbox.control.scope import Scope
from sandbox.control.shape import conform_object
from sandbox.control.wire import DEFAULTS, UNKNOWN, Bag, Path, Value, Values, has_unknown


@dataclass(frozen=True)
class Request:
    """The inputs of one resource, new and old, and what its names are made from."""

    kind: ResourceType
    scope: Scope
    name: str
    news: Bag
    olds: Values = field(default_factory=dict)
    seed: bytes = b""
    autonaming: Autonaming | None = None


class _Problems:
    """Collects what is wrong; secret values are not shown."""

    def __init__(self, name: str, secrets: set[Path]) -> None:
        self._name = name
        self._secrets = secrets
        self.found: list[str] = []

    def add(self, path: Path, text: str) -> None:
        where = "" if text.startswith("Missing required property") and len(path) == 1 else self._at(path)
        self.found.append(f"{text}{where}")

    def mistyped(self, path: Path, text: str) -> None:
        if self.is_secret(path) and ", got " in text:
            text = text.split(", got ", maxsplit=1)[0] + ", got [secret]"
        self.add(path, text)

    def shown(self, path: Path, value: Value) -> str:
        if self.is_secret(path):
            return "[secret]"
        return value if isinstance(value, str) else json.dumps(value)

    def is_secret(self, path: Path) -> bool:
        return any(path[: len(secret)] == secret for secret in self._secrets)

    def _at(self, path: Path) -> str:
        return f". Examine values at '{self._name}.{paths.show(path)}'."


def check(request: Request) -> tuple[Bag, list[str]]:
    """Return the completed inputs and what is wrong with them."""
    kind, news = request.kind, request.news
    problems = _Problems(request.name, news.secrets)
    values = conform_object(ObjectType(kind.inputs, kind.required), news.values, (), kind.objects, problems.mistyped)
    # The provider owns tagsAll; a value in the program is a leftover of older versions.
    values.pop("tagsAll", None)
    _judge(kind, values, problems)
    defaulted = [*_put_defaults(kind, values), *_put_name(request, values, problems)]
    for problem in judged(kind.checks, values, problems.shown):
        problems.add(*problem)
    before = set(values)
    for problem in hook_of(kind).check(values):
        problems.add(*problem)
    defaulted += set(values) - before
    secrets = set(news.secrets)
    if kind.tagged:
        _put_all_tags(request.scope, values, secrets)
    values[DEFAULTS] = list[Value](sorted(defaulted))
    return Bag(values, secrets), problems.found


def judged(
    rules: tuple[tuple[Path, Rule], ...], values: Values, shown: Callable[[Path, Value], str] | None = None
) -> Iterator[tuple[Path, str]]:
    """Yield where a rule is broken, and how; values that are not known yet are not judged."""
    for pattern, rule in rules:
        for path, value in paths.find(values, pattern):
            if has_unknown(value):
                continue
            text = shown(path, value) if shown else str(value)
            problem = rule(paths.snake(path), value, text)
            if problem:
                yield path, problem


def _judge(kind: ResourceType, values: Values, problems: _Problems) -> None:
    region = values.get("region")
    if isinstance(region, str) and region != UNKNOWN and region not in REGIONS:
        problems.add(("region",), f"invalid AWS Region: {region}")
    for group in kind.groups:
        for place, block in paths.blocks(values, (*group.parent, "")):
            for name, problem in _judge_group(group, block):
                problems.add((*place, name), problem)
    for name, others in kind.requires:
        missing = [other for other in others if other not in values]
        if name in values and missing:
            listed = ",".join(sorted(paths.snake((one,)) for one in (name, *others)))
            message = f'Missing required argument. "{paths.snake((name,))}": all of `{listed}` must be specified'
            problems.add((name,), message)


def _judge_group(group: Group, block: Values) -> Iterator[tuple[str, str]]:
    given = [name for name in group.names if name in block and block[name] != UNKNOWN]
    unknown = any(block.get(name) == UNKNOWN for name in group.names)
    listed = ",".join(sorted(paths.snake((name,)) for name in group.names))
    subject = group.names[0]
    if group.kind != "at_least_one_of" and len(given) > 1:
        if group.kind == "conflicts":
            for name in given:
                others = ", ".join(paths.snake((other,)) for other in given if other != name)
                text = f'Conflicting configuration arguments. "{paths.snake((name,))}": conflicts with {others}'
                yield name, text
        else:
            both = ",".join(sorted(paths.snake((name,)) for name in given))
            text = f"only one of `{listed}` can be specified, but `{both}` were specified"
            yield given[0], f'Invalid combination of arguments. "{paths.snake((given[0],))}": {text}'
    elif group.kind != "conflicts" and not given and not unknown:
        text = f"one of `{listed}` must be specified"
        yield subject, f'Missing required argument. "{paths.snake((subject,))}": {text}'


def _put_defaults(kind: ResourceType, values: Values) -> list[str]:
    put: list[str] = []
    for path, default in kind.defaults:
        key = path[-1]
        if len(path) == 1:
            if key not in values and not _conflicting(kind, key, values):
                values[key] = default
                put.append(key)
            continue
        for _, block in paths.blocks(values, path):
            block.setdefault(key, default)
    return put


def _conflicting(kind: ResourceType, key: str, values: Values) -> bool:
    """Tell whether an input that excludes another one is given."""
    return any(
        key in group.names and any(name in values for name in group.names if name != key)
        for group in kind.groups
        if not group.parent and group.kind != "at_least_one_of"
    )


def _put_name(request: Request, values: Values, problems: _Problems) -> list[str]:
    naming = request.kind.naming
    if naming is None or naming.property in values or _conflicting(request.kind, naming.property, values):
        return []
    generated = request.olds.get(DEFAULTS)
    kept = request.olds.get(naming.property)
    if kept is not None and isinstance(generated, list) and naming.property in generated:
        values[naming.property] = kept
        return [naming.property]
    try:
        name = generate(naming, request.name, request.seed, values, request.autonaming)
    except Refusal as problem:
        problems.add((naming.property,), str(problem))
        return []
    if name is None:
        return []
    values[naming.property] = name
    return [naming.property]


def _put_all_tags(scope: Scope, values: Values, secrets: set[Path]) -> None:
    tags = values.get("tags", {})
    if not isinstance(tags, dict):
        values["tagsAll"] = UNKNOWN
        return
    merged = {**scope.default_tags, **tags}
    if merged:
        values["tagsAll"] = dict(sorted(merged.items()))
    secrets.update(("tagsAll", *path[1:]) for path in list(secrets) if path[0] == "tags")
