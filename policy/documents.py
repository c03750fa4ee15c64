"""Policy documents of IAM and of resources: what their statements allow, and to whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from policy.checks import some
from policy.model import Check, NotKnown, Outcomes, Resource, Violation
from policy.values import UNKNOWN, Found, Value, find, holds_unknown, texts

Statement = dict[str, Value]

# Conditions that keep a statement for everybody from being for everybody.
_NARROWING = frozenset(
    f"{prefix}:{name}".lower()
    for prefix, names in (
        ("aws", "PrincipalAccount PrincipalArn PrincipalOrgID PrincipalOrgPaths SourceAccount SourceArn SourceOrgID"),
        ("aws", "SourceOwner SourceVpc SourceVpce"),
        ("kms", "CallerAccount"),
    )
    for name in names.split()
)


def denied(paths: Iterable[str], wrong: Callable[[Statement], bool], says: str) -> Check:
    """Refuse policies with a statement that allows what is wrong."""

    def check(resource: Resource) -> Outcomes:
        for found in _statements(resource, paths):
            if found.value is UNKNOWN:
                yield NotKnown(found.path)
            elif isinstance(found.value, dict) and found.value.get("Effect") == "Allow":
                if wrong(found.value):
                    yield Violation(found.path, says)
                elif holds_unknown(found.value):
                    yield NotKnown(found.path)

    return check


def _statements(resource: Resource, paths: Iterable[str]) -> Iterator[Found]:
    for path in paths:
        yield from find(resource.properties, f"{path}.Statement[*]")


def tls_only(path: str) -> Check:
    """Ask a resource's policy to deny everybody who does not use TLS."""

    def denies(statement: Value) -> bool:
        if not isinstance(statement, dict) or statement.get("Effect") != "Deny":
            return False
        secure = next(find(statement, "Condition.Bool.aws:SecureTransport")).value
        return secure in ("false", False) and is_anybody(statement)

    return some(f"{path}.Statement[*]", denies, "takes requests without TLS")


def is_anybody(statement: Statement) -> bool:
    """Whether a statement is about everybody."""
    principal = statement.get("Principal")
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    return "*" in texts(named)


def is_public(statement: Statement) -> bool:
    """Whether a statement is about everybody and no condition narrows it down to some account or source."""
    return is_anybody(statement) and not condition_keys(statement) & _NARROWING


def condition_keys(statement: Statement) -> set[str]:
    """Return the keys a statement's conditions ask about, in lower case."""
    tests = statement.get("Condition")
    if not isinstance(tests, dict):
        return set()
    return {key.lower() for asked in tests.values() if isinstance(asked, dict) for key in asked}


def actions(statement: Statement) -> list[str]:
    """Return the actions of a statement in lower case, as IAM compares them."""
    return [action.lower() for action in texts(statement.get("Action"))]


def allows(statement: Statement, *wanted: str) -> bool:
    """Whether a statement's actions, wildcards and all, cover one of these."""
    patterns = [re.compile(_expression(action)) for action in actions(statement)]
    return any(pattern.fullmatch(action.lower()) for pattern in patterns for action in wanted)


def on_everything(statement: Statement) -> bool:
    """Whether a statement is about all resources."""
    return "*" in texts(statement.get("Resource"))


def _expression(action: str) -> str:
    return re.escape(action).replace(r"\*", ".*").replace(r"\?", ".")
