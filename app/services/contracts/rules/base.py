"""What a rule is, and what several of them ask."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from app.solidity.outline import Function, Outline

if TYPE_CHECKING:
    from tree_sitter import Node

Severity = Literal["critical", "high", "medium", "low", "info"]

_GUARD = re.compile(r"only|auth|owner|admin|role|governance|guardian|restricted|permission", re.IGNORECASE)
_ONCE = re.compile(r"initializer", re.IGNORECASE)
_LOCK = re.compile(r"reentran|^(no)?lock|mutex", re.IGNORECASE)
_CHECK = re.compile(
    r"^_?(check|only|auth|enforce|require|assert|verify).*(owner|role|admin|auth|sender|gov|can)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Found:
    """A place that breaks a rule; `detail` says what stands there."""

    node: Node
    detail: str
    function: Function | None = None


Search = Callable[[Outline], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A weakness to look for."""

    id: str
    severity: Severity
    title: str
    advice: str
    reference: str
    search: Search

    def text(self) -> str:
        """Return what the rule says, for what depends on its words."""
        return f"{self.id} {self.severity} {self.title} {self.advice}"


def swc(number: int) -> str:
    """Return the page of a weakness in the Smart Contract Weakness Classification."""
    return f"https://swcregistry.io/docs/SWC-{number}"


def per_function(search: Callable[[Function], Iterator[tuple[Node, str]]]) -> Search:
    """Return a search that looks at each function with a body."""

    def searched(outline: Outline) -> Iterator[Found]:
        for function in outline.functions:
            outline.source.check_time()
            if function.is_implemented:
                for node, detail in search(function):
                    yield Found(node, detail, function)

    return searched


def is_guarded(function: Function) -> bool:
    """Tell whether a function asks who calls it, itself, by a modifier or by a function of the same contract."""
    contract = function.contract
    known = contract.modifiers if contract else {}
    for name in function.modifiers:
        modifier = known.get(name)
        if modifier is None and contract is not None and name in contract.bases:
            continue
        if _GUARD.search(name) or (modifier is not None and _checks(modifier)):
            return True
    return _checks(function)


def is_once(function: Function) -> bool:
    """Tell whether a function can run one time only, by a modifier that is called so."""
    return any(_ONCE.search(name) for name in function.modifiers)


def is_locked(function: Function) -> bool:
    """Tell whether a function cannot be entered again before it ends."""
    return any(_LOCK.search(name) for name in function.modifiers)


def _checks(function: Function) -> bool:
    body = function.body
    if body.checks_sender:
        return True
    called = {call.name for call in body.calls if call.object is None}
    if any(_CHECK.search(name) for name in called):
        return True
    siblings = function.contract.functions if function.contract else []
    return any(each.name in called and each.kind == "function" and each.body.checks_sender for each in siblings)
