"""Bring a stack up by an edit of its file, which is as it was unless the edit was agreed to."""

from __future__ import annotations

from automation import operations
from automation.bring_up import bring_up
from automation.cloud import Session, ensure_stack, settings_of
from automation.operations import Result
from automation.screen import Screen
from automation.shift import file


def bring_up_edited(
    screen: Screen,
    session: Session,
    wanted: str,
    *,
    yes: bool = False,
    accept_data_loss: bool = False,
    dry_run: bool = False,
) -> Result:
    """Bring a stack up as an edited text of its file says; a dry run shows what that would do and changes nothing."""
    project, stack, where = session.project, session.stack, session.cloud
    path = project.stack_file(stack)
    before = file.read(path)
    went_on: list[bool] = []
    file.write(path, wanted)
    try:
        resolved = settings_of(project, stack, where)
        ensure_stack(project, stack, where, session.state)
        if dry_run:
            planned = operations.preview(session, screen.console)
            screen.plan(session, planned)
            return planned
        return bring_up(
            screen,
            session,
            f"modeshift up --stack {stack}",
            yes=yes,
            accept_data_loss=accept_data_loss,
            resolved=resolved,
            agreed=lambda: went_on.append(True),
        )
    finally:
        if not went_on:
            file.write(path, before)
            ensure_stack(project, stack, where, session.state)
