"""What rules are built of: tests of a value, and checks that hold properties against them.

A property that is not known yet is never judged: a check yields `NotKnown` for it, neither a violation nor a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from policy.model import Check, NotKnown, Outcome, Outcomes, Resource, Violation
from policy.values import UNKNOWN, Value, find, holds_unknown

Test = Callable[[Value], bool]

WORLD = ("0.0.0.0/0", "::/0")
"""Everybody's addresses."""


def is_in(*values: Value) -> Test:
    """Test for one of these values; None stands for a property that is not set."""
    return lambda value: any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in values)


is_true = is_in(True)  # noqa: FBT003 - the value looked for
is_not_true = is_in(False, None)  # noqa: FBT003


def is_set(value: Value) -> bool:
    """Test for anything but nothing: None, an empty text, list or object."""
    return value is not None and value not in ("", [], {})


def is_not_set(value: Value) -> bool:
    """Test for a property that is left out or empty."""
    return not is_set(value)


def at_least(least: float) -> Test:
    """Test for a number that is not too small; AWS gives some of them as text."""
    return lambda value: (number := as_number(value)) is not None and number >= least


def as_number(value: Value) -> float | None:
    """Return a number, or a text that is one, as a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def must(path: str, test: Test, says: str) -> Check:
    """Hold each value at a path against a test; `says` ends the sentence that begins with the resource."""

    def check(resource: Resource) -> Outcomes:
        for found in find(resource.properties, path):
            if holds_unknown(found.value):
                yield NotKnown(found.path)
            elif not test(found.value):
                yield Violation(found.path, says)

    return check


def some(path: str, test: Test, says: str) -> Check:
    """Ask for at least one value at a path that meets the test."""

    def check(resource: Resource) -> Outcomes:
        candidates = list(find(resource.properties, path))
        if any(found.value is not UNKNOWN and test(found.value) for found in candidates):
            return
        unknown = next((found for found in candidates if holds_unknown(found.value)), None)
        yield Violation(path.partition("[")[0], says) if unknown is None else NotKnown(unknown.path)

    return check


def every(*checks: Check) -> Check:
    """Ask for all of several checks."""

    def check(resource: Resource) -> Outcomes:
        for one in checks:
            yield from one(resource)

    return check


def either(*checks: Check) -> Check:
    """Ask for one of several checks; when none is kept, the first speaks for all."""

    def check(resource: Resource) -> Outcomes:
        yield from best([list(one(resource)) for one in checks])

    return check


def best(answers: Sequence[list[Outcome]]) -> list[Outcome]:
    """Return the answer of several alternatives: kept if one is, else not known if one is, else what the first says."""
    return next((answer for answer in answers if not is_violated(answer)), answers[0]) if all(answers) else []


def when(path: str, test: Test, then: Check, otherwise: Check | None = None) -> Check:
    """Check one thing or another, by what a property says."""

    def check(resource: Resource) -> Outcomes:
        for found in find(resource.properties, path):
            if found.value is UNKNOWN:
                yield NotKnown(found.path)
            elif test(found.value):
                yield from then(resource)
            elif otherwise:
                yield from otherwise(resource)

    return check


def must_not_exist(says: str) -> Check:
    """Refuse a resource whatever its properties."""

    def check(resource: Resource) -> Outcomes:
        del resource
        yield Violation("", says)

    return check


def is_violated(outcomes: Iterable[Outcome]) -> bool:
    """Whether something is broken for certain."""
    return any(isinstance(outcome, Violation) for outcome in outcomes)
