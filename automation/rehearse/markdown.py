"""A rehearsal as Markdown, for a pull request or the docs; whatever came from outside is escaped."""

from __future__ import annotations

from automation.markdown.escape import VALUE, code, details, html_code, one_line, table
from automation.rehearse.report import Happening, Report
from automation.rehearse.samples import Figures
from automation.rehearse.verdict import Objective, Verdict
from automation.rehearse.words import figure_cells, headline

_MARKS = {True: "✅", False: "❌", None: "❔"}
_VERDICTS = {Verdict.GOOD: "✅", Verdict.BAD: "❌", Verdict.UNSURE: "❔"}
_LISTED = 200


def markdown(report: Report, notice: str, chart: str = "") -> str:
    """Return a report; `chart` is where its picture is, as seen from the text."""
    subject = f"{code(report.plan.words)} on {code(report.stack)}"
    parts = [
        f"## {_VERDICTS[report.verdict]} Rehearsal of {subject}: {report.verdict}",
        f"> {notice}" if notice else "",
        headline(report),
        *(f"> {html_text(remark)}" for remark in report.remarks),
        _objectives(report),
        f"![Latency and requests over time; the change is shaded.]({_target(chart)})" if chart else "",
        _figures(report),
        _failures(report),
        _timeline(report),
        f"<sub>{one_line(report.caption, VALUE)}</sub>",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _objectives(report: Report) -> str:
    return table(("", "objective", "found", "by"), "llll", (_objective(one) for one in report.objectives))


def _objective(one: Objective) -> list[str]:
    return [_MARKS[one.met], *(html_text(part) for part in (one.name, one.found, one.source))]


def _figures(report: Report) -> str:
    columns = ("", "requests", "failed", "a second", "p50", "p95", "p99", "slowest")
    rows = [[name, *_bold_failures(one)] for name, one in (*report.phases.items(), ("all", report.total))]
    return table(columns, "lrrrrrrr", rows)


def _bold_failures(one: Figures) -> list[str]:
    cells = figure_cells(one)
    return [f"**{cell}**" if number == 1 and one.failed else cell for number, cell in enumerate(cells)]


def _failures(report: Report) -> str:
    if not report.failures:
        return ""
    rows = [[html_text(one.kind), str(one.count), f"{one.first - report.start:.1f} s"] for one in report.failures]
    return table(("what failed", "how often", "first at"), "lrr", rows)


def _timeline(report: Report) -> str:
    shown = report.timeline[:_LISTED]
    if not shown:
        return ""
    rows = [_row(report, one) for one in shown]
    more = len(report.timeline) - len(shown)
    rest = f"\n\n… and {more} more, in the JSON." if more else ""
    body = table(("at", "what", "what happened"), "rll", rows) + rest
    return details(f"Timeline: {len(report.timeline)} events", body)


def _row(report: Report, one: Happening) -> list[str]:
    subject = html_code(one.subject) if one.subject else one.source
    return [f"{one.time - report.start:.1f} s", subject, html_text(one.text)]


def html_text(text: str) -> str:
    """Return a text for a table cell: as it is where it is harmless, else as code."""
    plain = one_line(text, VALUE)
    harmless = all(letter.isalnum() or letter in " .,;:%()/→’=-" for letter in plain)
    return plain if harmless and "://" not in plain and "www." not in plain else html_code(plain, VALUE)


def _target(path: str) -> str:
    """Return a file's path as a link's target."""
    from urllib.parse import quote  # noqa: PLC0415

    return quote(path)
