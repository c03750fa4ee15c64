"""`modeshift restore`: take a database back to an earlier moment, beside the one that is in use until then."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer

from automation import operations
from automation.cloud import Session, choose, open_session, settings_of
from automation.edited import bring_up_edited
from automation.errors import UserError
from automation.options import AcceptDataLoss, CloudOption, Json, Stacks, Yes
from automation.project import choose_stacks, find_project
from automation.render import seconds
from automation.restore import backups
from automation.restore.choice import Database, free_name, moment, text, within
from automation.restore.choice import choose as choose_database
from automation.screen import Screen
from automation.shift import file
from automation.shift.guard import refuse_moving
from stacks.load import Resolved

_RTO_SECONDS = 15 * 60
_RPO_SECONDS = 5 * 60


def restore(
    to: Annotated[str, typer.Option("--to", help="Moment with a time zone, as in 2026-11-21T10:00:00Z, or latest.")],
    stack: Stacks = None,
    service: Annotated[str | None, typer.Option("--service", help="Service whose database it is.")] = None,
    link: Annotated[str | None, typer.Option("--link", help="Its link, as in database.")] = None,
    cloud: CloudOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    yes: Yes = False,
    as_json: Json = False,
    accept_data_loss: AcceptDataLoss = False,
) -> None:
    """Take a database back to an earlier moment: a new one is made and used, and the old one stays."""
    screen = Screen.open(as_json)
    with screen.errors():
        began, clock = datetime.now(UTC), time.monotonic()
        wished = moment(to, began)
        project, where = find_project(), choose(cloud)
        name = choose_stacks(project, stack, all_stacks=False)[0]
        resolved = settings_of(project, name, where)
        database = choose_database(resolved.settings, service, link)
        refuse_moving(name, resolved.settings, "a database is restored")
        with open_session(project, name, where) as session:
            source = _in_use(session, database)
            window = backups.window(session, source)
            at = within(window, wished)
            behind = max((began - window.latest).total_seconds(), 0)
            screen.say(f"{name}: {database.name} goes back to {text(at)}; now it is {source}.", "bold")
            screen.say(
                f"Backups reach to {text(window.latest)}, {seconds(behind)} ago ({_goal(behind, _RPO_SECONDS)})."
            )
            screen.say(f"What was written after {text(at)} stays in {source} alone, which stays as it is.", "yellow")
            wanted = _edited(session, resolved, database, source, text(at))
            result = bring_up_edited(
                screen, session, wanted, yes=yes, accept_data_loss=accept_data_loss, dry_run=dry_run
            )
            told = {"service": database.service, "link": database.link, "from": source, "at": text(at)}
            figures = {"behindSeconds": round(behind, 1)}
            if result.ok and not dry_run:
                figures |= _measured(screen, at, time.monotonic() - clock)
                _say_next(screen, name, source)
        screen.console.print(where.notice, style="dim")
        screen.document({**operations.document([result], where.notice), "restore": {**told, **figures}})
        raise typer.Exit(result.code)


def _in_use(session: Session, database: Database) -> str:
    """Return the identifier of the database that is in use.

    Raises:
        UserError: none is, or the file says more than what is up.
    """
    found: object = operations.outputs(session)
    for key in ("services", database.service, "links", database.link):
        found = found.get(key) if isinstance(found, Mapping) else None
    restores = database.settings.restores
    if not isinstance(found, str) or (restores and not found.endswith(f"-{restores[-1].name}")):
        raise UserError(
            f"{session.stack}: {database.name} is not up as its file has it.",
            hint=f"modeshift up --stack {session.stack}",
        )
    return found


def _edited(session: Session, resolved: Resolved, database: Database, source: str, at: str) -> str:
    """Return the stack file's text with one restore more, called as no instance is or was."""
    restores = database.settings.restores
    root = source.removesuffix(f"-{restores[-1].name}") if restores else source
    name = free_name(database, lambda name: backups.exist(session, f"{root}-{name}"))
    before = file.read(session.project.stack_file(session.stack))
    return file.with_restore(before, resolved.settings, (database.service, database.link), name, at)


def _measured(screen: Screen, at: datetime, took: float) -> dict[str, float]:
    """Say how long it took and how much is missing; return both in seconds."""
    ended = datetime.now(UTC)
    lost = (ended - at).total_seconds()
    screen.say(f"In use after {seconds(took)} ({_goal(took, _RTO_SECONDS)}), since {text(ended)}.", "bold")
    screen.say(f"Not in it: what was written from {text(at)} until then, {seconds(lost)}.", "yellow")
    return {"seconds": round(took, 1), "lostSeconds": round(lost, 1)}


def _goal(value: float, most: float) -> str:
    return f"{'within' if value <= most else 'beyond'} the goal of {most / 60:.0f} min"


def _say_next(screen: Screen, stack: str, source: str) -> None:
    screen.say(
        "AWS leaves its windows and Performance Insights out of a database that it restores. Set them: "
        f"modeshift up --stack {stack} --refresh"
    )
    screen.say(f"{source} costs as before. What to look at, and how it goes one day: docs/restore.md.")
