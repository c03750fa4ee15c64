"""How resources of one stack belong together: which refers to which, and what must stand beside what.

A reference is read from the engine's record of where a property's value came from, else by comparing values. Where
neither is there, as in the first preview of a stack, it is not known whether two belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from policy.checks import best, is_violated
from policy.model import Check, NotKnown, Outcomes, Relation, Resource, Stack, Violation
from policy.values import UNKNOWN, find, holds_unknown, texts

# What others call a resource by.
_NAMES = (
    "arn",
    "bucket",
    "clusterIdentifier",
    "dbClusterIdentifier",
    "functionName",
    "id",
    "identifier",
    "name",
    "repositoryName",
    "url",
)

Answer = bool | None
"""None: not known yet."""


def refers(source: Resource, path: str, target: Resource) -> Answer:
    """Whether a property of one resource names another."""
    root = path.partition(".")[0].partition("[")[0]
    if target.urn in (source.dependencies or {}).get(root, ()):
        return True
    names = _names(target)
    unknown = any(target.properties.get(name) is UNKNOWN for name in _NAMES)
    for found in find(source.properties, path):
        if any(_called(text, names) for text in texts(found.value)):
            return True
        unknown = unknown or holds_unknown(found.value)
    return None if unknown and source.dependencies is None else False


def _names(target: Resource) -> set[str]:
    known = {value for name in _NAMES if isinstance(value := target.properties.get(name), str) and value}
    return known | ({target.id} if target.id else set())


def _called(text: str, names: set[str]) -> bool:
    # An id is the last part of the ARN of what it is the id of, and the other way round.
    return text in names or any(name.startswith("arn:") and name.rpartition("/")[2] == text for name in names)


def referred(target: Resource, stack: Stack, *places: tuple[str, str]) -> Answer:
    """Whether anything in the stack, by type and property, names a resource."""
    return any_of(refers(source, path, target) for kind, path in places for source in stack.of(kind))


def companion(kind: str, by: str, says: str, *, meets: Check | None = None) -> Relation:
    """Ask for another resource that names this one in its property `by`, and that passes the check `meets`."""

    def relation(resource: Resource, stack: Stack) -> Outcomes:
        answer = any_of(both(refers(source, by, resource), _passes(source, meets)) for source in stack.of(kind))
        yield from wanted(answer, Violation("", says))

    return relation


def only(condition: Callable[[Resource, Stack], Answer], relation: Relation) -> Relation:
    """Judge only resources of which a condition holds."""

    def narrowed(resource: Resource, stack: Stack) -> Outcomes:
        holds = condition(resource, stack)
        if holds is False:
            return
        outcomes = list(relation(resource, stack))
        if holds is None and outcomes:
            yield NotKnown("")
        else:
            yield from outcomes

    return narrowed


def alone(check: Check) -> Relation:
    """Take a check of the resource itself where a relation is asked for."""
    return lambda resource, _: check(resource)


def one_of(*relations: Relation) -> Relation:
    """Ask for one of several relations; when none is kept, the first speaks for all."""

    def relation(resource: Resource, stack: Stack) -> Outcomes:
        yield from best([list(one(resource, stack)) for one in relations])

    return relation


def _passes(source: Resource, meets: Check | None) -> Answer:
    outcomes = list(meets(source)) if meets else []
    if not outcomes:
        return True
    return False if is_violated(outcomes) else None


def both(one: Answer, other: Answer) -> Answer:
    """Return whether two things hold, as far as known."""
    if one is False or other is False:
        return False
    return True if one and other else None


def any_of(answers: Iterable[Answer]) -> Answer:
    """Return whether one of several things holds, as far as known."""
    found = set(answers)
    return True if True in found else None if None in found else False


def wanted(answer: Answer, violation: Violation) -> Outcomes:
    """Yield what follows when something is not there that should be, or may not be."""
    if answer is None:
        yield NotKnown(violation.path)
    elif not answer:
        yield violation
