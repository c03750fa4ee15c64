"""What can be rewritten without asking anybody: names that are gone, functions that do not say who may call them.

Each change means the same to the compiler that the source was for, and is what a newer one asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.services.rewriter.models import Change
from app.solidity.dialect import GONE
from app.solidity.outline import Function, Outline, outline
from app.solidity.source import OutOfTimeError, Source

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    text: str
    what: str


def mend(text: str, seconds: float) -> tuple[str, list[Change]]:
    """Return a source with what the table changes, and the changes; as it was where that takes too long.

    Blocks: call it in a thread.
    """
    source = Source(text, seconds)
    try:
        edits = sorted(_edits(outline(source)), key=lambda edit: edit.start)
    except OutOfTimeError:
        return text, []
    parts: list[bytes] = []
    done = 0
    for edit in edits:
        parts += [source.data[done : edit.start], edit.text.encode()]
        done = edit.end
    parts.append(source.data[done:])
    changes = [Change(line=source.place_at(edit.start).line, what=edit.what, origin="table") for edit in edits]
    return b"".join(parts).decode(), changes


def signatures(text: str, seconds: float) -> set[str]:
    """Return what others can call of a source, as `Contract.function(types)`, and the contracts themselves.

    Raises:
        ValueError: it is no Solidity, or takes too long to read; the text says so.
    """
    source = Source(text, seconds)
    try:
        if source.root.has_error:
            fault = source.faults()[0]
            raise ValueError(f"writes what is no Solidity in line {fault.place.line}")
        found = outline(source)
    except OutOfTimeError:
        raise ValueError("writes what takes too long to read") from None
    callable_ = {_signature(each) for each in found.functions if each.kind == "function" and each.is_open}
    return callable_ | {contract.name for contract in found.contracts}


def _signature(function: Function) -> str:
    types = ",".join(parameter.type for parameter in function.parameters.values())
    return f"{function.contract.name if function.contract else ''}.{function.name}({types})"


def _edits(found: Outline) -> Iterator[_Edit]:
    for function in found.functions:
        found.source.check_time()
        for use in function.body.uses:
            known = use.text in function.body.locals or use.text in function.parameters or use.text in function.states
            if use.text in GONE and not known:
                new = GONE[use.text]
                yield _Edit(use.node.start_byte, use.node.end_byte, new, f"`{use.text}` is `{new}` today.")
        yield from _visibility(function)


def _visibility(function: Function) -> Iterator[_Edit]:
    contract = function.contract
    if function.kind != "function" or function.visibility or contract is None or contract.kind == "interface":
        return
    end = _after_parameters(function.node)
    if end is not None:
        yield _Edit(end, end, " public", f"`{function.name}` says that it is public.")


def _after_parameters(node: Node) -> int | None:
    return next((child.end_byte for child in node.children if child.type == ")"), None)
