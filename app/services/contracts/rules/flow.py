"""What a function may cost or keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.services.contracts.rules.base import Found, Rule, per_function, swc
from app.solidity.outline import Contract, Function, Outline

if TYPE_CHECKING:
    from tree_sitter import Node


def _loop(function: Function) -> Iterator[tuple[Node, str]]:
    for loop in function.body.loops:
        for use in function.body.uses_in(loop.child_by_field_name("condition")):
            name, _, member = use.text.partition(".")
            if member == "length" and name in function.states and function.body.names_state(name):
                yield loop, f"The loop runs once for each entry of `{name}`; when it has grown, no block has the gas."
                break


def _value_in_loop(function: Function) -> Iterator[tuple[Node, str]]:
    for use in function.body.uses:
        if use.in_loop and use.text == "msg.value":
            yield use.node, "The caller pays once and it counts in every round."
            return


def _locked(outline: Outline) -> Iterator[Found]:
    for contract in outline.contracts:
        payable = [each for each in contract.functions if each.mutability == "payable" and each.kind != "constructor"]
        if contract.kind == "contract" and contract.is_whole and payable and not _can_send(contract):
            name = payable[0].name or payable[0].kind
            yield Found(
                payable[0].node, f"`{name}` takes Ether and nothing in `{contract.name}` sends any.", payable[0]
            )


def _can_send(contract: Contract) -> bool:
    for each in (contract, *contract.parents):
        for function in each.functions:
            body = function.body
            if body.assemblies or body.is_cut:
                return True
            for call in body.calls:
                if (
                    call.sends_value
                    or call.pays
                    or call.name in {"selfdestruct", "suicide", "delegatecall", "sendValue"}
                ):
                    return True
    return False


def _assembly(function: Function) -> Iterator[tuple[Node, str]]:
    for node in function.body.assemblies:
        yield node, "The compiler checks no types, bounds or overflows here."


RULES = (
    Rule(
        "unbounded-loop",
        "medium",
        "A loop over a stored array",
        "Go through it in parts, or keep totals instead.",
        swc(128),
        per_function(_loop),
    ),
    Rule(
        "value-in-loop",
        "high",
        "msg.value is used in a loop",
        "Add up what is spent and compare it with msg.value once.",
        "https://docs.soliditylang.org/en/latest/security-considerations.html",
        per_function(_value_in_loop),
    ),
    Rule(
        "locked-ether",
        "medium",
        "Ether can come in and never go out",
        "Add a withdrawal, or take payable away.",
        swc(132),
        _locked,
    ),
    Rule(
        "assembly",
        "info",
        "Inline assembly",
        "Keep it short and say why it is needed.",
        "https://docs.soliditylang.org/en/latest/assembly.html",
        per_function(_assembly),
    ),
)
