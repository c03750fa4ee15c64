"""Faults on request, as those that run workloads ask for them. Their rules lie beside the engine's faults.

A rule's `operation` is `run`; its `kind` says what goes wrong, its `type` is a glob for the logical name of what it is
about, and it holds until it is removed. A `kill` is over when it has been done.
"""

from __future__ import annotations

import fnmatch
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final, Literal, get_args

from sandbox.control import faults
from sandbox.control.account import Account, Resource
from sandbox.control.errors import Refusal
from sandbox.workloads.snapshot import name_of

Kind = Literal["kill", "zone", "delay", "throttle", "credentials"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
OPERATION: Final = "run"
MOST_SECONDS: Final = 900
SERVICES: Final = frozenset({"dynamodb", "s3", "secretsmanager", "sns", "sqs"})
"""Data services of AWS, which go by their names."""


def ask(account: Account, kind: str, subject: str, seconds: float = 0) -> faults.Rule:
    """Ask for a fault.

    Args:
        account: Where.
        kind: `kill` one process of what goes by a logical name; let the `zone` fail; `delay` answers; `throttle` calls
            of a function, an API or an AWS service such as `dynamodb`; let the `credentials` of a workload expire.
        subject: A glob for the logical name, such as `dev-netprobe`; a zone's name; an AWS service.
        seconds: How long a delay is.

    Raises:
        Refusal: There is no such fault.

    """
    if kind not in KINDS:
        message = f"No such fault: {kind}. It is one of {', '.join(KINDS)}."
        raise Refusal(message)
    if not 0 <= seconds <= MOST_SECONDS:
        message = f"A delay is 0 to {MOST_SECONDS} seconds long, which is longer than anything here waits."
        raise Refusal(message)
    return faults.insert(account, faults.Rule(subject, OPERATION, kind, nth=0, seconds=seconds))


def known(rule: faults.Rule, resources: Iterable[Resource]) -> bool:
    """Tell whether what a fault is about is in the account now, as far as its name says."""
    if rule.kind in {"delay", "throttle"} and rule.type in SERVICES:
        return True
    names = {str(one.outputs.get("availabilityZone")) if rule.kind == "zone" else name_of(one) for one in resources}
    return bool(fnmatch.filter(names, rule.type))


def words(rule: faults.Rule) -> str:
    """Say what a fault does; nothing for one that is not about what runs."""
    if rule.operation != OPERATION:
        return ""
    return {
        "kill": f"one process of {rule.type} was killed"
        if rule.seen
        else f"one process of {rule.type} is to be killed",
        "zone": f"the zone {rule.type} has failed",
        "delay": f"{rule.type} answers {rule.seconds:g} s late",
        "throttle": f"calls of {rule.type} are refused as too many",
        "credentials": f"the credentials of {rule.type} have expired",
    }[rule.kind]


class Faults:
    """The faults that hold now; `read` them again when the account has changed."""

    def __init__(self, rules: Sequence[faults.Rule] = ()) -> None:
        self._rules: Sequence[faults.Rule] = rules
        self._kill: list[Callable[[str], bool]] = []

    def read(self, account: Account) -> None:
        """Take the rules of the account."""
        with suppress(sqlite3.Error):
            self._rules = [rule for rule in faults.rules(account) if rule.operation == OPERATION]

    def kill(self, done: Callable[[faults.Rule], None]) -> None:
        """Kill what is to be killed, once for each rule, and say which rules are done by that.

        Only a thing that runs can be killed: a rule waits for one.
        """
        for rule in self._rules:
            if rule.kind == "kill" and rule.seen == 0 and any(kill(rule.type) for kill in self._kill):
                done(rule)

    def on_kill(self, kill: Callable[[str], bool]) -> None:
        """Register who can kill one process of what a glob of logical names matches, and says whether it did."""
        self._kill.append(kill)

    def delay(self, subject: str) -> float:
        """Return how many seconds later something answers."""
        return sum(rule.seconds for rule in self._matching("delay", subject))

    def throttled(self, subject: str) -> bool:
        """Whether calls of something are refused because they are too many."""
        return any(True for _ in self._matching("throttle", subject))

    def expired(self, subject: str) -> bool:
        """Whether the credentials of a workload have expired."""
        return any(True for _ in self._matching("credentials", subject))

    def failed_zones(self) -> frozenset[str]:
        """Return the zones where nothing runs and nothing can be reached."""
        return frozenset(rule.type for rule in self._rules if rule.kind == "zone")

    def _matching(self, kind: str, subject: str) -> Iterator[faults.Rule]:
        return (rule for rule in self._rules if rule.kind == kind and fnmatch.fnmatchcase(subject, rule.type))
