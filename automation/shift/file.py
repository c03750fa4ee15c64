"""Edits of a stack file that commands make: a few lines change, every other line stays as it is, byte for byte."""

from __future__ import annotations

import difflib
import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from automation.errors import UserError
from stacks.keys import dotted
from stacks.settings import Compute, Mode, ServiceSettings, StackSettings

_WIDTH = 1_000_000


def with_weights(text: str, settings: StackSettings, weights: Mapping[str, Mapping[Compute, int]], step: int) -> str:
    """Return a stack file's text with the shift of some services at a step."""

    def edit(config: CommentedMap) -> None:
        services = _services(config, settings)
        for name, shares in weights.items():
            if not services.get(name):
                services[name] = CommentedMap()
            shift = _block(_block(services, name), "shift")
            shift["step"] = step
            _set_shares(_block(shift, "weights"), shares)

    return _edited(text, edit)


def with_computes(
    text: str, settings: StackSettings, computes: Mapping[str, Compute], *, stack: Compute | None = None
) -> str:
    """Return a stack file's text without the shift of some services, each of which runs on one compute from now on.

    With `stack`, the stack's own mode names that compute; what a service says otherwise is its own.
    """

    def edit(config: CommentedMap) -> None:
        mode = settings.mode if stack is None else _mode(stack)
        container = settings.container.compute if stack is None or stack is Compute.LAMBDA else stack
        if mode is not settings.mode:
            config[_key(config, "mode")] = mode.value
        if container is not settings.container.compute:
            _block(config, _key(config, "container"))["compute"] = container.value
        key = _key(config, "services")
        blocks = _services(config, settings)
        for name, compute in computes.items():
            _name(_block(blocks, name), settings.services[name], compute, mode, container)
        if _says_nothing(blocks, settings):
            del config[key]

    return _edited(text, edit)


def with_release(text: str, version: str, images: Mapping[str, str]) -> str:
    """Return a stack file's text that names an earlier version; without a version, one that names none."""

    def edit(config: CommentedMap) -> None:
        key = _key(config, "release")
        config.pop(key, None)
        if version:
            pinned = {"images": CommentedMap(images)} if images else {}
            config[key] = CommentedMap({"version": version, **pinned})

    return _edited(text, edit)


def with_images(text: str, settings: StackSettings, other: Callable[[str | None], str]) -> str:
    """Return a stack file's text in which the stack, and each service that names one of its own, has another image."""

    def edit(config: CommentedMap) -> None:
        config[_key(config, "image")] = other(settings.image)
        for name, service in settings.services.items():
            if service.image is not None:
                _block(_services(config, settings), name)["image"] = other(service.image)

    return _edited(text, edit)


def with_restore(text: str, settings: StackSettings, place: tuple[str, str], name: str, at: str) -> str:
    """Return a stack file's text that takes a database, a link of a service, back to a moment."""
    service, link = place

    def edit(config: CommentedMap) -> None:
        block = _block(_block(_block(_services(config, settings), service), "links"), link)
        # In quotes: YAML would read a time, and the engine takes none.
        restore = CommentedMap({"name": name, "at": DoubleQuotedScalarString(at)})
        restore.fa.set_flow_style()
        block["restores"] = CommentedSeq([*(block.get("restores") or ()), restore])
        if block.fa.flow_style():
            block["restores"].fa.set_flow_style()

    return _edited(text, edit)


def write(path: Path, text: str) -> None:
    """Put a text in the place of a file in one step: whoever reads, and whatever is killed, it is there in full."""
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    shutil.copymode(path, temporary)
    temporary.replace(path)


def read(path: Path) -> str:
    """Return a file's text with its line ends as they are."""
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _name(block: CommentedMap, own: ServiceSettings, compute: Compute, mode: Mode, container: Compute) -> None:
    """Name one compute for a service, with as few words as that takes beside what the stack says for all."""
    block.pop("shift", None)
    if (own.mode or mode) is not _mode(compute):
        block["mode"] = _mode(compute).value
    implied = Compute.LAMBDA if compute is Compute.LAMBDA else container
    if implied is not compute:
        block["compute"] = compute.value
    elif own.compute not in {None, compute}:
        block.pop("compute")


