"""What a person sees of a cost: tables that fit eighty columns. Pure functions from values to Rich renderables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from automation.cost.budget import BudgetCheck
from automation.cost.compare import REQUESTS, TITLES, Comparison
from automation.cost.delta import Delta
from automation.cost.estimate import Estimate
from automation.cost.money import Range, plain
from automation.cost.refresh import Renewal
from automation.render import kind
from stacks.prices import cents

_CENT = Decimal("0.005")
_WIDTH = 80


def estimate_view(
    stack: str, estimated: Estimate, delta: Delta, budget: BudgetCheck | None, *, lines: bool
) -> RenderableType:
    """Render what a stack costs: by resource, or by line; what is unknown; what it rests on."""
    total = estimated.total
    head = Text.assemble(
        (f"{stack}: {_usd(total.expected)} USD a month expected", "bold"),
        "" if total.is_exact else f", {_usd(total.low)} at least, {_usd(total.high)} at most",
    )
    parts: list[RenderableType] = [head, Text(), _by_line(estimated) if lines else _by_resource(estimated)]
    change = delta.change
    if delta.rows and delta.before != Range.exactly(0):
        parts.append(Text(f"\nAgainst what is deployed: {signed(change.expected)} USD a month.", style="bold"))
    if estimated.unknown:
        parts.append(Text("\nUnknown, and not in the total:", style="yellow"))
        parts += _bullets(f"{gap.resource} ({kind(gap.type)}), {gap.what}: {gap.why}" for gap in estimated.unknown)
    if budget is not None:
        parts.append(Text("\n" + budget.sentence(), style="red" if budget.exceeded else "green"))
    parts.append(Text("\nThis rests on:", style="dim"))
    parts += _bullets((*estimated.assumptions, _prices(estimated)), style="dim")
    return Group(*parts)


def comparison_view(comparison: Comparison) -> RenderableType:
    """Render what each compute costs as traffic grows, and from where on one is cheaper than another."""
    table = _table("requests a month")
    for compute in comparison.costs:
        table.add_column(TITLES[compute], justify="right")
    table.add_column("cheapest")
    for requests in REQUESTS:
        cheapest = comparison.cheapest(requests)
        cells = [
            Text(_usd(cost(requests)), style="bold green" if compute is cheapest else "")
            for compute, cost in comparison.costs.items()
        ]
        table.add_row(plain(requests), *cells, TITLES[cheapest])
    table.columns[0].justify = "right"
    parts: list[RenderableType] = [
        Text(f"{comparison.workload.name}: USD a month on each compute\n", style="bold"),
        table,
    ]
    parts.append(Text())
    parts += [Text(found.sentence()) for found in comparison.break_evens]
    parts.append(Text("\nThis rests on:", style="dim"))
    parts += _bullets((*comparison.assumptions, comparison.caption), style="dim")
    return Group(*parts)


def renewal_view(renewal: Renewal) -> RenderableType:
    """Render what a refresh changed, what it could not find, and what has to be kept by hand."""
    parts: list[RenderableType] = [Text(f"{renewal.region}: {len(renewal.renewed)} prices renewed.", style="bold")]
    for key in renewal.changed():
        before, after = renewal.before[key].usd, renewal.renewed[key].usd
        parts.append(Text(f"  {key}: {before:f} is now {after:f}"))
    if renewal.problems:
        kept = "kept as they were" if renewal.before else "left out, so that they are unknown"
        parts.append(Text(f"\n{len(renewal.problems)} could not be renewed and are {kept}:", style="yellow"))
        parts += _bullets(f"{key}: {why}" for key, why in renewal.problems.items())
    if renewal.by_hand:
        what = "To be looked up by hand" if renewal.before else "Not in the price list, so unknown in this region"
        parts.append(Text(f"\n{what}:", style="dim"))
        parts += _bullets([", ".join(renewal.by_hand)], style="dim")
    return Group(*parts)


def signed(amount: Decimal) -> str:
    """Return a change of cost as people read it: `+16.43`, `-3.65`, `0.00`."""
    rounded = cents(amount)
    return f"{rounded:+,}" if rounded else "0.00"


def _by_resource(estimated: Estimate) -> Table:
    table = _table("resource", "kind", "min", "expected", "max")
    small = 0
    for _, cost, items in estimated.by_resource():
        if cost.high < _CENT:
            small += 1
            continue
        table.add_row(items[0].resource, Text(kind(items[0].type), style="cyan"), *_amounts(cost))
    if small:
        table.add_row(Text(f"{small} more, each less than a cent", style="dim"))
    table.add_section()
    table.add_row(Text("total", style="bold"), "", *_amounts(estimated.total))
    return table


def _by_line(estimated: Estimate) -> Table:
    table = _table("resource", "what", "quantity", "unit", "expected")
    for _, _, items in estimated.by_resource():
        for item in items:
            quantity = "" if item.key == "usage" else f"{item.quantity.expected:,.2f}".removesuffix(".00")
            table.add_row(item.resource, item.what, quantity, item.unit, _usd(item.cost.expected))
    table.add_section()
    table.add_row(Text("total", style="bold"), "", "", "", _usd(estimated.total.expected))
    for column, justify in zip(table.columns, ("left", "left", "right", "left", "right"), strict=True):
        column.justify = justify
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        amount = name in {"min", "expected", "max"}
        table.add_column(name, justify="right" if amount else "left", no_wrap=True)
    return table


def _amounts(cost: Range) -> tuple[str, str, str]:
    if cost.is_exact:
        return "", _usd(cost.expected), ""
    return _usd(cost.low), _usd(cost.expected), _usd(cost.high)


def _bullets(texts: Iterable[str], style: str = "") -> list[RenderableType]:
    return [
        Text(textwrap.fill(text, _WIDTH, initial_indent="- ", subsequent_indent="  "), style=style) for text in texts
    ]


def _prices(estimated: Estimate) -> str:
    sheet = estimated.sheet
    return (
        f"prices on demand in {sheet.region}, {sheet.oldest} to {sheet.newest}, without tax, savings plans and support"
    )


def _usd(amount: Decimal) -> str:
    return f"{cents(amount):,}"
