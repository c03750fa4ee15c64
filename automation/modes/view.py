"""What a person sees of the three computes: one column each, the recommendation, and what a move takes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from automation.cost.compare import TITLES
from automation.cost.money import plain
from automation.modes.survey import Column, Survey
from stacks.prices import cents

_WIDTH = 80
_ALL = 100


def survey_view(surveyed: Survey) -> RenderableType:
    """Render the computes side by side."""
    parts: list[RenderableType] = [
        Text(f"{surveyed.service} of {surveyed.stack}, front door {surveyed.front_door.value}\n", style="bold"),
        _table(surveyed),
        Text(),
        Text(textwrap.fill(surveyed.advice.reason, _WIDTH), style="bold"),
        *_moves(surveyed),
        Text("\nThis rests on:", style="dim"),
        *_bullets(surveyed.assumptions, style="dim"),
    ]
    return Group(*parts)


def _table(surveyed: Survey) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), expand=False)
    table.add_column("")
    for column in surveyed.columns:
        chosen = column.compute is surveyed.advice.compute
        table.add_column(_title(column), style="green" if chosen else "dim" if column.blockers else "")
    columns = surveyed.columns
    table.add_row("can run it", *(Text("no", style="red") if column.blockers else "yes" for column in columns))
    for name in columns[0].limits:
        table.add_row(name, *(column.limits[name] for column in columns))
    table.add_row("latency, warm", *(column.warm for column in columns))
    table.add_row("latency, cold", *(column.cold for column in columns))
    table.add_row("availability", *(column.availability for column in columns))
    table.add_row("promised by AWS", *(column.promised for column in columns))
    table.add_row("to run", *(", ".join(column.parts) for column in columns))
    table.add_section()
    table.add_row("USD idle", *(_usd(column.idle) for column in columns))
    table.add_row(f"USD at {plain(surveyed.requests)}", *(_usd(column.monthly) for column in columns), style="bold")
    return table


def _title(column: Column) -> str:
    share = "" if not column.share else " (now)" if column.share == _ALL else f" (now {column.share} %)"
    return TITLES[column.compute] + share


def _moves(surveyed: Survey) -> Iterable[RenderableType]:
    """Yield what each move takes, and what rules one out."""
    for column in surveyed.columns:
        title = TITLES[column.compute]
        if column.blockers:
            yield Text(f"\n{title} cannot run it:", style="red")
            yield from _bullets(column.blockers)
        elif not column.share:
            yield Text(f"\nTo {title}:")
            yield Text(f"  {surveyed.move(column.compute)}", style="cyan")
            yield from _bullets([*(f"first, {what}" for what in column.before), *column.brings])


def _bullets(texts: Iterable[str], style: str = "") -> list[RenderableType]:
    return [
        Text(
            textwrap.fill(text, _WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False),
            style=style,
        )
        for text in texts
    ]


def _usd(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{cents(amount):,}"
