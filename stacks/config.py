"""A stack's config as the engine hands it over, or as a stack file holds it, brought into one form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from stacks.errors import Problem, nearest, show
from stacks.forms import fields, of_field
from stacks.keys import PROJECT, REGION_KEY, Json, Path, dotted
from stacks.settings import StackSettings

_DEEPEST: Final = 16
_LARGEST: Final = 10**15
_NAMESPACES: Final = (PROJECT, "aws", "pulumi")


@dataclass
class GivenConfig:
    """What a stack's config gives: the project's settings as a tree, the region, and what cannot be taken over."""

    tree: dict[str, Json] = field(default_factory=dict)
    region: str = ""
    problems: dict[Path, Problem] = field(default_factory=dict)


def decode(config: Mapping[str, str | object]) -> GivenConfig:
    """Return a stack's config as one tree of settings; a key without a namespace is the project's."""
    given = GivenConfig()
    for full, raw in config.items():
        namespace, _, name = full.rpartition(":")
        namespace = namespace or PROJECT
        if namespace == PROJECT:
            path: Path = (name,)
            value = _clean(_typed(name, raw), path, given)
            if value is not None and path not in given.problems:
                given.tree[name] = value
        elif full == REGION_KEY:
            given.region = str(raw)
        elif namespace != "pulumi":
            given.problems[(full,)] = _foreign(full, namespace, _clean(raw, (full,), given))
    return given


def _foreign(full: str, namespace: str, value: Json) -> Problem:
    if namespace == "aws":
        why = "the program makes its own provider and reads the region only, so this would have no effect"
        fix = "remove it; credentials and profile come from the environment, as in AWS_PROFILE"
        return Problem(key=full, value=show((full,), value), why=why, allowed=REGION_KEY, fix=fix)
    near = nearest(namespace, _NAMESPACES)
    return Problem(
        key=full,
        value=show((full,), value),
        why=f"nothing here reads the namespace {namespace}",
        allowed=", ".join(f"{known}:" for known in _NAMESPACES),
        nearest=full.replace(namespace, near, 1) if near else "",
    )


def _typed(name: str, raw: object) -> object:
    """Undo what the engine does to a value: it passes every scalar and every block as text."""
    known = fields(StackSettings).get(name)
    if known is None or raw is None:
        return raw
    if of_field(known).is_text:
        return json.dumps(raw) if isinstance(raw, bool | int | float) else raw
    if not isinstance(raw, str):
        return raw
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw


def _clean(value: object, path: Path, given: GivenConfig) -> Json:
    """Return a value as plain JSON; what is no plain value is reported instead."""
    if len(path) > _DEEPEST:
        given.problems[path[:2]] = Problem(key=dotted(path[:2]), why="nests too deep")
        return None
    if isinstance(value, Mapping):
        block = cast("Mapping[object, object]", value)
        if list(block) == ["secure"]:
            given.problems[path] = Problem(
                key=dotted(path),
                why="is encrypted, so it cannot be read without the stack's key",
                fix="write it in plain; for a secret put its ARN under modeshift:services.NAME.secrets",
            )
            return None
        return {_text(key): _clean(item, (*path, _text(key)), given) for key, item in block.items()}
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        return [_clean(item, (*path, index), given) for index, item in enumerate(items)]
    # A number of many digits, infinity and what is no number at all are told apart by their text.
    if value is None or (isinstance(value, bool | int | float) and abs(value) < _LARGEST):
        return value
    return _text(value)


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()
