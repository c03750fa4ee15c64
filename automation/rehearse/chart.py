"""A rehearsal as a picture: requests and latency over time, the change and what happened marked in both."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from automation.errors import UserError
from automation.rehearse.report import Happening, Report
from automation.rehearse.samples import Sample, percentile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES: Final = (".png", ".svg")
"""The kinds of picture."""

_WITHOUT_DATE: Final = {".png": {"Software": None}, ".svg": {"Date": None}}
_INK: Final = "#333336"
_FAINT: Final = "#6f7378"
_GRID: Final = "#d9dadc"
_GOOD: Final = "#7dbd97"
_BAD: Final = "#c62f21"
_MIDDLE: Final = "#1b6ca9"
_HIGH: Final = "#b45f06"
_BAND: Final = "#eef2fa"
_PAPER: Final = "#fefefd"
_DARK: Final = {
    _INK: "#e6e7ea",
    _FAINT: "#a0a6ae",
    _GRID: "#383d45",
    _GOOD: "#2c6b4a",
    _BAD: "#ff8a7d",
    _MIDDLE: "#6fb6f5",
    _HIGH: "#f0a85a",
    _BAND: "#1d2633",
    _PAPER: "#12161c",
}
"""The colours of readers who like it dark."""

_STYLED: Final = re.compile(r"(fill|stroke): (" + "|".join(_DARK) + ")")
_LEAST_MS: Final = 0.01
_MARKS: Final = 12
"""Most events that get a line."""


def write_chart(report: Report, path: Path) -> None:
    """Draw a rehearsal; the same rehearsal gives the same bytes.

    Raises:
        UserError: The name of the file says neither PNG nor SVG.

    """
    metadata = _WITHOUT_DATE.get(path.suffix.lower())
    if metadata is None:
        raise refused(path)
    import matplotlib as mpl  # noqa: PLC0415 half a second that only charts need

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 as above

    look: dict[Any, str | int] = {
        "svg.hashsalt": "modeshift",
        "font.size": 10,
        "text.color": _INK,
        "axes.edgecolor": _FAINT,
        "axes.labelcolor": _INK,
        "axes.facecolor": "none",
        "xtick.color": _FAINT,
        "ytick.color": _FAINT,
        "figure.facecolor": _PAPER,
    }
    with plt.rc_context(look):
        figure, (times, counts) = plt.subplots(
            2, 1, figsize=(9, 6), sharex=True, layout="constrained", height_ratios=(3, 2)
        )
        times.set_title(f"{report.plan.words} on {report.stack}: {report.verdict}", loc="left", fontweight="bold")
        seconds = _by_second(report)
        _latencies(times, seconds)
        _requests(counts, seconds)
        for axes in (times, counts):
            _change(axes, report)
            axes.grid(visible=True, axis="y", color=_GRID, linewidth=0.8)
            axes.set_axisbelow(True)
            axes.spines[["top", "right"]].set_visible(False)
        counts.set_xlabel("seconds")
        counts.set_xlim(0, report.end - report.start)
        figure.supxlabel(report.caption, fontsize=8, color=_FAINT, x=0.01, ha="left")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, metadata=metadata)
        plt.close(figure)
    if path.suffix.lower() == ".svg":
        path.write_text(_in_both_lights(path.read_text(encoding="utf-8")), encoding="utf-8")


def refused(path: Path) -> UserError:
    """Return the sentence for a chart that is no picture."""
    return UserError(f"{path.name} is neither .png nor .svg.", hint="Name the chart report.png or report.svg.")


def _by_second(report: Report) -> list[list[Sample]]:
    seconds: list[list[Sample]] = [[] for _ in range(math.ceil(report.end - report.start))]
    for one in report.samples:
        seconds[int(one.due - report.start)].append(one)
    return seconds


def _latencies(axes: Axes, seconds: Sequence[Sequence[Sample]]) -> None:
    good = [sorted(1000 * one.latency for one in ones if not one.failure) for ones in seconds]
    every = sorted(latency for ones in good for latency in ones)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.set_ylabel("milliseconds")
    if not every:
        return
    # Whole factors of ten, or an axis without a number may come out.
    axes.set_ylim(_power(every[0]), 10 * _power(every[-1]))
    for share, colour, label in ((1.0, _FAINT, "slowest"), (0.95, _HIGH, "95 % within"), (0.5, _MIDDLE, "half within")):
        # A second without answers is a gap.
        points = [(second + 0.5, percentile(ones, share) or math.nan) for second, ones in enumerate(good)]
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.6 if share < 1 else 0.9, label=label)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, ncols=3, fontsize=9)


def _power(milliseconds: float) -> float:
    """Return the power of ten that is not above a value."""
    return 10.0 ** math.floor(math.log10(max(milliseconds, _LEAST_MS)))


def _requests(axes: Axes, seconds: Sequence[Sequence[Sample]]) -> None:
    edges = range(len(seconds) + 1)
    failed = [sum(1 for one in ones if one.failure) for ones in seconds]
    every = [len(ones) for ones in seconds]
    good = [count - bad for count, bad in zip(every, failed, strict=True)]
    axes.stairs(good, edges, fill=True, color=_GOOD, label="answered")
    axes.stairs(every, edges, baseline=good, fill=True, color=_BAD, label=f"failed: {sum(failed)}")
    axes.set_ylim(0, 1.1 * max(every, default=0) or 1)
    axes.set_ylabel("requests a second")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, ncols=2, fontsize=9)


def _change(axes: Axes, report: Report) -> None:
    axes.axvspan(report.began - report.start, report.finished - report.start, color=_BAND, zorder=0, linewidth=0)
    for one in _marked(report.timeline):
        axes.axvline(one.time - report.start, color=_FAINT, linewidth=0.8, linestyle=(0, (2, 3)))


def _marked(timeline: Sequence[Happening]) -> list[Happening]:
    """Return what gets a line: the command's own steps."""
    return [one for one in timeline if one.source == "command"][:_MARKS]


def _in_both_lights(svg: str) -> str:
    """Let the colours of a drawing follow its reader; where styles have no variables, they stay as they are."""
    svg = _STYLED.sub(lambda found: f"{found[0]}; {found[1]}: var(--c{found[2][1:]}, {found[2]})", svg)
    dark = " ".join(f"--c{name[1:]}: {colour};" for name, colour in _DARK.items())
    style = f"<style>@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}</style>"
    return re.sub(r"(<svg\b[^>]*>)", rf"\1\n {style}", svg, count=1)
