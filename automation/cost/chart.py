"""The comparison of modes as a picture: cost over traffic, both in factors of ten, break-evens marked."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from automation.cost.compare import REQUESTS, TITLES, Comparison
from automation.errors import UserError
from stacks.settings import Compute

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS: Final = {Compute.LAMBDA: "#d95f02", Compute.FARGATE: "#1b6ca8", Compute.EKS: "#5b4a9e"}
_WITHOUT_DATE: Final = {".png": {"Software": None}, ".svg": {"Date": None}}
_INK: Final = "#333333"
_FAINT: Final = "#777777"
_BIG: Final = ((Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "M"), (Decimal(1000), "k"))
_CLOSE: Final = 1.5
"""Names whose lines end closer than this factor are moved apart."""

_POINTS: Final = [Decimal(10) ** (Decimal(step) / 100) for step in range(4 * 100, 9 * 100 + 1)]
_FIRST, _LAST = REQUESTS[0], REQUESTS[-1]


def write_chart(comparison: Comparison, path: Path) -> None:
    """Draw the comparison; the same comparison gives the same bytes.

    Raises:
        UserError: The name of the file says neither PNG nor SVG.

    """
    metadata = _WITHOUT_DATE.get(path.suffix.lower())
    if metadata is None:
        raise UserError(f"{path.name} is neither .png nor .svg.", hint="Name the chart chart.png or chart.svg.")
    import matplotlib as mpl  # noqa: PLC0415 half a second that only charts need

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 as above

    with plt.rc_context({"svg.hashsalt": "modeshift", "font.size": 10, "axes.edgecolor": "#999999"}):
        figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
        axes.set_title(f"What {comparison.workload.name} costs on each compute", loc="left", fontweight="bold")
        _scales(axes)
        _lines(axes, comparison)
        _traffic(axes, comparison.requests)
        _break_evens(axes, comparison)
        figure.supxlabel(comparison.caption, fontsize=8, color=_FAINT, x=0.01, ha="left")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, metadata=metadata)
        plt.close(figure)


def _scales(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415 as above

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(float(_FIRST), float(_LAST))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(Decimal(str(value)))))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.set_xlabel("requests a month")
    axes.set_ylabel("USD a month")
    axes.grid(visible=True, which="major", color="#e3e3e3", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.minorticks_off()


def _lines(axes: Axes, comparison: Comparison) -> None:
    for compute, cost in comparison.costs.items():
        values = [float(cost(point)) for point in _POINTS]
        axes.plot([float(point) for point in _POINTS], values, color=_COLOURS[compute], linewidth=2.2)
    ends = {compute: float(cost(_LAST)) for compute, cost in comparison.costs.items()}
    for compute, height in _apart(ends).items():
        axes.annotate(
            TITLES[compute],
            (float(_LAST), height),
            xytext=(6, 0),
            textcoords="offset points",
            color=_COLOURS[compute],
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )


def _apart(heights: Mapping[Compute, float]) -> dict[Compute, float]:
    """Return heights for names, from the top down, none closer to the next than can be read."""
    placed: dict[Compute, float] = {}
    above = float("inf")
    for compute in sorted(heights, key=lambda each: -heights[each]):
        above = min(heights[compute], above / _CLOSE)
        placed[compute] = above
    return placed


def _traffic(axes: Axes, requests: Decimal) -> None:
    if _FIRST < requests < _LAST:
        axes.axvline(float(requests), color=_FAINT, linewidth=1, linestyle=(0, (2, 3)))
        axes.annotate(
            f"usage: {short(requests)}",
            (float(requests), 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(5, 0),
            textcoords="offset points",
            fontsize=9,
            color=_FAINT,
        )


def _break_evens(axes: Axes, comparison: Comparison) -> None:
    for found in comparison.break_evens:
        if found.requests is None or found.cost is None or not _FIRST <= found.requests <= _LAST:
            continue
        place = (float(found.requests), float(found.cost))
        axes.plot(*place, "o", color=_INK, markersize=7, zorder=5)
        axes.annotate(
            f"{short(found.requests)} requests, {found.cost:,.0f} USD:\n"
            f"{TITLES[found.after]} below {TITLES[found.before]}",
            place,
            xytext=(16, -40),
            textcoords="offset points",
            fontsize=9,
            color=_INK,
            arrowprops={"arrowstyle": "-", "color": "#888888", "linewidth": 0.8},
        )


def short(number: Decimal) -> str:
    """Return a large number as an axis shows it: `21.4 M`."""
    for size, letter in _BIG:
        if number >= size:
            return f"{float(number / size):.3g} {letter}"
    return f"{float(number):g}"
