"""What a reviewer wants to know of a preview besides its plan: what the policies say, and what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from rich.console import Group, RenderableType
from rich.text import Text

from automation import policies
from automation.cost import view
from automation.cost.budget import BudgetCheck, check_budget
from automation.cost.delta import Delta, cost_delta, of_plan
from automation.cost.estimate import Estimate
from automation.cost.usage import load_usage
from automation.engine import Event
from automation.errors import Exit
from automation.markdown import CostDelta, CostLine, PolicyReport, StackReport, Suppression, Violation
from automation.operations import Result
from automation.plan import Plan
from automation.project import Project
from policy.judge import Finding, Report
from stacks.load import Resolved
from stacks.prices import cents
from stacks.prices.sheet import load_sheet

Key = tuple[str, str, str]
"""A finding as it is found again: rule, URN and property."""


@dataclass(frozen=True)
class Costs:
    """What a stack costs with the change, and how that differs from before."""

    after: Estimate
    delta: Delta
    budget: BudgetCheck | None

    @property
    def exceeded(self) -> bool:
        return self.budget is not None and self.budget.exceeded


@dataclass(frozen=True)
class Review:
    """A preview and what is to be said about it. Of one that failed, nothing more is said."""

    result: Result
    policies: Report | None = None
    standing: frozenset[Key] = frozenset()
    """What the policies advised against before the change as well."""
    costs: Costs | None = None
    """None where the region has no price sheet, too."""
    drift: Plan | None = None

    @property
    def code(self) -> Exit:
        """Return the preview's code, or that for rules when the change breaks one."""
        kept = self.policies is None or self.policies.ok
        affordable = self.costs is None or not self.costs.exceeded
        return self.result.code if kept and affordable else Exit.POLICY

    def report(self) -> StackReport:
        """Return all of it as Markdown is made from."""
        return StackReport(
            self.result.plan,
            ok=self.result.complete,
            cost=_cost_delta(self.costs) if self.costs else None,
            policies=_policy_report(self.policies, self.standing) if self.policies else None,
            drift=self.drift,
        )

    def document(self) -> dict[str, object]:
        """Return what goes beside the plan, as JSON's plain types."""
        costs = self.costs
        return {
            "policies": self.policies.document() if self.policies else None,
            "cost": {**costs.delta.document(), "budget": costs.budget.document() if costs.budget else None}
            if costs
            else None,
        }


def review(project: Project, resolved: Resolved, result: Result, today: date) -> Review:
    """Hold a preview against the policies and the price sheet.

    Args:
        project: where the exceptions from policies and the files about usage are.
        resolved: the stack's settings.
        result: the preview.
        today: the day on which exceptions must still be good.

    Raises:
        UserError: the exceptions or the file about usage cannot be read.
    """
    if not result.ok:
        return Review(result)
    environment, exceptions = resolved.settings.environment, policies.exceptions()
    judged, before = (
        policies.judge(events, environment=environment, suppressions=exceptions, today=today)
        for events in (result.events, list(_before(result.events)))
    )
    standing = frozenset(_key(finding) for finding in before.findings)
    return Review(result, judged, standing, _costs(project, resolved, result))


def review_view(reviewed: Review) -> RenderableType:
    """Render what policies and prices say; nothing for a preview that failed."""
    return Group(*_views(reviewed))


def _views(reviewed: Review) -> Iterator[RenderableType]:
    if (judged := reviewed.policies) is not None:
        said = [one for one in judged.findings if one not in judged.advisory or _key(one) not in reviewed.standing]
        yield policies.report_view(replace(judged, findings=said))
        if standing := len(judged.findings) - len(said):
            yield Text(f"{standing} more to consider, as before.", style="dim")
    if (costs := reviewed.costs) is not None:
        before, after = (cents(side.expected) for side in (costs.delta.before, costs.delta.after))
        unknown = f", {len(costs.delta.unknown)} costs unknown" if costs.delta.unknown else ""
        line = f"Cost: {before} → {after} USD a month ({view.signed(costs.delta.change.expected)}){unknown}."
        yield Text(line, style="dim")
        if costs.budget:
            yield Text(costs.budget.sentence(), style="red" if costs.exceeded else "dim")


def _costs(project: Project, resolved: Resolved, result: Result) -> Costs | None:
    try:
        sheet = load_sheet(resolved.region)
    except LookupError:
        return None
    budget = resolved.settings.budget
    usage = load_usage(budget.usage if budget else None, project.root)
    before, after = of_plan(result.events, usage, sheet)
    return Costs(after, cost_delta(before, after), check_budget(after, budget.monthly) if budget else None)


def _cost_delta(costs: Costs) -> CostDelta:
    delta, after = costs.delta, costs.after
    return CostDelta(
        before=cents(delta.before.expected),
        after=cents(delta.after.expected),
        lowest=cents(delta.after.low),
        highest=cents(delta.after.high),
        lines=[CostLine(row.resource, cents(row.before.expected), cents(row.after.expected)) for row in delta.rows],
        unknown=[f"{gap.resource}: {gap.what}, {gap.why}" for gap in delta.unknown],
        assumptions=after.assumptions,
        prices_of=after.sheet.newest.isoformat(),
        budget=costs.budget.monthly if costs.budget else None,
    )


def _before(events: Iterable[Event]) -> Iterator[Event]:
    """Yield a run's events as if it left everything as it was."""
    for event in events:
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            if kind in event and (old := event[kind]["metadata"].get("old")):
                yield {kind: {"metadata": {**event[kind]["metadata"], "op": "same", "new": old}}}


def _key(finding: Finding) -> Key:
    return finding.rule.id, finding.resource.urn, finding.path


def _policy_report(judged: Report, standing: Collection[Key]) -> PolicyReport:
    new = [finding for finding in judged.advisory if _key(finding) not in standing]
    return PolicyReport(
        checked=len(judged.kept) + len(judged.findings),
        violations=[_violation(finding) for finding in (*judged.stopping, *new)],
        standing=Counter(finding.rule.id for finding in judged.advisory if _key(finding) in standing),
        suppressed=[_suppression(finding) for finding in judged.excepted],
        undetermined=len(judged.pending),
    )


def _violation(finding: Finding) -> Violation:
    return Violation(
        policy=finding.rule.id,
        resource=finding.resource.name,
        message=finding.sentence,
        remediation=finding.rule.remedy,
        mandatory=finding.stops,
    )


def _suppression(finding: Finding) -> Suppression:
    accepted = finding.suppression
    return Suppression(
        policy=finding.rule.id,
        resource=finding.resource.name,
        reason=accepted.reason if accepted else "",
        expires=accepted.expires.isoformat() if accepted else "",
    )
