"""What a rule is, what it looks at, and what it can say about a resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from policy.values import Value


class Severity(StrEnum):
    """How bad it is when a rule is broken."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Level(StrEnum):
    """Where a broken rule stops a deployment."""

    MANDATORY = "mandatory"
    PROD = "prod"
    ADVISORY = "advisory"

    def stops(self, environment: str) -> bool:
        """Whether a deployment to this environment is stopped."""
        return self is Level.MANDATORY or (self is Level.PROD and environment == "prod")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource by its properties: those that were asked for, or after the deployment those it has."""

    urn: str
    type: str
    properties: dict[str, Value]
    id: str = ""
    protect: bool = False
    dependencies: Mapping[str, frozenset[str]] | None = None
    """By property, the URNs its value comes from; None where nobody told."""

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True)
class Stack:
    """Everything of a stack, for rules about how resources belong together."""

    resources: tuple[Resource, ...] = ()

    def of(self, *types: str) -> list[Resource]:
        """Return the resources of these types."""
        return [resource for resource in self.resources if resource.type in types]


@dataclass(frozen=True)
class Violation:
    """A rule is broken; `path` is the property that breaks it, empty for the resource as a whole."""

    path: str
    message: str


@dataclass(frozen=True)
class NotKnown:
    """A rule cannot be judged before the property at `path` is known."""

    path: str


Outcome: TypeAlias = "Violation | NotKnown"
Outcomes: TypeAlias = Iterator[Outcome]
Check: TypeAlias = Callable[[Resource], Outcomes]
Relation: TypeAlias = Callable[[Resource, Stack], Outcomes]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One guardrail. It is a `check` of one resource alone, or a `relation` of one to the others of its stack."""

    id: str
    title: str
    severity: Severity
    level: Level
    frameworks: tuple[str, ...] = ()
    """Ids under which others ask for the same: AWS FSBP, CIS AWS, checkov, cdk-nag, trivy, Control Tower."""
    types: tuple[str, ...]
    remedy: str
    check: Check | None = None
    relation: Relation | None = None

    def judge(self, resource: Resource, stack: Stack) -> list[Outcome]:
        """Return what is wrong with a resource or cannot be told yet; nothing when it keeps the rule."""
        outcomes: list[Outcome] = []
        if self.check:
            outcomes += self.check(resource)
        if self.relation:
            outcomes += self.relation(resource, stack)
        return list(dict.fromkeys(outcomes))