def _mode(compute: Compute) -> Mode:
    return Mode.SERVERLESS if compute is Compute.LAMBDA else Mode.CONTAINER


def _set_shares(block: CommentedMap, shares: Mapping[Compute, int]) -> None:
    for gone in [name for name in block if name not in {compute.value for compute in shares}]:
        del block[gone]
    for compute, share in shares.items():
        block[compute.value] = share


def _services(config: CommentedMap, settings: StackSettings) -> CommentedMap:
    """Return the block of services; made new it lists all, since a file that lists services has exactly those."""
    key = _key(config, "services")
    if key not in config:
        config[key] = CommentedMap({name: _flow() for name in settings.services})
    return _block(config, key)


def _says_nothing(blocks: CommentedMap, settings: StackSettings) -> bool:
    """Tell whether the services are listed as the library lists them, and nothing is said of any."""
    library = StackSettings(environment=settings.environment).services
    return not any(blocks.values()) and blocks.keys() <= library.keys() == settings.services.keys()


def _block(parent: CommentedMap, key: str) -> CommentedMap:
    """Return the block at a key, made when there is none.

    Raises:
        UserError: something else stands there.
    """
    value = parent.get(key)
    if value is None:
        value = parent[key] = _flow()
    if not isinstance(value, CommentedMap):
        raise UserError(
            f"{key} in the stack file is written as text, so that no command can edit it.",
            hint="Write it as a block of keys; docs/settings.md shows each.",
        )
    return value


def _flow() -> CommentedMap:
    block = CommentedMap()
    block.fa.set_flow_style()
    return block


def _key(config: CommentedMap, name: str) -> str:
    """Return how a file writes a setting of the stack: with the project's name in front, or without."""
    return name if name in config else dotted((name,))


def _edited(text: str, edit: Callable[[CommentedMap], None]) -> str:
    """Return a text after an edit of its config."""
    ends = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace(ends, "\n").splitlines(keepends=True)
    if unended := bool(lines) and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = _WIDTH, True
    document: Any = yaml.load("".join(lines)) or CommentedMap()
    if isinstance(config := document.get("config"), CommentedMap) and not config.fa.flow_style():
        yaml.indent(mapping=config.lc.col, sequence=config.lc.col + 2, offset=config.lc.col)
    before = _dumped(yaml, document)
    edit(_block(document, "config"))
    after = _dumped(yaml, document)
    result = "".join(_spliced(lines, before, after))
    return (result.removesuffix("\n") if unended else result).replace("\n", ends)


def _dumped(yaml: YAML, document: CommentedMap) -> list[str]:
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue().splitlines(keepends=True)


def _spliced(lines: Sequence[str], before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return `lines` with the changes that lead from `before` to `after`; `before` are they in another layout."""
    places = _places(lines, before)
    result: list[str] = []
    taken = 0
    for tag, start, end, first, last in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        # Where lines were joined or parted there is no line that answers: go to the next that has one.
        low = next(index for index in range(start, -1, -1) if places[index] is not None)
        high = next(index for index in range(end, len(places)) if places[index] is not None)
        fresh = [*before[low:start], *after[first:last], *before[end:high]]
        here, there = places[low] or 0, places[high] or 0
        result += lines[taken:here]
        result += _with_remarks(lines[here:there], fresh)
        taken = max(taken, there)
    return [*result, *lines[taken:]]


def _with_remarks(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return new lines, and of the old ones the comments and gaps, which no edit is about."""
    remarks = [line for line in old if not line.strip() or line.lstrip().startswith("#")]
    return [*new, *(line for line in remarks if line not in new)]


def _places(lines: Sequence[str], before: Sequence[str]) -> list[int | None]:
    """Return for each line of `before`, and for its end, the index of the same line in `lines`, if there is one."""
    places: list[int | None] = [None] * (len(before) + 1)
    bare, also = (["".join(line.split()) for line in one] for one in (lines, before))
    for _, start, end, first, last in difflib.SequenceMatcher(None, bare, also, autojunk=False).get_opcodes():
        if end - start == last - first:
            places[first:last] = range(start, end)
        elif first < last:
            places[first] = start
    places[-1] = len(lines)
    return places
