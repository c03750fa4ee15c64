"""Calls to what somebody else wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.services.contracts.rules.base import Rule, is_guarded, is_locked, per_function, swc
from app.solidity.body import Call
from app.solidity.outline import Function

if TYPE_CHECKING:
    from tree_sitter import Node

_INTERFACE = re.compile(r"^I[A-Z]\w*$")
_TOKENS = {"transfer": 2, "transferFrom": 3}
_BUILT_IN = frozenset({"abi", "block", "msg", "tx", "super", "this", "type", "string", "bytes"})


def leaves(function: Function, call: Call) -> bool:
    """Tell whether a call runs code of another contract with gas enough to come back."""
    if call.is_low_level:
        return call.name != "staticcall"
    if call.object is None or call.root in _BUILT_IN or call.pays:
        return False
    if call.object.type == "call_expression":
        return bool(_INTERFACE.match(call.root)) or call.root in _contracts(function)
    type_of = _type(function, call.root)
    return bool(_INTERFACE.match(type_of)) or type_of in _contracts(function)


def _type(function: Function, name: str) -> str:
    declared = function.body.locals.get(name)
    if declared is not None:
        return function.source.text(declared.child_by_field_name("type"))
    known = function.parameters.get(name) or function.states.get(name)
    return known.type if known else ""


def _contracts(function: Function) -> set[str]:
    own = function.contract
    return {own.name, *(parent.name for parent in own.parents)} if own else set()


def _reentrancy(function: Function) -> Iterator[tuple[Node, str]]:
    if is_locked(function) or function.kind == "constructor" or function.reads_only:
        return
    writes = [write for write in function.body.writes if write.is_state]
    for call in function.body.calls:
        if not leaves(function, call):
            continue
        later = next((write for write in writes if write.node.end_byte > call.node.end_byte), None)
        if later is not None:
            line = function.source.place(later.node).line
            yield call.node, f"`{later.root}` is written in line {line}, after this call of `{call.name}`."
            return


def _dropped(function: Function) -> Iterator[tuple[Node, str]]:
    for call in function.body.calls:
        if call.is_dropped and (call.is_low_level or (call.name == "send" and call.pays)):
            yield call.node, f"What `{call.name}` returns is not looked at: a call that failed goes unnoticed."


def _dropped_transfer(function: Function) -> Iterator[tuple[Node, str]]:
    for call in function.body.calls:
        if call.is_dropped and call.object is not None and _TOKENS.get(call.name) == len(call.arguments):
            yield call.node, f"What `{call.name}` of the token returns is not looked at; some tokens return false."


def _delegatecall(function: Function) -> Iterator[tuple[Node, str]]:
    for call in function.body.calls:
        if call.name in {"delegatecall", "callcode"} and call.root in function.parameters and function.is_open:
            yield call.node, f"The code of `{call.root}`, which the caller chooses, runs with this contract's storage."


def _selfdestruct(function: Function) -> Iterator[tuple[Node, str]]:
    if function.is_open and not is_guarded(function):
        for call in function.body.calls:
            if call.object is None and call.name in {"selfdestruct", "suicide"}:
                yield (
                    call.node,
                    f"Anybody can call `{function.name or function.kind}`, which takes the contract's Ether.",
                )


def _call_in_loop(function: Function) -> Iterator[tuple[Node, str]]:
    for call in function.body.calls:
        if call.in_loop and (call.pays or leaves(function, call)):
            yield call.node, f"`{call.name}` is called in a loop: one receiver that fails stops all of them."


def _stipend(function: Function) -> Iterator[tuple[Node, str]]:
    for call in function.body.calls:
        if call.pays and not call.in_loop:
            yield call.node, f"`{call.name}` forwards 2300 gas, which a contract that receives Ether may not live on."


RULES = (
    Rule(
        "reentrancy",
        "high",
        "State is written after an external call",
        "Write the state before the call, or guard the function with a lock such as nonReentrant.",
        swc(107),
        per_function(_reentrancy),
    ),
    Rule(
        "unchecked-call",
        "medium",
        "The result of a low-level call is dropped",
        "Require that the call succeeded.",
        swc(104),
        per_function(_dropped),
    ),
    Rule(
        "unchecked-transfer",
        "medium",
        "The result of a token transfer is dropped",
        "Use SafeERC20, or require the result.",
        swc(104),
        per_function(_dropped_transfer),
    ),
    Rule(
        "delegatecall-to-argument",
        "critical",
        "Code that the caller chooses runs as this contract",
        "Call an address that is fixed or comes from a list the owner keeps.",
        swc(112),
        per_function(_delegatecall),
    ),
    Rule(
        "unprotected-selfdestruct",
        "critical",
        "Anybody can destroy the contract",
        "Let only the owner do it, or leave it out: since Cancun it no longer removes the code.",
        swc(106),
        per_function(_selfdestruct),
    ),
    Rule(
        "call-in-loop",
        "low",
        "External calls in a loop",
        "Let each receiver withdraw what is theirs.",
        swc(113),
        per_function(_call_in_loop),
    ),
    Rule(
        "fixed-gas",
        "info",
        "Ether is sent with a fixed amount of gas",
        'Use call{value: …}("") with the state written before, and require its result.',
        swc(134),
        per_function(_stipend),
    ),
)
