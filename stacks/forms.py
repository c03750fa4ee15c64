"""The settings models as a schema: which keys there are, and what each may hold, in words."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from stacks.block import Settings
from stacks.keys import Path
from stacks.settings import StackSettings

KIND = "kind"
_PATTERNS = {r"^\d{12}$": "12 digits", r"^[0-9a-f]{40}$": "40 hex digits"}


class Form:
    """What one place in a stack file may hold: an annotation with its constraints."""

    def __init__(self, annotation: object, metadata: Iterable[object] = ()) -> None:
        constraints = list(metadata)
        self.optional = False
        while (origin := get_origin(annotation)) in (Annotated, Union, types.UnionType):
            args = get_args(annotation)
            if origin is Annotated:
                constraints += _constraints(args[1:])
            else:
                self.optional = self.optional or types.NoneType in args
                args = tuple(arg for arg in args if arg is not types.NoneType)
                if len(args) > 1:
                    break
            annotation = next(iter(args))
        self.annotation = annotation
        self.metadata = constraints

    @property
    def model(self) -> type[Settings] | None:
        """Return the block this place holds, if it is one."""
        kind = self.annotation
        return kind if isinstance(kind, type) and issubclass(kind, Settings) else None

    @property
    def kinds(self) -> Mapping[str, type[Settings]]:
        """Return the blocks this place chooses from by their `kind`, if it does."""
        blocks = get_args(self.annotation) if get_origin(self.annotation) in (Union, types.UnionType) else ()
        return {Form(block.model_fields["kind"].annotation).words[0]: block for block in blocks}

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words this place chooses from, if it is a choice."""
        kind = self.annotation
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return tuple(str(word) for word in kind)
        if self.annotation is bool:
            return ("true", "false")
        return get_args(self.annotation) if get_origin(self.annotation) is Literal else ()

    @property
    def is_text(self) -> bool:
        """Return whether this place holds text: free, or one of its words."""
        return self.annotation is str or (bool(self.words) and self.annotation is not bool)

    @property
    def names(self) -> Form | None:
        """Return the form of the names under this place, if a person chooses them."""
        return Form(get_args(self.annotation)[0]) if get_origin(self.annotation) is dict else None

    @property
    def items(self) -> Form | None:
        """Return the form of what a list or a block of names holds, if this is one."""
        origin, args = get_origin(self.annotation), get_args(self.annotation)
        if origin is dict:
            return Form(args[1])
        return Form(args[0]) if origin is tuple else None

    def below(self, part: str | int) -> Form | None:
        """Return the form of what stands under a key or an index; of a choice of blocks, under one of its kinds."""
        if kinds := self.kinds:
            return Form(Literal[*kinds]) if part == KIND else Form(kinds[str(part)]) if part in kinds else None
        if self.model is None:
            return self.items
        field = fields(self.model).get(str(part))
        return None if field is None else of_field(field)

    def describe(self) -> str:
        """Return what is allowed, in words."""
        if self.kinds:
            return f"a block whose kind is {' | '.join(self.kinds)}"
        if self.model is not None:
            return f"a block with {', '.join(fields(self.model))}"
        if self.words:
            return " | ".join(self.words)
        if self.items is not None:
            return _several(self.names, self.items)
        return _bounds(self.metadata) if self.annotation is int else _text(self.metadata)


def _several(names: Form | None, items: Form) -> str:
    if names is None:
        return f"a list, each item {items.describe()}"
    return f"a block of {' | '.join(names.words) or 'names'}, each with {items.describe()}"


def _constraints(metadata: Iterable[object]) -> Iterator[object]:
    for item in metadata:
        yield from item.metadata if isinstance(item, FieldInfo) else (item,)


def _bounds(metadata: Iterable[object]) -> str:
    low = high = above = None
    for item in metadata:
        low = item.ge if isinstance(item, Ge) else low
        high = item.le if isinstance(item, Le) else high
        above = item.gt if isinstance(item, Gt) else above
    if low is not None and high is not None:
        return f"a whole number, {low} to {high}"
    if low is not None:
        return f"a whole number, {low} or more"
    return "a whole number" if above is None else f"a whole number above {above}"


def _text(metadata: Iterable[object]) -> str:
    pattern = next((str(found) for item in metadata if (found := getattr(item, "pattern", None))), "")
    return _PATTERNS.get(pattern, f"text that matches {pattern}") if pattern else "text"


def fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a block's fields by the key a stack file uses."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def of_field(field: FieldInfo) -> Form:
    """Return the form of a field."""
    return Form(field.annotation, field.metadata)


def form_at(path: Path, model: type[Settings] = StackSettings) -> Form | None:
    """Return the form of a place in a stack's settings, or another model's; nothing where there is no such place."""
    form: Form | None = Form(model)
    for part in path:
        form = None if form is None else form.below(part)
    return form


def place(location: Path, model: type[Settings] = StackSettings) -> Path:
    """Return where a person writes what validation locates: without the kinds that it adds to blocks of a kind."""
    path: Path = ()
    form: Form | None = Form(model)
    for part in location:
        if form is None or not form.kinds or part == KIND:
            path = (*path, part)
        form = None if form is None else form.below(part)
    return path


def plain(detail: ErrorDetails) -> ErrorDetails:
    """Return what is wrong with the kind of a block as what would be wrong with any other word."""
    location = (*detail["loc"], KIND)
    if detail["type"] == "union_tag_not_found":
        return {**detail, "type": "missing", "loc": location}
    if detail["type"] == "union_tag_invalid":
        return {**detail, "type": "enum", "loc": location, "input": detail.get("ctx", {}).get("tag")}
    return detail


def homes(key: str, model: type[Settings] = StackSettings, path: Path = ()) -> Iterator[Path]:
    """Yield every place where a key of this very name is at home."""
    for alias, field in fields(model).items():
        here: Path = (*path, alias)
        if alias == key:
            yield here
        form = of_field(field)
        if form.items is not None:
            form, here = form.items, (*here, "NAME")
        for block in (*form.kinds.values(), *([form.model] if form.model is not None else [])):
            yield from homes(key, block, here)
