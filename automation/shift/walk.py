"""The steps of a shift: each an edit of the file and an `up`, told as it is done and checked before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from automation import render
from automation.errors import Exit, UserError
from automation.operations import Result
from automation.shift import file, steps
from automation.shift.guard import Stage
from automation.shift.hand import Hand
from automation.shift.judge import Limits, Verdict
from automation.shift.live import Live
from automation.shift.report import Report, shares
from automation.shift.steps import ALL, Move
from automation.shift.watch import Clock, Eyes, WallClock, pairs_of, wait_until_ready, watch
from stacks.settings import Compute


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person asked for; times in seconds."""

    target: Compute | None = None
    service: str | None = None
    steps: Sequence[int] = (10, 50, 100)
    watch: float = 300
    patience: float = 600


class WorseError(Exception):
    """The new compute is worse than the old, or nobody can tell how it is."""


class UnsureError(Exception):
    """There is too little to tell whether the new compute is good."""


@dataclass
class Walk:
    """One run of the command on one stack: the steps that it can make, each of which anybody could."""

    hand: Hand
    report: Report
    eyes: Eyes
    wish: Wish
    limits: Limits = field(default_factory=Limits)
    clock: Clock = field(default_factory=WallClock)
    _step: int = 0
    """The last step that this run knows of; a later one is somebody else's."""

    def rest(self) -> Move | None:
        """Return the shift that has ended but for what it takes away."""
        return steps.rest(self.hand.session.stack, self.hand.settings(), self.hand.live())

    def move(self, *, resume: bool) -> tuple[Move, Mapping[str, Live]]:
        live, settings = self.hand.live(), self.hand.settings()
        choose = steps.resume if resume else steps.begin
        move = choose(self.hand.session.stack, settings, live, self.wish.target, self.wish.service)
        self._step = max(live[name].step for name in move.origins)
        return move, live

    def stand_beside(self, move: Move, live: Mapping[str, Live], share: int) -> None:
        """Bring up both computes with the weights that are live, and wait until the new one is ready."""
        settings = self.hand.settings()
        agreed = all(live[name].step == self._step for name in move.origins)
        number = max(1, self._step) if agreed else steps.step_of(move, settings, live) + 1
        result = self._apply(move, share, number, Stage.BESIDE)
        if not result.ok:
            self._explain(result)
            raise UserError(f"{move.target} could not be made.", code=Exit.FAILED)
        if share == 0:
            self.report.say(f"{move.target} stands beside and gets no traffic yet; waiting until it is healthy.")
            wait_until_ready(self.eyes, pairs_of(move, self.hand.live()), self.wish.patience, self.clock)

    def advance(self, move: Move, share: int) -> None:
        self.refuse_others(move)
        result = self._apply(move, share, self._step + 1, Stage.MOVE)
        if not result.ok:
            self._explain(result)
            raise WorseError(f"the step to {share} % failed")

    def _apply(self, move: Move, share: int, number: int, stage: Stage) -> Result:
        weights = move.weights(share)
        text = file.with_weights(self.hand.text, self.hand.settings(), weights, number)
        self._step = number
        result = self.hand.apply(text, weights, stage, move)
        self.report.note(
            "step", step=number, share=share, weights=shares(weights), ok=result.ok, seconds=round(result.seconds, 2)
        )
        if result.code is Exit.INTERRUPTED:
            raise KeyboardInterrupt
        return result

    def watch_step(self, move: Move, share: int) -> None:
        with self.report.step(self._step, move.weights(share), self.wish.watch) as show:
            try:
                judgement = watch(
                    self.eyes,
                    pairs_of(move, self.hand.live()),
                    self.wish.watch,
                    limits=self.limits,
                    clock=self.clock,
                    show=show,
                )
            except UserError as error:
                raise WorseError(f"{error.message} {error.hint}") from None
        if judgement.verdict is Verdict.FAILURE:
            raise WorseError(judgement.reason)
        if judgement.verdict is Verdict.INCONCLUSIVE:
            raise UnsureError(judgement.reason)

    def remove(self, move: Move, homes: Mapping[str, Compute], stack: Compute | None, done: str) -> Exit:
        """Write where each service is at home, without a shift, and remove the compute that has nothing to do."""
        text = file.with_computes(self.hand.text, self.hand.settings(), homes, stack=stack)
        wanted = {name: {compute: ALL} for name, compute in homes.items()}
        result = self.hand.apply(text, wanted, Stage.REMOVE, move)
        self.report.note("removed", ok=result.ok, seconds=round(result.seconds, 2))
        if result.code is Exit.INTERRUPTED:
            raise KeyboardInterrupt
        if not result.ok:
            self._explain(result)
            raise UserError(
                "What is not needed any more could not be removed; no traffic goes there.",
                hint=f"Run modeshift up --stack {move.stack} to finish.",
                code=Exit.FAILED,
            )
        self.report.say(f"Done: {done}.", "green")
        return Exit.DONE

    def send_back(self, move: Move, why: str) -> bool:
        """Send all traffic back, as one change of nothing but the rules; tell whether it is there."""
        origins = " and ".join(dict.fromkeys(move.origins.values()))
        self.report.say(f"All traffic goes back to {origins}: {why}.", "yellow")
        started = self.clock.now()
        live, settings = self.hand.live(), self.hand.settings()
        self._step = steps.step_of(move, settings, live) + 1
        text = file.with_weights(self.hand.text, settings, move.weights(0), self._step)
        result = self.hand.at_once(text, [live[name].rule for name in move.origins])
        length = (self.clock.now() - started).total_seconds()
        self.report.note("rolled-back", step=self._step, reason=why, ok=result.ok, seconds=round(length, 2))
        if not result.ok:
            self._explain(result)
            self.report.say(f"The way back is not complete. Again: modeshift shift --stack {move.stack} --back", "red")
            return False
        self.report.say(f"All traffic is on {origins} again; the way back took {render.seconds(length)}.", "yellow")
        return True

    def is_under_way(self) -> bool:
        """Tell whether the state or the file knows of a shift."""
        shifts = [one.shift for one in self.hand.settings().services.values()]
        return any(shifts) or any(one.step for one in self.hand.live().values())

    def refuse_others(self, move: Move) -> None:
        """Refuse to go on when somebody else has moved traffic since this run last did."""
        live = self.hand.live()
        for name in move.origins:
            if live[name].step > self._step:
                raise UserError(
                    f"Somebody else has moved traffic of {name}: {live[name].traffic.tag} is live, "
                    f"and this run knows step {self._step}. It stops here and changes nothing.",
                    hint="One run at a time moves traffic; let that one end.",
                    code=Exit.FAILED,
                )

    def _explain(self, result: Result) -> None:
        self.report.screen.console.print(render.diagnostics_view(result.plan.errors()), soft_wrap=True)

    @contextmanager
    def standing_said(self) -> Iterator[None]:
        """Let a problem say how to go on, once there is something to go on with."""
        try:
            yield
        except UserError as error:
            if error.code is Exit.DONE or not self.is_under_way():
                raise
            raise UserError(
                error.message, hint=f"{error.hint} {steps.ways_on(self.hand.session.stack)}".strip(), code=error.code
            ) from None
