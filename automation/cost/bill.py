"""What pricers write on: for each resource its lines, and what was assumed on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from automation.cost.messages import worker_usage
from automation.cost.money import Number, Range, plain
from automation.cost.resources import Resource, Resources
from automation.cost.usage import ServiceUsage, Usage
from stacks.prices.sheet import Price, PriceSheet

KILOBYTES_PER_GB = Decimal(1024 * 1024)


@dataclass(frozen=True)
class Line:
    """A quantity at a price. `factor` is what part of the price is due; `fixed` an amount that no sheet holds."""

    what: str
    key: str
    price: Price | None
    quantity: Range
    factor: Range
    fixed: Range | None = None


@dataclass(frozen=True)
class Gap:
    """Something that costs money, and why nobody can say how much."""

    what: str
    why: str


@dataclass
class Bill:
    """The lines of one resource, with what a pricer needs to know about the rest of the stack."""

    resource: Resource
    resources: Resources
    usage: Usage
    sheet: PriceSheet
    lines: list[Line] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)

    def add(self, what: str, key: str, quantity: Range | Number, *, factor: Range | Number = 1) -> None:
        """Add a quantity at the sheet's price; a price the sheet lacks is a gap, never nothing."""
        price = self.sheet.prices.get(key)
        if price is None:
            self.unknown(what, f"the price sheet of {self.sheet.region} has no {key}")
            return
        self.lines.append(Line(what, key, price, Range.exactly(quantity), Range.exactly(factor)))

    def paid_calls(self, usage: ServiceUsage) -> None:
        """Add what a service buys elsewhere, at the price that the usage says."""
        for call in usage.paid_calls:
            self.assume(f"{plain(call.share * 100)} % of the requests buy {call.name} at {plain(call.usd)} USD")
            cost = Range.exactly(usage.requests * call.share * call.usd)
            self.lines.append(Line(call.name, "usage", None, Range.exactly(1), Range.exactly(1), cost))

    def hourly(self, what: str, key: str, count: Range | Number = 1, *, factor: Range | Number = 1) -> None:
        """Add something that is billed for every hour of the month."""
        self.add(what, key, Range.exactly(count) * self.usage.hours, factor=factor)

    def unknown(self, what: str, why: str) -> None:
        """Say that something costs money, and why its amount is unknown."""
        self.gaps.append(Gap(what, why))

    def assume(self, text: str) -> None:
        """Note what the estimate rests on."""
        if text not in self.assumptions:
            self.assumptions.append(text)

    def service(self) -> ServiceUsage:
        """Return what the resource's service, or the service's worker, is used for, and note how much that is."""
        name = self.resources.service_of(self.resource)
        if self.resources.is_worker(self.resource):
            usage = worker_usage(name, self.resources, self.usage)
            self.assume(f"the worker of {name}: {plain(usage.requests)} messages a month")
            return usage
        usage = self.usage.of(name)
        self.assume(f"{name or 'each service'}: {plain(usage.requests)} requests a month")
        return usage

    def traffic(self, *kinds: str) -> list[ServiceUsage]:
        """Return the usage of every service, or of those with some kinds of compute."""
        chosen = [name for name, component in self.resources.services.items() if component.endswith(kinds or ("",))]
        for name in chosen:
            self.assume(f"{name}: {plain(self.usage.of(name).requests)} requests a month")
        return [self.usage.of(name) for name in chosen]


Pricer = Callable[[Bill], None]
