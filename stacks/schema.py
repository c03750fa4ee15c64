"""The form of a stack's settings, checked whole: unknown keys, wrong types, words and bounds, each a sentence."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stacks.block import OF_CODE
from stacks.errors import Problem, nearest, show
from stacks.forms import Form, fields, form_at, homes, place, plain
from stacks.keys import Json, Path, dotted, look_up, within
from stacks.layers import Layers
from stacks.settings import StackSettings

_ROUNDS: Final = 50
_SERVICE_DEPTH: Final = 2
_SAYS_TRUE: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_BOUNDS: Final = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})


def validate(layers: Layers) -> tuple[StackSettings, dict[Path, Problem], set[Path]]:
    """Return the settings, every problem with their form, and the paths whose value could not be used.

    What is wrong is taken out, or replaced where the meaning is plain, and the rest is checked again; so the rules
    across settings still see the stack that the person meant, and one report holds everything.
    """
    problems: dict[Path, Problem] = {}
    failed: set[Path] = set()
    misnamed: set[Path] = set()
    given = layers.given
    for _ in range(_ROUNDS):
        try:
            text = json.dumps(replace(layers, given=given).merged())
            settings = StackSettings.model_validate_json(text, strict=True, by_alias=True, by_name=False)
        except ValidationError as error:
            given = copy.deepcopy(given)
            # Items of a list go last to first, so that the places of the others stay right.
            for detail in sorted(map(plain, error.errors(include_url=False)), key=_indices, reverse=True):
                path = place(_location(detail))
                if not any(within(path, known) for known in failed):
                    problems[path] = _problem(path, detail)
                if detail["loc"][-1] == "[key]":
                    misnamed.add(path[:-1])  # a block that lacks what was meant is no block to judge
                _repair(given, path, detail, failed)
        else:
            return settings, _without_echoes(problems), failed | misnamed
    raise RuntimeError(f"The settings do not settle: {', '.join(dotted(path) for path in problems)}")


def _indices(detail: ErrorDetails) -> tuple[int, ...]:
    return tuple(part for part in detail["loc"] if isinstance(part, int))


def _location(detail: ErrorDetails) -> Path:
    return tuple(part for part in detail["loc"] if part != "[key]")


def _problem(path: Path, detail: ErrorDetails) -> Problem:
    kind, value, location = detail["type"], detail["input"], _location(detail)
    form = form_at(location)
    if kind == "extra_forbidden":
        return _unknown(path, value, form_at(location[:-1]))
    if detail["loc"][-1] == "[key]":
        return _unknown_name(path)
    key, allowed = dotted(path), form.describe() if form is not None else ""
    if kind == "missing":
        return Problem(key=key, why="has no default and is not set", allowed=allowed)
    near = ""
    if kind in _BOUNDS:
        why = "is out of range"
    elif form is not None and form.words:
        why, near = f"is not {_either(form.words)}", _word(form, value)
    elif kind == "string_pattern_mismatch":
        why = f"is not {allowed}"
    else:
        why = f"is {_kind_of(value)}; {_wanted(form)} is wanted"
    return Problem(key=key, value=show(path, value), why=why, allowed=allowed, nearest=near)


def _unknown(path: Path, value: Json, block: Form | None) -> Problem:
    name = str(path[-1])
    settings = fields(block.model) if block is not None and block.model is not None else {}
    known = [key for key, field in settings.items() if OF_CODE not in field.metadata]
    at_home = [dotted(home) for home in homes(name)]
    near, why = nearest(name, known), "there is no such setting"
    if at_home:
        near = " or ".join(at_home[:3])
        other = {"serverless": "container", "container": "serverless"}.get(str(path[0]))
        belongs = other if f"modeshift:{other}.{name}" in at_home else None
        why = f"belongs to mode {belongs}" if belongs else "is not a setting of this block; it has its place elsewhere"
    return Problem(key=dotted(path), value=show(path, value), why=why, allowed=", ".join(known), nearest=near)


def _unknown_name(path: Path) -> Problem:
    block = form_at(path[:-1])
    words = block.names.words if block is not None and block.names is not None else ()
    near = nearest(path[-1], words)
    return Problem(key=dotted(path), why="is not a name this block knows", allowed=" | ".join(words), nearest=near)


def _word(form: Form, value: Json) -> str:
    if form.annotation is bool:
        return _SAYS_TRUE.get(str(value).lower()) or nearest(value, form.words)
    return nearest(value, form.words)


def _either(words: tuple[str, ...]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _kind_of(value: Json) -> str:
    kinds = {"NoneType": "empty", "bool": "true or false", "int": "a whole number", "float": "a fraction"}
    kinds |= {"str": "text", "list": "a list", "dict": "a block of settings"}
    return kinds[type(value).__name__]


def _wanted(form: Form | None) -> str:
    if form is None:
        return "something else"
    if form.model is not None or form.names is not None:
        return "a block of settings"
    if form.items is not None:
        return "a list"
    return "text (in quotes if it looks like a number)" if form.is_text else "a whole number"


def _repair(given: dict[str, Json], path: Path, detail: ErrorDetails, failed: set[Path]) -> None:
    """Change `given` so that one problem is gone, and note which paths no rule may judge."""
    form = form_at(_location(detail))
    if detail["type"] == "extra_forbidden" or detail["loc"][-1] == "[key]":
        _delete(given, path)
    elif detail["type"] == "missing":
        failed.add(path)
        if path[0] == "services" and path[2:] == ("route",):
            _replace(given, path[:2], lambda service: {**_block(service), "route": f"/{path[1]}"})
        else:
            failed.add(path[:-1])
            _delete(given, path[:-1])
    elif path[0] == "services" and len(path) == _SERVICE_DEPTH:
        failed.add(path)
        _replace(given, path, lambda _: None)
    elif form is not None and form.is_text and (word := nearest(detail["input"], form.words)):
        _replace(given, path, lambda _: word)
    elif form is not None and form.is_text and isinstance(path[-1], int):
        failed.add(path)
        _replace(given, path, lambda _: "")
    else:
        failed.add(path[:-1] if isinstance(path[-1], int) else path)
        _delete(given, path)


def _block(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _replace(given: dict[str, Json], path: Path, change: Callable[[Json], Json]) -> None:
    parent = look_up(given, path[:-1])
    if isinstance(parent, dict):
        parent[str(path[-1])] = change(parent.get(str(path[-1])))
    elif isinstance(parent, list) and isinstance(path[-1], int):
        parent[path[-1]] = change(parent[path[-1]])


def _delete(given: dict[str, Json], path: Path) -> None:
    try:
        parent = look_up(given, path[:-1])
    except KeyError:
        return
    if isinstance(parent, dict):
        parent.pop(str(path[-1]), None)
    elif isinstance(parent, list) and isinstance(path[-1], int) and path[-1] < len(parent):
        del parent[path[-1]]


def _without_echoes(problems: dict[Path, Problem]) -> dict[Path, Problem]:
    """Drop a missing setting whose misspelling is already reported beside it."""
    meant = {(*path[:-1], problem.nearest) for path, problem in problems.items() if problem.nearest}
    return {path: problem for path, problem in problems.items() if path not in meant}
