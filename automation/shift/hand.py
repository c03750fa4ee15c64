"""Change one stack in steps that anybody could make: edit its file, preview, check, bring up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from automation import operations, recovery, render
from automation.cloud import Session, ensure_stack, settings_of
from automation.errors import Exit, UserError
from automation.operations import Result
from automation.review import review, review_view
from automation.screen import Screen
from automation.shift import file
from automation.shift.guard import Stage, refuse_more
from automation.shift.live import Live, read_live
from automation.shift.steps import Move
from stacks.files import parse_stack_file
from stacks.load import Resolved
from stacks.settings import Compute, StackSettings

Weights = Mapping[str, Mapping[Compute, int]]


@dataclass
class Hand:
    """The stack that a shift changes. It asks once, before its first change."""

    screen: Screen
    session: Session
    yes: bool

    @property
    def path(self) -> Path:
        """Return the stack's file."""
        return self.session.project.stack_file(self.session.stack)

    @property
    def text(self) -> str:
        """Return what the file says now."""
        return file.read(self.path)

    def settings(self) -> StackSettings:
        """Return the settings that the file makes."""
        return self._resolved(None).settings

    def live(self) -> dict[str, Live]:
        """Return what the state says, by service."""
        return read_live(self.session)

    def settle(self) -> None:
        """Settle what an earlier run left unfinished."""
        recovery.recover(self.session, self.screen.console)

    def apply(self, text: str, wanted: Weights, stage: Stage, move: Move) -> Result:
        """Bring the stack up to a new text of its file; the file stays as it was unless that begins.

        Args:
            text: what the file shall say.
            wanted: the weights that it means.
            stage: what the step is about.
            move: the shift that it is a step of.

        Raises:
            SettingsError: the settings are wrong.
            UserError: the plan does not hold what the step is about, or more; or it is forbidden.
        """
        resolved, before = self._resolved(text), self.text
        _require(resolved.settings, self.settings(), wanted)
        self._write(text)
        try:
            planned = self._previewed(resolved, stage, move)
        except BaseException:
            self._restore(text, before)
            raise
        if not planned.plan.changed():
            return planned
        try:
            return operations.up(self.session, self.screen.console, planned.plan)
        except UserError:
            # Another run holds the stack, so that this one has not begun.
            self._restore(text, before)
            raise

    def at_once(self, text: str, targets: Sequence[str]) -> Result:
        """Bring up nothing but some resources, without a preview: it moves traffic away from what does not work."""
        self._write(text)
        self.settle()
        return operations.up(self.session, self.screen.console, targets=targets)

    def _resolved(self, text: str | None) -> Resolved:
        session = self.session
        instead = None if text is None else parse_stack_file(self.path.name, text)
        return settings_of(session.project, session.stack, session.cloud, instead)

    def _write(self, text: str) -> None:
        if text != self.text:
            file.write(self.path, text)
        ensure_stack(self.session.project, self.session.stack, self.session.cloud, self.session.state)

    def _restore(self, text: str, before: str) -> None:
        """Put back what the file said, unless somebody has edited it meanwhile."""
        if self.text == text:
            self._write(before)

    def _previewed(self, resolved: Resolved, stage: Stage, move: Move) -> Result:
        self.settle()
        planned = operations.preview(self.session, self.screen.console)
        if planned.code is Exit.INTERRUPTED:
            raise KeyboardInterrupt
        if not planned.ok:
            self.screen.console.print(render.diagnostics_view(planned.plan.errors()), soft_wrap=True)
            raise UserError("This step cannot be done; nothing was changed by it.", code=Exit.FAILED)
        refuse_more(planned.plan, stage, move)
        reviewed = review(self.session.project, resolved, planned, datetime.now(UTC).date())
        if reviewed.code is Exit.POLICY:
            self.screen.console.print(review_view(reviewed), soft_wrap=True)
            raise UserError("A policy or the budget forbids this step; nothing was changed by it.", code=Exit.POLICY)
        if planned.plan.changed() and not self.yes:
            self.screen.plan(self.session, planned)
            self.screen.confirm(f"Shift {move.words}?", yes=False)
            self.yes = True
        return planned


def _require(after: StackSettings, before: StackSettings, wanted: Weights) -> None:
    """Refuse a text that means something else than it shall, however that came.

    Raises:
        UserError: it does.
    """
    meant = {name: before.computes_of(name) for name in before.services} | {
        name: dict(weights) for name, weights in wanted.items()
    }
    if meant != {name: after.computes_of(name) for name in after.services}:
        raise UserError(
            "The stack file is written in a way that this command cannot edit.",
            hint="docs/shift.md says what to write at each step; it is an ordinary edit and an ordinary `up`.",
        )
