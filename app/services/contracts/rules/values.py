"""Values that are not what they seem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.services.contracts.rules.base import Rule, per_function, swc
from app.solidity.outline import Function

if TYPE_CHECKING:
    from tree_sitter import Node

_PREDICTABLE = frozenset(
    "block.timestamp block.difficulty block.prevrandao block.number block.coinbase block.gaslimit blockhash now".split()
)
_CLOCK = frozenset({"block.timestamp", "now"})
_BALANCE = frozenset({"address(this).balance", "this.balance"})
_ZERO = ("address(0)", "address(0x0)", "0x0")
_DYNAMIC = re.compile(r"^(string|bytes)$|\[\]$")


def _within(function: Function, node: Node, names: frozenset[str]) -> str:
    """Return the first of some names that is read in a node."""
    found = (use.text for use in function.body.uses_in(node) if use.text in names)
    return next((name for name in found if not _hidden(function, name)), "")


def _hidden(function: Function, name: str) -> bool:
    return name in function.body.locals or name in function.parameters


def _randomness(function: Function) -> Iterator[tuple[Node, str]]:
    for call in function.body.calls:
        if call.object is None and call.name in {"keccak256", "sha256", "sha3"}:
            name = _within(function, call.node, _PREDICTABLE)
            if name:
                yield call.node, f"`{name}` is known or chosen by whoever makes the block."
    for operation in function.body.operations:
        if operation.operator == "%" and operation.left is not None:
            name = _within(function, operation.left, _PREDICTABLE - {"block.number"})
            if name and not _hashed(function, operation.left):
                yield operation.node, f"`{name}` is known or chosen by whoever makes the block."


def _hashed(function: Function, node: Node) -> bool:
    return bool(_within(function, node, frozenset({"keccak256", "sha256", "sha3"})))


def _timestamp(function: Function) -> Iterator[tuple[Node, str]]:
    for operation in function.body.operations:
        sides = {function.source.text(operation.left), function.source.text(operation.right)}
        if operation.operator in {"==", "!="} and sides & _CLOCK:
            yield operation.node, "A block is rarely made in the very second, and its maker may shift it."


def _balance(function: Function) -> Iterator[tuple[Node, str]]:
    for operation in function.body.operations:
        sides = {function.source.text(operation.left), function.source.text(operation.right)}
        if operation.operator in {"==", "!="} and sides & _BALANCE:
            yield operation.node, "Anybody can send Ether here against the contract's will and break this comparison."


def _collision(function: Function) -> Iterator[tuple[Node, str]]:
    for call in function.body.calls:
        if call.name != "encodePacked" or call.root != "abi":
            continue
        names = [function.source.text(argument) for argument in call.arguments]
        dynamic = [name for name in names if name in function.parameters and _is_dynamic(function, name)]
        if len(dynamic) > 1:
            yield call.node, f"`{dynamic[0]}` and `{dynamic[1]}` can be cut elsewhere and give the same hash."


def _is_dynamic(function: Function, name: str) -> bool:
    return bool(_DYNAMIC.search(function.parameters[name].type))


def _ecrecover(function: Function) -> Iterator[tuple[Node, str]]:
    for call in function.body.calls:
        if call.object is None and call.name == "ecrecover" and not function.body.compares(*_ZERO):
            yield call.node, "A signature that is none recovers to address(0), which is not refused here."


def _zero(function: Function) -> Iterator[tuple[Node, str]]:
    if not (function.is_open or function.kind == "constructor") or function.body.compares(*_ZERO):
        return
    checked = {function.source.text(each) for call in function.body.calls for each in call.arguments if call.is_dropped}
    for write in function.body.writes:
        name = function.source.text(write.value) if write.is_state else ""
        known = function.parameters.get(name)
        kept = function.states.get(write.root)
        plain = kept is not None and kept.type.startswith("address") and not kept.is_array
        if known is not None and known.type.startswith("address") and plain and name not in checked:
            yield write.node, f"`{write.root}` can be set to address(0) by `{name}`."


def _division(function: Function) -> Iterator[tuple[Node, str]]:
    for operation in function.body.operations:
        left = operation.left
        if operation.operator == "*" and left is not None and left.type == "binary_expression":
            operator = function.source.text(left.child_by_field_name("operator"))
            if operator == "/":
                yield operation.node, "The division rounds down first, and the error is multiplied."


RULES = (
    Rule(
        "weak-randomness",
        "high",
        "A block's properties are used as randomness",
        "Use a verifiable random function, or commit and reveal.",
        swc(120),
        per_function(_randomness),
    ),
    Rule(
        "timestamp-equality",
        "low",
        "The time is compared for equality",
        "Compare with < or >.",
        swc(116),
        per_function(_timestamp),
    ),
    Rule(
        "strict-balance",
        "medium",
        "The contract's balance is compared for equality",
        "Count what was paid in yourself, or compare with < or >.",
        swc(132),
        per_function(_balance),
    ),
    Rule(
        "hash-collision",
        "medium",
        "Several values of any length are packed before they are hashed",
        "Use abi.encode.",
        swc(133),
        per_function(_collision),
    ),
    Rule(
        "unchecked-ecrecover",
        "medium",
        "ecrecover may return the zero address",
        "Require that the signer is not address(0), or use a library that also refuses malleable signatures.",
        swc(117),
        per_function(_ecrecover),
    ),
    Rule(
        "missing-zero-check",
        "low",
        "An address is stored without a look at it",
        "Require that it is not address(0).",
        "https://docs.soliditylang.org/en/latest/style-guide.html",
        per_function(_zero),
    ),
    Rule(
        "division-first",
        "low",
        "A division comes before a multiplication",
        "Multiply first.",
        swc(101),
        per_function(_division),
    ),
)
