"""What a shift says: a table for each step that moves while it is watched, and events for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from automation import render
from automation.screen import Screen
from automation.shift.judge import Sample, Verdict
from automation.shift.watch import Moment, Seen, Show
from stacks.settings import Compute

_STYLE = {Verdict.SUCCESS: "green", Verdict.FAILURE: "red", Verdict.INCONCLUSIVE: "yellow"}
_WORDS = {Verdict.SUCCESS: "good", Verdict.FAILURE: "worse", Verdict.INCONCLUSIVE: "not sure"}

Weights = Mapping[str, Mapping[Compute, int]]


class Report:
    """The events of one run, in order, told as they happen."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.events: list[dict[str, object]] = []

    def note(self, event: str, **facts: object) -> None:
        """Keep an event for programs."""
        self.events.append({"event": event, **facts})

    def say(self, text: str, style: str = "") -> None:
        """Say a sentence to people."""
        self.screen.say(text, style)

    @contextmanager
    def step(self, number: int, weights: Weights, length: float) -> Iterator[Show]:
        """Yield what shows how a step is doing; at its end it stays on the screen."""
        console = self.screen.console
        last: list[Moment] = []

        def view() -> RenderableType:
            return _step_view(number, weights, length, last[-1]) if last else Text("")

        def show(moment: Moment) -> None:
            last[:] = [moment]
            if console.is_terminal:
                live.update(view(), refresh=True)

        try:
            with Live(view(), console=console, auto_refresh=False, transient=True) as live:
                yield show
        finally:
            if last:
                console.print(view())
                self.note("watched", step=number, **_facts(last[-1]))


def shares(weights: Weights) -> dict[str, dict[str, int]]:
    """Return weights as JSON's plain types."""
    return {name: {compute.value: share for compute, share in one.items()} for name, one in weights.items()}


def _step_view(number: int, weights: Weights, length: float, moment: Moment) -> RenderableType:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("service", "compute", "share", "targets", "requests", "failed", "95 % within"):
        table.add_column(heading, justify="left" if heading in {"service", "compute"} else "right")
    for one in moment.seen:
        health = one.looks[-1]
        targets = f"{health.healthy} of {health.healthy + health.unhealthy + health.waiting} healthy"
        for compute, sample, told in ((one.pair.origin, one.old, ""), (one.pair.target, one.new, targets)):
            share = f"{weights[one.pair.service][compute]} %"
            table.add_row(one.pair.service, compute.value, share, told, *_cells(sample))
    judgement = moment.judgement
    watched = f"watched for {render.seconds(moment.elapsed)}" + (f" of {render.seconds(length)}" if length else "")
    verdict = Text(f"{_WORDS[judgement.verdict]}: {judgement.reason}", style=_STYLE[judgement.verdict])
    return Group(Text(f"step {number}, {watched}", style="bold"), table, verdict)


def _cells(sample: Sample) -> tuple[str, str, str]:
    if not sample.requests:
        return "none", "", ""
    return str(sample.requests), f"{sample.error_rate:.1%}", "" if sample.p95 is None else f"{sample.p95:.2f} s"


def _facts(moment: Moment) -> dict[str, object]:
    return {
        "seconds": round(moment.elapsed, 1),
        "verdict": moment.judgement.verdict.value,
        "reason": moment.judgement.reason,
        "services": {one.pair.service: _measured(one) for one in moment.seen},
    }


def _measured(one: Seen) -> dict[str, object]:
    health = one.looks[-1]
    return {
        "targets": {"healthy": health.healthy, "unhealthy": health.unhealthy, "waiting": health.waiting},
        **{compute.value: vars(sample) for compute, sample in ((one.pair.origin, one.old), (one.pair.target, one.new))},
    }
