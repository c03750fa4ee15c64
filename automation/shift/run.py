"""Run a shift: step by step to its end, or back; whatever happens, the file and the state say where it is."""

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


class _WorseError(Exception):
    """The new compute is worse than the old, or nobody can tell how it is."""


class _UnsureError(Exception):
    """There is too little to tell whether the new compute is good."""


@dataclass
class Shift:
    """One run of the command on one stack."""

    hand: Hand
    report: Report
    eyes: Eyes
    wish: Wish
    limits: Limits = field(default_factory=Limits)
    clock: Clock = field(default_factory=WallClock)
    _step: int = 0
    """The last step that this run knows of; a later one is somebody else's."""

    def forward(self, *, resume: bool) -> Exit:
        """Begin, or go on from where the state is, to the end.

        Raises:
            SettingsError: the services cannot run there.
            UserError: a step cannot be done; its sentence says where the traffic is.
        """
        self.hand.settle()
        if resume and (rest := self._rest()) is not None:
            return self._end(rest)
        move, live = self._move(resume=resume)
        share = steps.share_of(move, live)
        ahead = [each for each in self.wish.steps if each > share]
        if share == ALL and steps.has_ended(move, self.hand.settings()):
            return self._end(move)
        self.report.say(f"{move.words}, in steps of {', '.join(f'{each} %' for each in ahead) or 'nothing more'}.")
        try:
            with self._standing_said():
                self._stand_beside(move, live, share)
                if share:
                    self._watch(move, share)
                for each in ahead:
                    self._advance(move, each)
                    self._watch(move, each)
        except _UnsureError as doubt:
            return self._pause(str(doubt))
        except _WorseError as problem:
            return self._roll_back(move, str(problem), Exit.ROLLED_BACK)
        except KeyboardInterrupt:
            return self._roll_back(move, "interrupted", Exit.INTERRUPTED)
        return self._end(move)

    def back(self) -> Exit:
        """Send all traffic to where it came from, at once, and remove what it went to.

        Raises:
            UserError: no shift is under way, or a step cannot be done.
        """
        self.hand.settle()
        stack = self.hand.session.stack
        if (rest := self._rest()) is not None:
            origin = next(iter(rest.origins.values()))
            raise UserError(
                f"The shift has ended: all traffic is on {rest.target}, and there is but a rest of {origin}.",
                hint=(
                    f"Remove the rest: modeshift shift --stack {stack} --resume. "
                    f"Go to {origin}: modeshift shift --stack {stack} --to {origin}."
                ),
            )
        move, live = self._move(resume=True)
        self.hand.screen.confirm(f"Take this back: {move.words}?", yes=self.hand.yes)
        self.hand.yes = True
        # The file of a shift that is about to end names the new compute already.
        named = {self.hand.settings().compute_of(name) for name in move.origins}
        home = next(iter(move.origins.values())) if move.whole_stack and named == {move.target} else None
        try:
            with self._standing_said():
                if _has_moved(move, live) and not self._return(move, "asked to"):
                    return Exit.FAILED
                return self._remove(move, move.origins, home, f"nothing is left of the shift, {move.target} is gone")
        except KeyboardInterrupt:
            return self._interrupted("The way back is not complete")

    def _rest(self) -> Move | None:
        """Return the shift that has ended but for what it takes away."""
        return steps.rest(self.hand.session.stack, self.hand.settings(), self.hand.live())

    def _move(self, *, resume: bool) -> tuple[Move, Mapping[str, Live]]:
        live, settings = self.hand.live(), self.hand.settings()
        choose = steps.resume if resume else steps.begin
        move = choose(self.hand.session.stack, settings, live, self.wish.target, self.wish.service)
        self._step = max(live[name].step for name in move.origins)
        return move, live

    def _stand_beside(self, move: Move, live: Mapping[str, Live], share: int) -> None:
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

    def _advance(self, move: Move, share: int) -> None:
        self._refuse_others(move)
        result = self._apply(move, share, self._step + 1, Stage.MOVE)
        if not result.ok:
            self._explain(result)
            raise _WorseError(f"the step to {share} % failed")

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

    def _watch(self, move: Move, share: int) -> None:
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
                raise _WorseError(f"{error.message} {error.hint}") from None
        if judgement.verdict is Verdict.FAILURE:
            raise _WorseError(judgement.reason)
        if judgement.verdict is Verdict.INCONCLUSIVE:
            raise _UnsureError(judgement.reason)

    def _end(self, move: Move) -> Exit:
        self._refuse_others(move)
        homes = dict.fromkeys(move.origins, move.target)
        origins = " and ".join(dict.fromkeys(move.origins.values()))
        try:
            with self._standing_said():
                stack = move.target if move.whole_stack else None
                return self._remove(move, homes, stack, f"{', '.join(homes)} on {move.target}; {origins} is gone")
        except KeyboardInterrupt:
            return self._interrupted(f"All traffic is on {move.target}, and {origins} is not removed yet")

    def _remove(self, move: Move, homes: Mapping[str, Compute], stack: Compute | None, done: str) -> Exit:
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

    def _roll_back(self, move: Move, why: str, code: Exit) -> Exit:
        try:
            with self._standing_said():
                self.hand.settle()
                self._refuse_others(move)
                if not _has_moved(move, self.hand.live()):
                    self.report.say(f"No traffic had moved: {why}.", "yellow")
                    self.report.note("stopped", reason=why)
                    code = Exit.FAILED if code is Exit.ROLLED_BACK else code
                elif not self._return(move, why):
                    return Exit.FAILED
        except KeyboardInterrupt:
            return self._interrupted("Interrupted on the way back, so that traffic may be anywhere")
        if self._is_under_way():
            self.report.say(f"{move.target} still stands beside. {steps.ways_on(move.stack)}")
        return code

    def _return(self, move: Move, why: str) -> bool:
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

    def _pause(self, why: str) -> Exit:
        self.report.note("paused", step=self._step, reason=why)
        self.report.say(f"Paused at step {self._step}, where traffic stays as it is: {why}.", "yellow")
        self.report.say(f"{steps.ways_on(self.hand.session.stack)} With --watch 0s health alone decides.")
        return Exit.PAUSED

    def _interrupted(self, where: str) -> Exit:
        self.report.say(f"{where}. {steps.ways_on(self.hand.session.stack)}", "yellow")
        return Exit.INTERRUPTED

    def _is_under_way(self) -> bool:
        """Tell whether the state or the file knows of a shift."""
        shifts = [one.shift for one in self.hand.settings().services.values()]
        return any(shifts) or any(one.step for one in self.hand.live().values())

    def _refuse_others(self, move: Move) -> None:
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
    def _standing_said(self) -> Iterator[None]:
        """Let a problem say how to go on, once there is something to go on with."""
        try:
            yield
        except UserError as error:
            if error.code is Exit.DONE or not self._is_under_way():
                raise
            raise UserError(
                error.message, hint=f"{error.hint} {steps.ways_on(self.hand.session.stack)}".strip(), code=error.code
            ) from None


def _has_moved(move: Move, live: Mapping[str, Live]) -> bool:
    return any(live[name].weights.get(move.target, 0) for name in move.origins)
