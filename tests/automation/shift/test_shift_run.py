"""What a run does with what it sees: a stack of paper, whose steps take no time and leave a trace."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from automation.errors import Exit, UserError
from automation.operations import Result
from automation.plan import Diagnostic, Plan
from automation.screen import Screen
from automation.shift.guard import Stage
from automation.shift.judge import Health, Interval, Sample
from automation.shift.live import Group, Live
from automation.shift.report import Report
from automation.shift.run import Shift
from automation.shift.steps import Move
from automation.shift.walk import Wish
from stacks.files import parse_stack_file
from stacks.live_traffic import Traffic
from stacks.load import resolve
from stacks.settings import Compute, StackSettings

LAMBDA, FARGATE = Compute.LAMBDA, Compute.FARGATE
TEXT = "config:\n  aws:region: us-east-1\n  modeshift:mode: serverless\n"
EXTRA = {"modeshift:image": "registry/app@sha256:" + "0" * 64, "modeshift:network": {"nat": "single"}}
BUSY, FAILING, QUIET = Sample(requests=500), Sample(requests=500, errors=100), Sample()


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 5, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def group(compute: Compute) -> Group:
    return Group(arn=compute.value, name=compute.value, balancer="app/x/1", is_function=compute is LAMBDA)


@dataclass
class Paper:
    """A hand whose stack is a text and a tag; `on_step` may make a step go wrong."""

    screen: Screen
    text: str = TEXT
    tag: Traffic = field(default_factory=lambda: Traffic({"lambda": 100}))
    own: Compute = LAMBDA
    yes: bool = True
    trace: list[str] = field(default_factory=list)
    on_step: Callable[[str], Exit] = lambda _: Exit.DONE
    session: Any = field(default_factory=lambda: SimpleNamespace(stack="dev"))

    def settings(self) -> StackSettings:
        config = parse_stack_file("Pulumi.dev.yaml", self.text).config
        return resolve("dev", {**EXTRA, **config}).settings

    def live(self) -> dict[str, Live]:
        groups = {compute: group(compute) for compute in (LAMBDA, FARGATE)} if self.tag.step else {}
        computes = frozenset(groups) | {self.own}
        return {"netprobe": Live(traffic=self.tag, own=self.own, rule="urn::rule", groups=groups, computes=computes)}

    def settle(self) -> None:
        """Nothing is ever left of a run on paper."""

    def apply(self, text: str, wanted: Mapping[str, Mapping[Compute, int]], stage: Stage, move: Move) -> Result:
        return self._up(text, stage.name.lower())

    def at_once(self, text: str, targets: Sequence[str]) -> Result:
        assert targets == ["urn::rule"]
        return self._up(text, "back")

    def _up(self, text: str, what: str) -> Result:
        self.text = text
        settings = self.settings()
        weights = {compute.value: share for compute, share in settings.computes_of("netprobe").items()}
        shift = settings.services["netprobe"].shift
        name = f"{what} {weights.get('fargate', 0)}"
        self.trace.append(name)
        plan = Plan("dev")
        code = self.on_step(name)
        if code is Exit.DONE:
            self.tag = Traffic(weights, shift.step if shift else None)
            self.own = self.own if shift else settings.compute_of("netprobe")
        elif code is Exit.FAILED:
            plan.diagnostics.append(Diagnostic("error", "the rule could not be changed"))
        return Result("dev", plan, code, 1.0)


@dataclass
class Sight:
    """What is seen of the new compute once traffic has moved."""

    new: Sample = BUSY
    health_of: Callable[[], Health] = lambda: Health(healthy=2)

    def health(self, group: Group) -> Health:
        return self.health_of()

    def intervals(self, old: Group | None, new: Group, start: datetime, end: datetime) -> list[Interval]:
        return [Interval(old=BUSY, new=self.new)] * int((end - start).total_seconds() // 60)


@dataclass
class Desk:
    hand: Paper
    sight: Sight = field(default_factory=Sight)
    wish: Wish = field(default_factory=lambda: Wish(target=FARGATE, watch=180))

    def run(self) -> Shift:
        return Shift(self.hand, Report(self.hand.screen), self.sight, self.wish, clock=Clock())  # type: ignore[arg-type]

    @property
    def said(self) -> str:
        file = self.hand.screen.console.file
        assert isinstance(file, io.StringIO)
        return " ".join(file.getvalue().split())


@pytest.fixture
def desk() -> Desk:
    return Desk(Paper(Screen(Console(file=io.StringIO(), width=140), json=False)))


def events(shift: Shift) -> list[str]:
    return [str(event["event"]) for event in shift.report.events]


def test_a_good_shift_goes_all_the_way(desk: Desk) -> None:
    shift = desk.run()
    assert shift.forward(resume=False) is Exit.DONE
    assert desk.hand.trace == ["beside 0", "move 10", "move 50", "move 100", "remove 100"]
    assert desk.hand.text == TEXT.replace("serverless", "container")
    assert events(shift) == ["step", "step", "watched", "step", "watched", "step", "watched", "removed"]
    assert "Done: netprobe on fargate; lambda is gone." in desk.said


def test_more_errors_send_all_traffic_back(desk: Desk) -> None:
    desk.sight.new = FAILING
    shift = desk.run()
    assert shift.forward(resume=False) is Exit.ROLLED_BACK
    assert desk.hand.trace == ["beside 0", "move 10", "back 0"]
    assert desk.hand.tag == Traffic({"lambda": 100, "fargate": 0}, 3)
    assert "shift: {step: 3, weights: {lambda: 100, fargate: 0}}" in desk.hand.text
    back = next(event for event in shift.report.events if event["event"] == "rolled-back")
    assert back["ok"] is True
    assert "20.0% of requests failed, against 0.0% of the old compute" in str(back["reason"])
    assert "the way back took" in desk.said
    assert "fargate still stands beside. Go on: modeshift shift --stack dev --resume." in desk.said


def test_no_requests_pause_where_it_is_and_resume_goes_on(desk: Desk) -> None:
    desk.sight.new = QUIET
    assert desk.run().forward(resume=False) is Exit.PAUSED
    assert desk.hand.tag == Traffic({"lambda": 90, "fargate": 10}, 2)
    assert "Paused at step 2, where traffic stays as it is: 0 requests to the new compute" in desk.said
    desk.sight.new, desk.hand.text = BUSY, TEXT
    assert desk.run().forward(resume=True) is Exit.DONE
    assert desk.hand.trace[2:] == ["beside 10", "move 50", "move 100", "remove 100"]


def test_a_step_that_fails_goes_back(desk: Desk) -> None:
    desk.hand.on_step = lambda step: Exit.FAILED if step == "move 50" else Exit.DONE
    assert desk.run().forward(resume=False) is Exit.ROLLED_BACK
    assert desk.hand.trace[-2:] == ["move 50", "back 0"]
    assert desk.hand.tag.step == 4
    assert "the rule could not be changed" in desk.said


@pytest.mark.parametrize("when", ["beside 0", "move 10"])
def test_an_interrupted_step_leaves_traffic_on_the_old_compute(desk: Desk, when: str) -> None:
    desk.hand.on_step = lambda step: Exit.INTERRUPTED if step == when else Exit.DONE
    assert desk.run().forward(resume=False) is Exit.INTERRUPTED
    assert desk.hand.tag.weights["lambda"] == 100
    assert "No traffic had moved: interrupted." in desk.said
    assert "modeshift shift --stack dev --back" in desk.said


def test_ctrl_c_while_watching_goes_back(desk: Desk) -> None:
    def interrupt() -> Health:
        if desk.hand.trace[-1] == "move 50":
            signal.raise_signal(signal.SIGINT)
        return Health(healthy=1)

    desk.sight.health_of = interrupt
    assert desk.run().forward(resume=False) is Exit.INTERRUPTED
    assert desk.hand.trace[-2:] == ["move 50", "back 0"]


def test_who_cannot_see_goes_back(desk: Desk) -> None:
    def blind() -> Health:
        if desk.hand.trace[-1] == "move 10":
            raise UserError("AWS does not say how the computes are doing.", hint="AccessDenied", code=Exit.FAILED)
        return Health(healthy=1)

    desk.sight.health_of = blind
    assert desk.run().forward(resume=False) is Exit.ROLLED_BACK
    assert "AWS does not say how the computes are doing. AccessDenied" in desk.said


def test_a_way_back_that_fails_says_so(desk: Desk) -> None:
    desk.sight.new = FAILING
    desk.hand.on_step = lambda step: Exit.FAILED if step == "back 0" else Exit.DONE
    assert desk.run().forward(resume=False) is Exit.FAILED
    assert "The way back is not complete. Again: modeshift shift --stack dev --back" in desk.said
    desk.hand.on_step = lambda _: Exit.DONE
    assert desk.run().back() is Exit.DONE
    assert (desk.hand.text, desk.hand.tag.step) == (TEXT, None)


def test_of_two_runs_the_one_that_is_behind_stops_and_changes_nothing(desk: Desk) -> None:
    other = Traffic({"lambda": 40, "fargate": 60}, 7)

    def another() -> Health:
        if desk.hand.trace[-1] == "move 10":
            desk.hand.tag = other
        return Health(healthy=1)

    desk.sight.health_of = another
    with pytest.raises(UserError) as refused:
        desk.run().forward(resume=False)
    assert "Somebody else has moved traffic of netprobe: step 7: lambda=40 fargate=60 is live" in refused.value.message
    assert (desk.hand.tag, desk.hand.trace[-1]) == (other, "move 10")


def test_what_is_removed_is_not_gone_back_on(desk: Desk) -> None:
    desk.hand.on_step = lambda step: Exit.INTERRUPTED if step.startswith("remove") else Exit.DONE
    assert desk.run().forward(resume=False) is Exit.INTERRUPTED
    assert desk.hand.tag == Traffic({"lambda": 0, "fargate": 100}, 4)
    assert "All traffic is on fargate, and lambda is not removed yet." in desk.said
    desk.hand.on_step = lambda _: Exit.DONE
    assert desk.run().forward(resume=True) is Exit.DONE
    assert desk.hand.text == TEXT.replace("serverless", "container")


def test_back_from_a_shift_about_to_end_restores_the_file(desk: Desk) -> None:
    desk.hand.on_step = lambda step: Exit.INTERRUPTED if step.startswith("remove") else Exit.DONE
    desk.run().forward(resume=False)
    desk.hand.on_step = lambda _: Exit.DONE
    assert desk.run().back() is Exit.DONE
    assert desk.hand.trace[-2:] == ["back 0", "remove 0"]
    assert (desk.hand.text, desk.hand.own) == (TEXT, LAMBDA)


def rest(desk: Desk, own: Compute) -> None:
    """A shift to fargate was killed while it removed what is left of lambda."""
    desk.hand.text, desk.hand.own = TEXT.replace("serverless", "container"), own
    desk.hand.tag, plain = Traffic({own.value: 100}), desk.hand.live

    def live() -> dict[str, Live]:
        if desk.hand.trace:
            return plain()
        one = plain()["netprobe"]
        return {"netprobe": Live(traffic=one.traffic, own=own, computes=frozenset({LAMBDA, FARGATE}))}

    desk.hand.live = live  # type: ignore[method-assign]


def test_a_rest_is_removed_by_going_on(desk: Desk) -> None:
    rest(desk, LAMBDA)
    assert desk.run().forward(resume=True) is Exit.DONE
    assert desk.hand.trace == ["remove 100"]


def test_a_rest_is_removed_and_made_anew_by_going_back(desk: Desk) -> None:
    rest(desk, LAMBDA)
    assert desk.run().back() is Exit.DONE
    assert desk.hand.trace == ["remove 100", "beside 100", "move 0", "remove 0"]
    assert (desk.hand.text, desk.hand.own) == (TEXT, LAMBDA)


def test_a_rest_that_may_be_a_beginning_is_asked_about(desk: Desk) -> None:
    rest(desk, FARGATE)
    with pytest.raises(UserError) as refused:
        desk.run().back()
    assert refused.value.message == "All traffic is on fargate, and there is but a rest of lambda."
    assert "--to lambda" in refused.value.hint
    assert desk.hand.trace == []
