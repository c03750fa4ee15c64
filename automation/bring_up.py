"""Bring a stack up as a person wants it done: preview it, judge the preview, ask, and only then change anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from automation import expected as expected_plan
from automation import operations, recovery, render
from automation.cloud import Session
from automation.errors import Exit, UserError
from automation.operations import Result
from automation.review import review, review_view
from automation.screen import Screen
from stacks.load import Resolved

_SHORT = 12


def bring_up(
    screen: Screen,
    session: Session,
    again: str,
    *,
    yes: bool,
    skip_preview: bool = False,
    refresh: bool = False,
    accept_data_loss: bool = False,
    expect_plan: Path | None = None,
    resolved: Resolved | None = None,
    agreed: Callable[[], None] = lambda: None,
) -> Result:
    """Preview, hold the preview against the policies of stacks that have settings, ask, bring up, and show each.

    `agreed` is called when nothing keeps the stack from being changed any more, and before anything is.
    """
    if resolved is not None and resolved.settings.release is not None:
        pinned = resolved.settings.release.version
        screen.say(f"{session.stack} is held at version {pinned[:_SHORT]} by modeshift:release.", "yellow")
    recovery.recover(session, screen.console)
    expected = None
    if not skip_preview:
        planned = operations.preview(session, screen.console, refresh=refresh)
        screen.plan(session, planned)
        if not planned.ok:
            return planned
        if expect_plan:
            made_from = expected_plan.origin(session.project, session.stack)
            expected_plan.refuse_other(expect_plan, {**planned.document(), "origin": made_from})
        if resolved is not None:
            reviewed = review(session.project, resolved, planned, datetime.now(UTC).date())
            screen.console.print(review_view(reviewed), soft_wrap=True)
            if reviewed.code is Exit.POLICY:
                screen.say("Nothing was changed: a policy or the budget forbids it.", "red")
                planned.code = Exit.POLICY
                return planned
        expected = planned.plan
        _refuse_data_loss(planned, accepted=accept_data_loss)
        if planned.plan.changed():
            screen.confirm(f"Bring up {session.stack}?", yes=yes)
    agreed()
    result = operations.up(session, screen.console, expected, refresh=refresh)
    screen.result(session, result, again)
    return result


def _refuse_data_loss(planned: Result, *, accepted: bool) -> None:
    lost = [change for change in planned.plan.changed() if change.destructive]
    if lost and not accepted:
        names = ", ".join(f"{render.kind(change.type)} {change.name}" for change in lost)
        raise UserError(
            f"This would delete data: {names}.",
            hint="If that is meant, run the same command with --accept-data-loss.",
        )
