"""From resources, usage and prices to a month's cost: pure, exact, in any order the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from automation.cost.bill import Bill, Line
from automation.cost.kinds import FREE, PRICED, UNKNOWN
from automation.cost.money import Range
from automation.cost.resources import Resource, Resources
from automation.cost.usage import Usage
from stacks.prices.sheet import PriceSheet

_UNLISTED: Final = "this type has no price here yet"


@dataclass(frozen=True)
class Item:
    """One line of the bill."""

    urn: str
    resource: str
    type: str
    what: str
    key: str
    unit: str
    quantity: Range
    cost: Range


@dataclass(frozen=True)
class Unpriced:
    """Something that costs money, and why its amount is unknown. It is never counted as nothing."""

    urn: str
    resource: str
    type: str
    what: str
    why: str


@dataclass(frozen=True)
class Estimate:
    """What a month costs."""

    region: str
    items: Sequence[Item]
    unknown: Sequence[Unpriced]
    free: Sequence[str]
    """Types in the stack that are free."""
    assumptions: Sequence[str]
    sheet: PriceSheet

    @property
    def total(self) -> Range:
        """Return the sum of all that is known."""
        return Range.total(item.cost for item in self.items)

    def by_resource(self) -> list[tuple[str, Range, list[Item]]]:
        """Return each resource's URN, cost and lines, the dearest first."""
        groups: dict[str, list[Item]] = {}
        for item in self.items:
            groups.setdefault(item.urn, []).append(item)
        sums = [(urn, Range.total(item.cost for item in items), items) for urn, items in groups.items()]
        return sorted(sums, key=lambda row: (-row[1].expected, -row[1].high, row[0]))

    def document(self) -> dict[str, Any]:
        """Return the estimate as JSON's plain types; amounts are text, so that nothing is lost."""
        return {
            "region": self.region,
            "currency": self.sheet.currency,
            "prices": {"from": self.sheet.oldest.isoformat(), "to": self.sheet.newest.isoformat()},
            "total": self.total.document(),
            "items": [
                {
                    "urn": item.urn,
                    "resource": item.resource,
                    "type": item.type,
                    "what": item.what,
                    "price": item.key,
                    "unit": item.unit,
                    "quantity": {
                        "min": str(item.quantity.low),
                        "expected": str(item.quantity.expected),
                        "max": str(item.quantity.high),
                    },
                    "cost": item.cost.document(),
                }
                for item in self.items
            ],
            "unknown": [
                {"urn": gap.urn, "resource": gap.resource, "type": gap.type, "what": gap.what, "why": gap.why}
                for gap in self.unknown
            ],
            "free": list(self.free),
            "assumptions": list(self.assumptions),
        }


def estimate(resources: Iterable[Resource], usage: Usage, sheet: PriceSheet) -> Estimate:
    """Return what a month of these resources costs when they are used so."""
    everything = Resources(tuple(sorted(resources, key=lambda resource: resource.urn)))
    bills: list[Bill] = []
    free: set[str] = set()
    for resource in everything:
        if not resource.custom or not resource.type.startswith("aws:"):
            continue
        if resource.type in FREE:
            free.add(resource.type)
            continue
        bill = Bill(resource, everything, usage, sheet)
        if pricer := PRICED.get(resource.type):
            pricer(bill)
        else:
            bill.unknown("all of it", UNKNOWN.get(resource.type, _UNLISTED))
        bills.append(bill)
    purse = _Purse(usage.free_tier)
    return Estimate(
        region=sheet.region,
        items=tuple(_item(bill.resource, line, purse) for bill in bills for line in bill.lines),
        unknown=tuple(
            Unpriced(bill.resource.urn, bill.resource.name, bill.resource.type, gap.what, gap.why)
            for bill in bills
            for gap in bill.gaps
        ),
        free=tuple(sorted(free)),
        assumptions=tuple(dict.fromkeys(text for bill in bills for text in bill.assumptions)),
        sheet=sheet,
    )


class _Purse:
    """The free units of the account, spent on the stack's resources in the order of their URNs."""

    def __init__(self, open_: bool) -> None:  # noqa: FBT001 the one thing it knows
        self._open = open_
        self._spent: dict[str, Range] = {}

    def billed(self, line: Line) -> Range:
        """Return what of a quantity is left to pay."""
        price = line.price
        if price is None or not self._open or not price.free:
            return line.quantity
        pool = price.pool or line.key
        before = self._spent.get(pool, Range.exactly(0))
        after = before + line.quantity
        self._spent[pool] = after
        free = price.free

        def beyond(units: Decimal) -> Decimal:
            return max(units - free, Decimal(0))

        return after.each(beyond) - before.each(beyond)


def _item(resource: Resource, line: Line, purse: _Purse) -> Item:
    cost = line.fixed if line.price is None else purse.billed(line).each(line.price.cost) * line.factor
    assert cost is not None
    unit = line.price.unit if line.price else "USD"
    return Item(resource.urn, resource.name, resource.type, line.what, line.key, unit, line.quantity, cost)
