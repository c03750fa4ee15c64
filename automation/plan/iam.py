"""What a policy document grants, one action on one resource at a time, and how two documents differ in that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from automation.plan.values import Hidden, Value

ANY = "*"


@dataclass(frozen=True, order=True)
class Grant:
    """One action on one resource for one principal, under one condition; texts are as in the document."""

    allows: bool
    action: str
    resource: str
    principal: str = ""
    condition: str = ""

    def covers(self, other: Grant) -> bool:
        """Whether whoever has this grant has the other: IAM's own wildcards, and no condition beats any."""
        return (
            self.allows == other.allows
            and self.condition in {"", other.condition}
            and _matches(self.action.lower(), other.action.lower())
            and _matches(self.resource, other.resource)
            and self.principal in {ANY, other.principal}
        )


def grants(document: Value) -> frozenset[Grant] | None:
    """Return what a document grants; None when it is not known or not readable."""
    if document is None:
        return frozenset()
    if not isinstance(document, Mapping) or _hides(document):
        return None
    return frozenset(grant for one in _listed(document.get("Statement")) for grant in _of_statement(one))


def gained(before: Iterable[Grant], after: Iterable[Grant]) -> list[Grant]:
    """Return what `after` holds that nothing in `before` covers, in order, without what another of it covers."""
    held = list(before)
    new = sorted(grant for grant in set(after) if not any(one.covers(grant) for one in held))
    return [grant for grant in new if not any(one is not grant and one.covers(grant) for one in new)]


def _of_statement(statement: Any) -> Iterator[Grant]:  # noqa: ANN401 JSON
    if not isinstance(statement, Mapping):
        return
    allows = statement.get("Effect") == "Allow"
    condition = json.dumps(statement["Condition"], sort_keys=True) if statement.get("Condition") else ""
    for action in _either(statement, "Action"):
        for resource in _either(statement, "Resource") or [""]:
            for principal in _principals(statement):
                yield Grant(allows, action, resource, principal, condition)


def _either(statement: Mapping[str, Any], key: str) -> list[str]:
    """Return the values of `Action`, or of `NotAction` as one that says so."""
    if f"Not{key}" in statement:
        return ["anything except " + ", ".join(_texts(statement[f"Not{key}"]))]
    return _texts(statement.get(key))


def _principals(statement: Mapping[str, Any]) -> list[str]:
    if "NotPrincipal" in statement:
        return ["anybody except " + json.dumps(statement["NotPrincipal"], sort_keys=True)]
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        return [name for names in principal.values() for name in _texts(names)] or [""]
    return _texts(principal) or [""]


def _texts(value: Any) -> list[str]:  # noqa: ANN401 JSON
    return [str(item) for item in _listed(value)]


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 JSON
    return [] if value is None else value if isinstance(value, list) else [value]


def _hides(value: Value) -> bool:
    if isinstance(value, Mapping):
        return any(_hides(item) for item in value.values())
    if isinstance(value, list):
        return any(_hides(item) for item in value)
    return isinstance(value, Hidden)


def _matches(pattern: str, text: str) -> bool:
    return pattern == text or (("*" in pattern or "?" in pattern) and bool(_compiled(pattern).fullmatch(text)))


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # A star in the text stands for many texts: only a star of the pattern covers it.
    parts = {"*": ".*", "?": "[^*]"}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in pattern), re.DOTALL)
