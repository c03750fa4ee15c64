"""What a rehearsal found, in words and figures that the text and the Markdown share."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from automation.plan.remarks import noun
from automation.rehearse.report import Happening, Report
from automation.rehearse.samples import Figures
from automation.rehearse.verdict import Verdict

_STYLES = {Verdict.GOOD: "bold green", Verdict.BAD: "bold red", Verdict.UNSURE: "bold yellow"}
_MARKS = {True: ("met", "green"), False: ("MISSED", "red"), None: ("not known", "yellow")}
_LEVELS = {"error": "red", "warning": "yellow"}
_LISTED = 40
_SHORT_SECONDS = 0.1


def headline(report: Report) -> str:
    """Return the load and what came of it, in a sentence or two."""
    total = report.total
    sent = f"{report.rate:.0f} requests a second"
    wanted = "" if report.rate >= report.wanted else f" ({report.wanted:.0f} were not answered steadily)"
    return (
        f"{noun(total.requests, 'request')}, {total.failed} failed, at {sent}{wanted}, while "
        f"{report.plan.sentence}. The change took {report.finished - report.began:.1f} s."
    )


def figure_cells(one: Figures) -> list[str]:
    """Return requests, failures, rate and latencies as a table shows them."""
    times = [milliseconds(time) for time in (one.p50, one.p95, one.p99, one.most)]
    return [str(one.requests), str(one.failed), f"{one.rate:.1f}", *times]


def milliseconds(seconds: float | None) -> str:
    """Return a latency as a table shows it."""
    if seconds is None:
        return "none"
    return f"{1000 * seconds:.1f} ms" if seconds < _SHORT_SECONDS else f"{1000 * seconds:,.0f} ms"


def view(report: Report) -> RenderableType:
    """Return a report for a terminal."""
    said = Text.assemble(
        (f"{report.plan.words} on {report.stack}: ", "bold"), (report.verdict, _STYLES[report.verdict])
    )
    parts: list[RenderableType] = [said, Text(headline(report)), *(Text(one, style="yellow") for one in report.remarks)]
    parts += [Text(), _figures(report), Text(), _objectives(report)]
    if report.failures:
        parts += [Text(), _failures(report)]
    if report.timeline:
        parts += [Text(), _timeline(report)]
    return Group(*parts, Text(), Text(report.caption.removesuffix(" Shaded: the change."), style="dim"))


def _table(*headings: str, right: range = range(0)) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number in right else "left")
    return table


def _figures(report: Report) -> Table:
    table = _table("", "requests", "failed", "a second", "p50", "p95", "p99", "slowest", right=range(1, 8))
    for name, one in (*report.phases.items(), ("all", report.total)):
        table.add_row(name, *figure_cells(one), style="red" if one.failed else "")
    return table


def _objectives(report: Report) -> Table:
    table = _table("objective", "found", "")
    for one in report.objectives:
        table.add_row(Text(one.name), Text(one.found), Text(*_MARKS[one.met]))
    return table


def _failures(report: Report) -> Table:
    table = _table("what failed", "how often", "first at", right=range(1, 3))
    for one in report.failures:
        table.add_row(Text(one.kind), str(one.count), f"{one.first - report.start:.1f} s")
    return table


def _timeline(report: Report) -> Table:
    table = _table("at", "what", "what happened", right=range(1))
    shown = _chosen(report.timeline)
    for one in shown:
        at = f"{one.time - report.start:.1f} s"
        table.add_row(at, Text(one.subject or one.source), Text(one.text, style=_LEVELS.get(one.level, "")))
    if more := len(report.timeline) - len(shown):
        table.add_row("", "", Text(f"and {noun(more, 'event')} more: --json has all", style="dim"))
    return table


def _chosen(timeline: Sequence[Happening]) -> list[Happening]:
    """Return what a screen has room for, in order of time: the command's steps and what went wrong before the rest."""
    ranked = sorted(enumerate(timeline), key=lambda item: (item[1].source != "command", item[1].level == "info"))
    return [timeline[number] for number in sorted(number for number, _ in ranked[:_LISTED])]
