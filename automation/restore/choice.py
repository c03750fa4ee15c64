"""Which database is meant, and which moment: pure functions of settings, words and what backups reach to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from automation.errors import UserError
from stacks.links import PostgresSettings
from stacks.settings import StackSettings

LATEST = "latest"
_FORM = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Database:
    """A link of a service that is a PostgreSQL database, as a stack file has it."""

    service: str
    link: str
    settings: PostgresSettings

    @property
    def name(self) -> str:
        """Return how people name it."""
        return f"{self.link} of {self.service}"


@dataclass(frozen=True)
class Window:
    """The moments to which a database can be restored."""

    earliest: datetime
    latest: datetime


def choose(settings: StackSettings, service: str | None, link: str | None) -> Database:
    """Return the database that is meant; without a name, the only one that fits.

    Raises:
        UserError: none fits, or several do.
    """
    known = [
        Database(owner, name, found)
        for owner, own in sorted(settings.services.items())
        for name, found in sorted(own.links.items())
        if isinstance(found, PostgresSettings)
    ]
    fitting = [one for one in known if service in {None, one.service} and link in {None, one.link}]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"--service {one.service} --link {one.link}" for one in known) or "none"
    raise UserError(
        "Which database?" if fitting else "The stack has no such PostgreSQL database.", hint=f"There is: {listed}."
    )


def moment(words: str, now: datetime) -> datetime | None:
    """Return the moment that somebody writes, in whole seconds; None for `latest`, the last one that can be had.

    Raises:
        UserError: it is none, or has not come yet.
    """
    if words == LATEST:
        return None
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UserError(f"{words!r} is no moment with a time zone.", hint=f"As in 2026-11-21T10:00:00Z, or {LATEST}.")
    if found > now:
        raise UserError(f"{text(found)} has not come yet: it is {text(now)}.", hint=f"--to {LATEST} takes the last.")
    return found.astimezone(UTC).replace(microsecond=0)


def within(window: Window, wanted: datetime | None) -> datetime:
    """Return the moment that is wanted, or else the last one, if a database can be restored to it.

    Raises:
        UserError: it cannot.
    """
    first, last = _up(window.earliest), window.latest.replace(microsecond=0)
    span = f"It can be restored to any second from {text(first)} to {text(last)}."
    if wanted is not None and wanted > last:
        raise UserError(f"Backups do not reach to {text(wanted)} yet.", hint=f"{span} --to {LATEST} takes the last.")
    if wanted is not None and wanted < first:
        raise UserError(
            f"{text(wanted)} is before what backups of the database hold.",
            hint=f"{span} One that was restored begins when it was made: docs/restore.md says how to go further back.",
        )
    if last < first:
        raise UserError("Backups of the database hold no whole second yet.", hint="Try again in a minute.")
    return last if wanted is None else wanted


def free_name(database: Database, is_taken: Callable[[str], bool]) -> str:
    """Return the first of r1, r2 and so on that no restore has, nor any that was taken out of the file."""
    known = {restore.name for restore in database.settings.restores}
    names = (f"r{number}" for number in count(1))
    return next(name for name in names if name not in known and not is_taken(name))


def text(when: datetime) -> str:
    """Return a moment as stack files and people write it."""
    return when.astimezone(UTC).strftime(_FORM)


def _up(when: datetime) -> datetime:
    """Return the first whole second that is not before."""
    return datetime.fromtimestamp(-(-when.timestamp() // 1), UTC)
