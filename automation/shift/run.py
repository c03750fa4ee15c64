"""Run a shift: step by step to its end, or back; whatever happens, the file and the state say where it is."""

from __future__ import annotations

from automation.errors import Exit, UserError
from automation.shift import steps
from automation.shift.steps import ALL, Move
from automation.shift.walk import UnsureError, Walk, WorseError


class Shift(Walk):
    """A walk that has a goal, and a way back."""

    def forward(self, *, resume: bool) -> Exit:
        """Begin, or go on from where the state is, to the end.

        Raises:
            SettingsError: the services cannot run there.
            UserError: a step cannot be done; its sentence says where the traffic is.
        """
        self.hand.settle()
        if resume and (rest := self.rest()) is not None:
            return self._end(rest)
        move, live = self.move(resume=resume)
        share = steps.share_of(move, live)
        ahead = [each for each in self.wish.steps if each > share]
        if share == ALL and steps.has_ended(move, self.hand.settings()):
            return self._end(move)
        self.report.say(f"{move.words}, in steps of {', '.join(f'{each} %' for each in ahead) or 'nothing more'}.")
        try:
            with self.standing_said():
                self.stand_beside(move, live, share)
                if share:
                    self.watch_step(move, share)
                for each in ahead:
                    self.advance(move, each)
                    self.watch_step(move, each)
        except UnsureError as doubt:
            return self._pause(str(doubt))
        except WorseError as problem:
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
        if (rest := self.rest()) is not None:
            return self._undo(rest)
        move, live = self.move(resume=True)
        self._confirm(move)
        # The file of a shift that is about to end names the new compute already.
        named = {self.hand.settings().compute_of(name) for name in move.origins}
        home = next(iter(move.origins.values())) if move.whole_stack and named == {move.target} else None
        try:
            with self.standing_said():
                if steps.has_moved(move, live) and not self.send_back(move, "asked to"):
                    return Exit.FAILED
                return self.remove(move, move.origins, home, f"nothing is left of the shift, {move.target} is gone")
        except KeyboardInterrupt:
            return self._interrupted("The way back is not complete")

    def _undo(self, rest: Move) -> Exit:
        """Go back on a shift that has ended but for what it takes away: finish that, and make the old compute anew."""
        way = steps.turned(rest, self.hand.settings())
        if way is None or any(self.hand.live()[name].own is rest.target for name in rest.origins):
            # It may as well be what a shift has begun to make: the state does not tell any more.
            origin = next(iter(rest.origins.values()))
            raise UserError(
                f"All traffic is on {rest.target}, and there is but a rest of {origin}.",
                hint=(
                    f"Remove the rest: modeshift shift --stack {rest.stack} --resume. "
                    f"Move traffic to {origin}: modeshift shift --stack {rest.stack} --to {origin}."
                ),
            )
        self._confirm(rest)
        if (code := self._end(rest)) is not Exit.DONE:
            return code
        try:
            with self.standing_said():
                self.stand_beside(way, self.hand.live(), 0)
                self.advance(way, ALL)
        except WorseError as problem:
            return self._roll_back(way, str(problem), Exit.FAILED)
        except KeyboardInterrupt:
            return self._roll_back(way, "interrupted", Exit.INTERRUPTED)
        return self._end(way)

    def _confirm(self, move: Move) -> None:
        self.hand.screen.confirm(f"Take this back: {move.words}?", yes=self.hand.yes)
        self.hand.yes = True

    def _end(self, move: Move) -> Exit:
        self.refuse_others(move)
        homes = dict.fromkeys(move.origins, move.target)
        origins = " and ".join(dict.fromkeys(move.origins.values()))
        try:
            with self.standing_said():
                stack = move.target if move.whole_stack else None
                return self.remove(move, homes, stack, f"{', '.join(homes)} on {move.target}; {origins} is gone")
        except KeyboardInterrupt:
            return self._interrupted(f"All traffic is on {move.target}, and {origins} is not removed yet")

    def _roll_back(self, move: Move, why: str, code: Exit) -> Exit:
        try:
            with self.standing_said():
                self.hand.settle()
                self.refuse_others(move)
                if not steps.has_moved(move, self.hand.live()):
                    self.report.say(f"No traffic had moved: {why}.", "yellow")
                    self.report.note("stopped", reason=why)
                    code = Exit.FAILED if code is Exit.ROLLED_BACK else code
                elif not self.send_back(move, why):
                    return Exit.FAILED
        except KeyboardInterrupt:
            return self._interrupted("Interrupted on the way back, so that traffic may be anywhere")
        if self.is_under_way():
            self.report.say(f"{move.target} still stands beside. {steps.ways_on(move.stack)}")
        return code

    def _pause(self, why: str) -> Exit:
        self.report.note("paused", step=self._step, reason=why)
        self.report.say(f"Paused at step {self._step}, where traffic stays as it is: {why}.", "yellow")
        self.report.say(f"{steps.ways_on(self.hand.session.stack)} With --watch 0s health alone decides.")
        return Exit.PAUSED

    def _interrupted(self, where: str) -> Exit:
        self.report.say(f"{where}. {steps.ways_on(self.hand.session.stack)}", "yellow")
        return Exit.INTERRUPTED
