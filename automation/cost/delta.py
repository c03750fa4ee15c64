"""What a plan changes about the cost: the estimate before and the estimate after, resource by resource."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from automation.cost.estimate import Estimate, Unpriced, estimate
from automation.cost.money import Range
from automation.cost.resources import deployed, desired
from automation.cost.usage import Usage
from automation.engine import Event
from stacks.prices.sheet import PriceSheet


@dataclass(frozen=True)
class Row:
    """One resource whose cost changes; a side that does not exist costs nothing."""

    urn: str
    resource: str
    type: str
    before: Range
    after: Range

    @property
    def change(self) -> Range:
        """Return after less before; an unknown part is on neither side."""
        return self.after - self.before


@dataclass(frozen=True)
class Delta:
    """How a month's cost changes. `unknown` is what costs something after, but nobody can say how much."""

    before: Range
    after: Range
    rows: Sequence[Row]
    unknown: Sequence[Unpriced]

    @property
    def change(self) -> Range:
        return self.after - self.before

    def document(self) -> dict[str, Any]:
        """Return the change as JSON's plain types."""
        return {
            "before": self.before.document(),
            "after": self.after.document(),
            "change": self.change.document(),
            "rows": [
                {
                    "urn": row.urn,
                    "resource": row.resource,
                    "type": row.type,
                    "before": row.before.document(),
                    "after": row.after.document(),
                }
                for row in self.rows
            ],
            "unknown": [{"resource": gap.resource, "type": gap.type, "why": gap.why} for gap in self.unknown],
        }


def cost_delta(before: Estimate, after: Estimate) -> Delta:
    """Return what changes between two estimates, the largest changes first."""
    kinds = {item.urn: (item.resource, item.type) for item in (*before.items, *after.items)}
    old = {urn: cost for urn, cost, _ in before.by_resource()}
    new = {urn: cost for urn, cost, _ in after.by_resource()}
    nothing = Range.exactly(0)
    rows = [
        Row(urn, name, kind, old.get(urn, nothing), new.get(urn, nothing))
        for urn, (name, kind) in kinds.items()
        if old.get(urn, nothing) != new.get(urn, nothing)
    ]
    rows.sort(key=lambda row: (-abs(row.change.expected), -abs(row.change.high), row.urn))
    return Delta(before.total, after.total, tuple(rows), after.unknown)


def of_plan(events: Iterable[Event], usage: Usage, sheet: PriceSheet) -> tuple[Estimate, Estimate]:
    """Return what the stack costs before and after the run whose events these are."""
    seen = list(events)
    return estimate(deployed(seen), usage, sheet), estimate(desired(seen), usage, sheet)
