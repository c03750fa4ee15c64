"""`modeshift rollback`: bring a stack back to a version that it ran before, or to the newest again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from automation import operations
from automation.cloud import Session, choose, open_session, settings_of
from automation.edited import bring_up_edited
from automation.errors import Exit, UserError
from automation.options import AcceptDataLoss, CloudOption, Json, Stacks, Yes
from automation.project import choose_stacks, find_project
from automation.rollback import checkout, images
from automation.rollback.choice import already
from automation.rollback.choice import choose as choose_version
from automation.rollback.history import Update, read_history
from automation.screen import Screen
from automation.shift import file
from automation.shift.guard import refuse_moving
from stacks.settings import Compute, StackSettings

LATEST = "latest"


def rollback(
    stack: Stacks = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Commit that the stack ran, or latest; unset, the version before.")
    ] = None,
    cloud: CloudOption = None,
    yes: Yes = False,
    as_json: Json = False,
    accept_data_loss: AcceptDataLoss = False,
) -> None:
    """Bring the app of a stack back to an earlier version; its other settings stay as they are."""
    screen = Screen.open(as_json)
    with screen.errors():
        project, where = find_project(), choose(cloud)
        name = choose_stacks(project, stack, all_stacks=False)[0]
        settings = settings_of(project, name, where).settings
        refuse_moving(name, settings, "a version changes")
        with open_session(project, name, where) as session:
            text = file.read(project.stack_file(name))
            if to == LATEST:
                wanted = _unpinned(name, settings, text)
            else:
                checkout.refuse_uncommitted(project)
                wanted = _pinned(screen, session, settings, text, to)
            result = bring_up_edited(screen, session, wanted, yes=yes, accept_data_loss=accept_data_loss)
            if result.ok and to != LATEST:
                screen.say(f"Back to the newest: modeshift rollback --stack {name} --to {LATEST}")
        screen.console.print(where.notice, style="dim")
        screen.document(operations.document([result], where.notice))
        raise typer.Exit(result.code)


def _unpinned(stack: str, settings: StackSettings, text: str) -> str:
    if settings.release is None:
        raise UserError(
            f"{stack} is not rolled back: its file names no release.", hint="Nothing was changed.", code=Exit.DONE
        )
    return file.with_release(text, "", {})


def _pinned(screen: Screen, session: Session, settings: StackSettings, text: str, to: str | None) -> str:
    """Return the stack file's text for an earlier version, when that version can still run."""
    stack, updates = session.stack, read_history(session)
    functions = [name for name in sorted(settings.services) if Compute.LAMBDA in settings.computes_of(name)]
    contained = [name for name in sorted(settings.services) if name not in functions]

    def code(update: Update) -> object:
        built = functions and (checkout.code_of(session.project, update.version) or update.version)
        return built, [update.image_of(name) for name in contained]

    target = choose_version(stack, updates, to, code)
    pinned = _images(stack, target, contained)
    if settings.release is not None and (settings.release.version, settings.release.images) == (target.version, pinned):
        raise already(stack, target.name)
    checkout.refuse_missing(session.project, target.version, functions)
    for image in sorted(set(pinned.values())):
        if unsure := images.refuse_gone(session, target.name, image):
            screen.say(f"Whether the image is still there is not known: {unsure}.", "yellow")
    screen.say(f"{stack} goes back to version {target.name}, which was brought up last at {target.ended}.", "bold")
    if target.dirty and functions:
        screen.say("Not everything was committed then; the package is built from the commit alone.", "yellow")
    return file.with_release(text, target.version, pinned)


def _images(stack: str, target: Update, services: Sequence[str]) -> dict[str, str]:
    found = {name: image for name in services if (image := target.image_of(name)) is not None}
    if missing := [name for name in services if name not in found]:
        raise UserError(
            f"Version {target.name} of {stack} names no image of {', '.join(missing)}, which runs in a container now.",
            hint="It ran as a function then. Choose a later version, or move it back to Lambda first.",
        )
    return found
