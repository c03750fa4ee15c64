"""Faults on request: what goes wrong, where, and at which call. Rules live in the account, so every process obeys."""

from __future__ import annotations

import fnmatch
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from sandbox.control.account import Account
from sandbox.control.errors import Refusal

Operation = Literal["check", "diff", "create", "read", "update", "delete"]
Kind = Literal["fail", "throttle", "timeout", "hang", "exit", "fail-after", "exit-after"]
OPERATIONS: tuple[str, ...] = get_args(Operation)
KINDS: tuple[str, ...] = get_args(Kind)
EXIT_CODE = 70


@dataclass(frozen=True)
class Rule:
    """A fault: at the `nth` matching call (0 = at every one), for types that match a glob such as `aws:lb/*`."""

    type: str
    operation: str
    kind: str
    nth: int = 1
    seconds: float = 0
    message: str = ""
    number: int = 0
    seen: int = 0


def add(account: Account, rule: Rule) -> Rule:
    """Add a rule and return it with its number."""
    if rule.operation not in OPERATIONS or rule.kind not in KINDS:
        message = (
            f"No such fault: {rule.operation} {rule.kind}. Operations are {', '.join(OPERATIONS)}; "
            f"kinds are {', '.join(KINDS)}."
        )
        raise Refusal(message)
    return insert(account, rule)


def insert(account: Account, rule: Rule) -> Rule:
    """Keep a rule of any kind and return it with its number."""
    with account.store.transaction() as connection:
        cursor = connection.execute(
            "INSERT INTO faults (type, operation, nth, kind, seconds, message) VALUES (?, ?, ?, ?, ?, ?)",
            (rule.type, rule.operation, rule.nth, rule.kind, rule.seconds, rule.message),
        )
        number = cursor.lastrowid or 0
    return Rule(rule.type, rule.operation, rule.kind, rule.nth, rule.seconds, rule.message, number)


def rules(account: Account) -> list[Rule]:
    """Return every rule with the number of calls it has seen."""
    rows = account.store.query("SELECT * FROM faults ORDER BY number")
    names = ("type", "operation", "kind", "nth", "seconds", "message", "number", "seen")
    return [Rule(*(row[name] for name in names)) for row in rows]


def count(account: Account, rule: Rule) -> None:
    """Note that a call has met a rule."""
    with account.store.transaction() as connection:
        connection.execute("UPDATE faults SET seen = seen + 1 WHERE number = ?", (rule.number,))


def clear(account: Account, number: int | None = None) -> int:
    """Remove the rule with a number, or every one; return how many there were."""
    with account.store.transaction() as connection:
        chosen = ("DELETE FROM faults", ()) if number is None else ("DELETE FROM faults WHERE number = ?", (number,))
        return connection.execute(*chosen).rowcount


def due(account: Account, kind: str, operation: Operation) -> Rule | None:
    """Count a call and return the rule that strikes it, if any."""
    if not account.store.query("SELECT 1 FROM faults WHERE operation = ? LIMIT 1", operation):
        return None
    struck: Rule | None = None
    with account.store.transaction() as connection:
        for rule in rules(account):
            if rule.operation == operation and fnmatch.fnmatchcase(kind, rule.type):
                connection.execute("UPDATE faults SET seen = seen + 1 WHERE number = ?", (rule.number,))
                if struck is None and rule.nth in {0, rule.seen + 1}:
                    struck = rule
    return struck


def strike_before(rule: Rule | None, doing: str, active: Callable[[], bool]) -> None:
    """Let a fault strike before the operation has done anything."""
    if rule is None:
        return
    if rule.kind == "exit":
        os._exit(EXIT_CODE)
    if rule.kind == "hang" and not _wait(rule.seconds, active):
        message = f"{doing}: context canceled"
        raise Refusal(message)
    if rule.kind == "timeout":
        _wait(rule.seconds, active)
        message = rule.message or f"{doing}: exceeded maximum number of attempts, 25, context deadline exceeded"
        raise Refusal(message)
    if rule.kind == "throttle":
        refused = "https response error StatusCode: 400, api error ThrottlingException: Rate exceeded"
        message = rule.message or f"{doing}: exceeded maximum number of attempts, 25, {refused}"
        raise Refusal(message)
    if rule.kind == "fail":
        raise Refusal(rule.message or f"{doing}: https response error StatusCode: 500, api error {_INTERNAL}")


def strike_after(rule: Rule | None, doing: str) -> str | None:
    """Let a fault strike when the operation is done; returns what the answer says went wrong."""
    if rule is not None and rule.kind == "exit-after":
        os._exit(EXIT_CODE)
    if rule is not None and rule.kind == "fail-after":
        return rule.message or f"waiting for completion: {doing}: unexpected state 'failed', api error {_INTERNAL}"
    return None


_INTERNAL = "InternalFailure: We encountered an internal error. Please try again."


def _wait(seconds: float, active: Callable[[], bool]) -> bool:
    """Wait, but no longer than someone waits for the answer; tell whether it was all the time."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if not active():
            return False
        time.sleep(min(left, 0.1))
    return True
