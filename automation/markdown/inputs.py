"""What a report is made of: a plan per stack, and what costs, policies and drift say about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from automation.plan import Plan


class Basis(StrEnum):
    """What a plan was made against."""

    LIVE = "live"
    """What is deployed, as the state knows it."""
    PROGRAM = "program"
    """The base branch's program, brought up in a sandbox: no credentials needed."""


@dataclass(frozen=True)
class CostLine:
    """One thing that costs, in USD a month; None is unknown, never nothing."""

    what: str
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True)
class CostDelta:
    """What a stack costs before and after, in USD a month; None is unknown."""

    before: Decimal | None
    after: Decimal | None
    lowest: Decimal | None = None
    highest: Decimal | None = None
    """Bounds of `after`, as it scales."""
    lines: Sequence[CostLine] = ()
    unknown: Sequence[str] = ()
    """What has no price here, and why."""
    assumptions: Sequence[str] = ()
    prices_of: str = ""
    """Date of the prices."""
    budget: Decimal | None = None

    @property
    def change(self) -> Decimal | None:
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def over_budget(self) -> bool:
        return self.budget is not None and self.after is not None and self.after > self.budget


@dataclass(frozen=True)
class Violation:
    """A resource that a policy objects to."""

    policy: str
    resource: str
    message: str
    remediation: str = ""
    mandatory: bool = True


@dataclass(frozen=True)
class Suppression:
    """A violation that somebody accepted, why, and until when."""

    policy: str
    resource: str
    reason: str
    expires: str


@dataclass(frozen=True)
class PolicyReport:
    """What the policies say about a stack."""

    checked: int
    violations: Sequence[Violation] = ()
    suppressed: Sequence[Suppression] = ()
    undetermined: int = 0
    """Checks that need values known only after apply."""
    standing: Mapping[str, int] = field(default_factory=dict[str, int])
    """How often each policy advised against what is there already and stays; no news, so not among the violations."""

    @property
    def mandatory(self) -> list[Violation]:
        return [one for one in self.violations if one.mandatory]

    @property
    def advisory(self) -> list[Violation]:
        return [one for one in self.violations if not one.mandatory]


@dataclass(frozen=True)
class StackReport:
    """Everything known about one stack; what is None was not looked at."""

    plan: Plan
    ok: bool = True
    """Whether the preview came to its end: the plan of one that failed is not complete."""
    cost: CostDelta | None = None
    policies: PolicyReport | None = None
    drift: Plan | None = None

    @property
    def name(self) -> str:
        return self.plan.stack

    @property
    def changes(self) -> bool:
        return bool(self.plan.changed())
