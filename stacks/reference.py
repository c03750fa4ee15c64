"""Write docs/settings.md from models, profiles and rules: `python -m stacks.reference > docs/settings.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from inspect import getdoc

from pydantic.fields import FieldInfo

from stacks.block import OF_CODE, Settings
from stacks.catalog import Manifest
from stacks.forms import Form, fields, of_field
from stacks.keys import Json, Path, dotted, holds, look_up
from stacks.layers import library_services
from stacks.links import LinkSettings
from stacks.profiles import PROFILES
from stacks.rules import RULES
from stacks.settings import StackSettings

_INTRODUCTION = """\
# Settings

What a stack file (`Pulumi.<stack>.yaml`) may say. Four layers, later wins: the library's default, the service's
[manifest](#a-services-manifest), the profile of the stack's environment, the stack file. Blocks merge key by key; lists
replace. `modeshift config --stack S` prints the result with the origin of each value. Everything is checked before the
first resource, and one report names every mistake.

A stack called dev, staging or prod takes the profile of that name; any other says `modeshift:environment`. The region
is `aws:region`, else the environment's `AWS_REGION`. A stack that lists services has exactly those; one that lists none
has NetProbe alone, so that a new service's folder changes no stack. The blocks `serverless` and `container` may stand
side by side: the one that is not active is checked too, so that changing `modeshift:mode` is enough to switch. A
service that names its own mode stays out of the switch.

This page is generated: `python -m stacks.reference > docs/settings.md`.
"""

_MANIFEST = """\
## A service's manifest

`app/services/<name>/service.toml`, which the app reads too. `size` and `scaling` are tables that hold what the blocks
above hold. [How to add a service](add-a-service.md).
"""


def reference() -> str:
    """Return the page."""
    sections = [
        _INTRODUCTION,
        *_sections(StackSettings, ()),
        _MANIFEST,
        _table(Manifest),
        "## What is refused\n",
        _rules(),
    ]
    return "\n".join(sections)


def _sections(model: type[Settings], path: Path, kind: str = "") -> Iterator[str]:
    title = dotted(path).replace("[0]", "[N]") if path else "modeshift:"
    yield f"## `{title}`{f' of kind {kind}' if kind else ''}\n"
    yield from [f"{getdoc(model)}\n"] if kind else []
    yield _table(model, path)
    for key, field in fields(model).items():
        form, below = of_field(field), (*path, key)
        if form.items is not None:
            form, below = form.items, (*below, "NAME" if form.names is not None else 0)
        if form.model is not None:
            yield from _sections(form.model, below)
        for word, block in form.kinds.items():
            yield from _sections(block, below, word)


def _table(model: type[Settings], path: Path = ()) -> str:
    rows = [_row(model, (*path, key), field) for key, field in fields(model).items()]
    return "\n".join(["| key | allowed | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _row(model: type[Settings], path: Path, field: FieldInfo) -> str:
    form = of_field(field)
    said = "Only in a manifest: " if OF_CODE in field.metadata else ""
    meaning = f"{said}{' '.join((field.description or '').split())}"
    cells = (f"`{path[-1]}`", _allowed(form), _default(model, path, field), meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _allowed(form: Form) -> str:
    if form.model is not None or (form.items is not None and (form.items.model is not None or form.items.kinds)):
        kind = "block" if form.model is not None else "blocks by name" if form.names is not None else "list of blocks"
        return f"{kind}, see below"
    return form.describe() + (", or null" if form.optional else "")


def _default(model: type[Settings], path: Path, field: FieldInfo) -> str:
    form = of_field(field)
    if path == ("services",):
        return _code(library_services())
    if form.model is not None and not form.optional:
        return ""
    default = "needed" if field.is_required() else _code(_plain(field))
    profiles = [f"{name} {_code(value)}" for name, value in _profile_values(model, path) if _code(value) != default]
    return "; ".join([default, *profiles])


def _plain(field: FieldInfo) -> Json:
    return json.loads(json.dumps(field.get_default(call_default_factory=True)))


def _profile_values(model: type[Settings], path: Path) -> Iterator[tuple[str, Json]]:
    kind = next((word for word, block in Form(LinkSettings).kinds.items() if block is model), None)
    for name, profile in PROFILES.items():
        layer, inside = profile.stack_layer(), path
        if kind is not None:
            layer, inside = profile.link_layer(kind), path[-1:]
        elif path[:1] == ("services",):
            layer, inside = profile.service_layer(), path[2:]
        if path != ("environment",) and holds(layer, inside):
            yield name, look_up(layer, inside)


def _code(value: Json) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _rules() -> str:
    lines = [(getdoc(rule) or "").removeprefix("Refuse ").strip() for rule in RULES]
    return "\n".join(f"- {line[:1].upper()}{line[1:]}" for line in lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
