"""Who may do what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.services.contracts.rules.base import Found, Rule, is_guarded, is_once, per_function, swc
from app.solidity.outline import Function, Outline

if TYPE_CHECKING:
    from tree_sitter import Node

_INITIALIZER = re.compile(r"^_*(init|initialize|setup)(_unchained|V\d+)?$|^__\w+_init$", re.IGNORECASE)
_PRIVILEGED = re.compile(
    r"^_?(owner|admin|governor|governance|implementation|minter|operator|treasury|oracle|paused|logic)$", re.IGNORECASE
)
_MINTS = frozenset({"_mint", "_burn", "_upgradeTo", "_setImplementation", "_transferOwnership", "_grantRole"})


def _tx_origin(function: Function) -> Iterator[tuple[Node, str]]:
    for operation in function.body.operations:
        if operation.operator not in {"==", "!="}:
            continue
        sides = {function.source.text(operation.left), function.source.text(operation.right)}
        # Compared with the caller it tells accounts from contracts, which is no question of rights.
        if "tx.origin" in sides and "msg.sender" not in sides:
            yield operation.node, "Whoever gets the owner to call any contract of theirs passes this check."


def _initializer(function: Function) -> Iterator[tuple[Node, str]]:
    writes = any(write.is_state for write in function.body.writes)
    if not (function.is_open and function.kind == "function" and writes and _INITIALIZER.match(function.name)):
        return
    if not is_guarded(function) and not is_once(function) and not _tells_first(function):
        yield function.node, f"Anybody can call `{function.name}`, and again after it was called."


def _tells_first(function: Function) -> bool:
    """Tell whether a function reads a flag such as `initialized`."""
    return any(re.search("initiali[sz]ed", use.text, re.IGNORECASE) for use in function.body.uses)


def _missing(function: Function) -> Iterator[tuple[Node, str]]:
    if not function.is_open or function.reads_only or _INITIALIZER.match(function.name):
        return
    name = function.name or function.kind
    found = next(_sensitive(function), None)
    if found is not None and not is_guarded(function) and not is_once(function):
        yield found[0], f"Anybody can call `{name}`, which {found[1]}."


def _sensitive(function: Function) -> Iterator[tuple[Node, str]]:
    for write in function.body.writes:
        if write.is_state and _PRIVILEGED.match(write.root):
            yield write.node, f"sets `{write.root}`"
    for call in function.body.calls:
        if call.object is None and call.name in _MINTS:
            yield call.node, f"calls `{call.name}`"
        if call.pays or (call.name == "call" and call.sends_value):
            amount = function.source.text(call.arguments[0] if call.pays else call.node)
            if "address(this).balance" in amount or "this.balance" in amount:
                yield call.node, "sends all Ether that the contract has"


def _visibility(outline: Outline) -> Iterator[Found]:
    for contract in outline.contracts:
        if contract.kind == "interface":
            continue
        for function in contract.functions:
            # A constructor needs none since 0.7, and before that one without was public all the same.
            if function.kind == "function" and not function.visibility and function.name:
                yield Found(function.node, f"`{function.name}` says nothing and is public.", function)


def _state_visibility(outline: Outline) -> Iterator[Found]:
    for contract in outline.contracts:
        for variable in contract.variables.values():
            if not variable.visibility:
                yield Found(variable.node, f"`{variable.name}` says nothing and is internal.")


RULES = (
    Rule(
        "tx-origin",
        "high",
        "tx.origin decides who may do something",
        "Compare msg.sender instead.",
        swc(115),
        per_function(_tx_origin),
    ),
    Rule(
        "unprotected-initializer",
        "high",
        "An initializer can be called by anybody",
        "Use the modifier initializer, or require that it runs once and by the deployer.",
        swc(105),
        per_function(_initializer),
    ),
    Rule(
        "missing-access-control",
        "high",
        "A sensitive function asks nobody who they are",
        "Let only the owner or a role call it.",
        swc(105),
        per_function(_missing),
    ),
    Rule(
        "default-visibility",
        "high",
        "A function without a visibility is public",
        "Say external, public, internal or private.",
        swc(100),
        _visibility,
    ),
    Rule(
        "default-state-visibility",
        "info",
        "A state variable does not say its visibility",
        "Say public, internal or private.",
        swc(108),
        _state_visibility,
    ),
)
