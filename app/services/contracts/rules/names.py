"""Names that mean something else than a reader thinks, or that are gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.services.contracts.rules.base import Found, Rule, per_function, swc
from app.solidity.dialect import GONE
from app.solidity.outline import Function, Outline

if TYPE_CHECKING:
    from tree_sitter import Node

_TURNING = {"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"}


def _deprecated(function: Function) -> Iterator[tuple[Node, str]]:
    body = function.body
    for use in body.uses:
        if use.text in GONE and use.text not in body.locals and use.text not in function.parameters:
            yield use.node, f"`{use.text}` is called `{GONE[use.text]}` today."
    for call in body.calls:
        if call.object is not None and call.name == "callcode":
            yield call.node, "`callcode` is gone; `delegatecall` is what is left."


def _shadowing(outline: Outline) -> Iterator[Found]:
    for contract in outline.contracts:
        inherited = {name for parent in contract.parents for name in parent.variables}
        for name, variable in contract.variables.items():
            if name in inherited:
                yield Found(variable.node, f"`{name}` is a variable of an ancestor too; there are two of them now.")
        for function in contract.functions:
            # Parameters of a constructor are called like what they set, by custom.
            hidden = {} if function.kind == "constructor" else {k: v.node for k, v in function.parameters.items()}
            for name, node in (hidden | function.body.locals).items():
                if name in contract.all_variables:
                    yield Found(node, f"`{name}` hides the state variable of that name.", function)


def _constructor(outline: Outline) -> Iterator[Found]:
    for contract in outline.contracts:
        for function in contract.functions:
            if function.kind == "function" and function.name in {contract.name, "constructor"}:
                detail = f"`function {function.name}` is no constructor: anybody can call it."
                yield Found(function.node, detail, function)


def _turned(outline: Outline) -> Iterator[Found]:
    data = outline.source.data
    for mark in sorted(_TURNING):
        at = data.find(mark.encode())
        if at >= 0:
            node = outline.source.root.descendant_for_byte_range(at, at)
            if node is not None:
                yield Found(node, f"The character U+{ord(mark):04X} makes the text look other than it is.")


RULES = (
    Rule(
        "deprecated-name",
        "low",
        "A name that the language has given up",
        "Use what took its place.",
        swc(111),
        per_function(_deprecated),
    ),
    Rule(
        "shadowing",
        "medium",
        "A name hides a state variable",
        "Give it another name.",
        swc(119),
        _shadowing,
    ),
    Rule(
        "not-a-constructor",
        "critical",
        "What looks like a constructor is a function",
        "Write constructor() without the word function.",
        swc(118),
        _constructor,
    ),
    Rule(
        "turned-text",
        "critical",
        "Hidden characters turn the direction of the text",
        "Take the character out and read again.",
        swc(130),
        _turned,
    ),
)
