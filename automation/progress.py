"""Live progress of a run, grouped by component: a moving table on a terminal, finished lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from automation import render
from automation.engine import Event, OnEvent
from automation.plan import Op, Plan


class _Tally:
    """How far each component is: what the preview promised against what is done."""

    def __init__(self, verb: str, plan: Plan, expected: Plan | None) -> None:
        self._verb = verb
        self._plan = plan
        self._expected = expected
        self._started = time.monotonic()
        self._total = _members(expected) if expected else {}
        self.finished: list[str] = []

    def rows(self) -> dict[str, tuple[int, int, bool]]:
        """Return per component: done, total, failed."""
        rows: dict[str, tuple[int, int, bool]] = {}
        for component, members in (self._total or _members(self._plan)).items():
            done = len(members & self._plan.done)
            rows[self._label(component)] = (done, len(members), bool(members & self._plan.failed))
        return rows

    def _label(self, component: str) -> str:
        known = (self._expected or self._plan).changes.get(component)
        return f"{known.name} ({render.kind(known.type)})" if known else component.rsplit("::", 1)[-1]

    def newly_finished(self) -> Iterator[tuple[str, int, bool]]:
        for name, (done, total, failed) in self.rows().items():
            if name not in self.finished and (failed or done == total):
                self.finished.append(name)
                yield name, done, failed

    def elapsed(self) -> str:
        return render.seconds(time.monotonic() - self._started)

    def __rich__(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for name, (done, total, failed) in self.rows().items():
            mark = "[red]✗[/]" if failed else "[green]✓[/]" if done == total else "[yellow]…[/]"
            table.add_row(mark, name, f"{done}/{total}")
        table.add_row(Spinner("dots"), Text(f"{self._verb}, {self.elapsed()}", style="dim"))
        return table


@contextmanager
def following(console: Console, verb: str, plan: Plan, expected: Plan | None = None) -> Iterator[OnEvent]:
    """Yield an event callback that fills `plan` and shows how far the run is.

    Args:
        console: where to draw.
        verb: what is going on, as in `bringing up dev`.
        plan: filled from the events.
        expected: the preview's plan, which gives the totals.
    """
    tally = _Tally(verb, plan, expected)
    if console.is_terminal:
        with Live(tally, console=console, refresh_per_second=8, transient=True):
            yield plan.add
        return

    def take(event: Event) -> None:
        plan.add(event)
        if expected is not None:
            for name, done, failed in tally.newly_finished():
                console.print(f"  {'failed' if failed else 'done'}  {name}: {done} after {tally.elapsed()}")

    console.print(f"{verb} …", style="dim")
    yield take


def _members(plan: Plan) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for change in plan.changes.values():
        if change.custom and change.op not in {Op.SAME, Op.READ}:
            groups.setdefault(plan.component_of(change.urn), set()).add(change.urn)
    return groups
