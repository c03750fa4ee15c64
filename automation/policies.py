"""Hold a run's events against the rules of `policy/`: pure functions from what the engine said to a report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from automation.engine import Event
from automation.errors import UserError
from policy.catalogue import RULES
from policy.judge import Finding, Report, Terms
from policy.judge import judge as hold
from policy.model import Resource, Rule, Stack
from policy.suppressions import FILE, Suppression, SuppressionError, load
from policy.values import from_wire

# Steps after which the resource is no more.
_ENDS = frozenset(
    {"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace", "read-discard"}
)

_MOST_NAMES = 3

Dependencies = Mapping[str, Mapping[str, frozenset[str]]]
"""By URN and property, the URNs its value comes from."""


def judge(
    events: Iterable[Event],
    *,
    environment: str,
    suppressions: Sequence[Suppression],
    today: date,
    dependencies: Dependencies | None = None,
) -> Report:
    """Hold what a run asked for against every rule.

    Without `dependencies` (see `plan_dependencies`) it is often not known in the first preview of a stack which
    resources belong together; the rules about that then count as not known yet.

    Args:
        events: The engine's, of a preview or an update.
        environment: Where the stack belongs, as its settings say.
        suppressions: Exceptions, from `exceptions`.
        today: The day on which exceptions must still be good.
        dependencies: Where values come from.

    """
    asked: dict[str, Resource] = {}
    made: dict[str, Resource] = {}
    for metadata, is_result in _steps(events):
        state = metadata.get("new")
        if metadata["op"] in _ENDS or not state:
            continue
        known = None if dependencies is None else dependencies.get(metadata["urn"], {})
        asked[metadata["urn"]] = _resource(state, state.get("inputs"), known)
        if is_result:
            made[metadata["urn"]] = _resource(state, state.get("outputs") or state.get("inputs"), known)
    stack = Stack(tuple(made.get(urn, resource) for urn, resource in asked.items()))
    terms = Terms(environment=environment, today=today, suppressions=suppressions)
    return hold(asked.values(), stack, terms)


def exceptions(path: Path = FILE) -> list[Suppression]:
    """Read the exceptions of the repository.

    Raises:
        UserError: The file cannot be read as exceptions.

    """
    try:
        return load(path, rules=RULES)
    except SuppressionError as error:
        raise UserError(
            f"{path.name} has mistakes: {'; '.join(error.problems)}.",
            hint="Each entry needs rule, resource, reason and expires; docs/policies.md has an example.",
        ) from None


def plan_dependencies(path: Path) -> Dependencies:
    """Read from a saved plan (`pulumi preview --save-plan`) where the value of each property comes from."""
    plans: Mapping[str, Any] = json.loads(path.read_text("utf-8"))["resourcePlans"]
    return {
        urn: {name: frozenset(urns) for name, urns in (plan["goal"].get("propertyDependencies") or {}).items()}
        for urn, plan in plans.items()
        if plan.get("goal")
    }


def report_view(report: Report) -> RenderableType:
    """Render what stops, each with its remedy; advice in one line for each rule; and count the rest."""
    stopping = [_stop(finding) for finding in report.stopping]
    advice = [_advice(list(group)) for _, group in groupby(report.advisory, key=lambda finding: finding.rule.id)]
    return Group(*stopping, *advice, Text(summary(report), style="dim"))


def summary(report: Report) -> str:
    """Return a report in one sentence."""
    parts = [f"{len(report.kept)} checks kept", f"{len(report.stopping)} broken", f"{len(report.advisory)} to consider"]
    if report.excepted:
        parts.append(f"{len(report.excepted)} excepted")
    if report.pending:
        parts.append(f"{len(report.pending)} not known yet")
    return f"Policies ({report.environment}): {', '.join(parts)}."


def rules_view(rules: Iterable[Rule] = RULES) -> RenderableType:
    """Render the rules as a table."""
    table = Table("rule", "says", "severity", "level", box=None, header_style="bold", pad_edge=False)
    for rule in rules:
        table.add_row(rule.id, rule.title, rule.severity.value, rule.level.value)
    return table


def _steps(events: Iterable[Event]) -> Iterable[tuple[Event, bool]]:
    for event in events:
        if pre := event.get("resourcePreEvent"):
            yield pre["metadata"], False
        elif result := event.get("resOutputsEvent"):
            yield result["metadata"], True


def _resource(state: Event, properties: object, dependencies: Mapping[str, frozenset[str]] | None) -> Resource:
    values = from_wire(properties or {})
    return Resource(
        urn=state["urn"],
        type=state["type"],
        properties=values if isinstance(values, dict) else {},
        id=state.get("id") or "",
        protect=bool(state.get("protect")),
        dependencies=dependencies,
    )


def _stop(finding: Finding) -> Text:
    return Text.assemble(
        ("stops: ", "bold red"), (f"{finding.rule.id} ", "bold"), finding.sentence, (f" {finding.rule.remedy}", "dim")
    )


def _advice(findings: Sequence[Finding]) -> Text:
    rule, names = findings[0].rule, list(dict.fromkeys(finding.resource.name for finding in findings))
    shown = ", ".join(names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return Text.assemble(("advice: ", "bold yellow"), (f"{rule.id} ", "bold"), f"{rule.title}: not {shown}{more}.")
