"""What a stack chooses of its databases: how big, how long they can be taken back, and what they were taken back to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_GROWTH = 1.1
_FEWEST_ZONES = 2
_FEWEST_DAYS = 7
_MOST_DAYS = 35
_RESTORE_NAME = re.compile(r"(?!.*--)[a-z]([a-z0-9-]{0,14}[a-z0-9])?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, kw_only=True)
class PostgresSize:
    """How big a database is.

    Storage starts at `storage_gb` and grows by itself up to `max_storage_gb`; never smaller again. `multi_az` keeps a
    second one in another zone, which takes over by itself within about a minute.
    """

    instance_class: str = "db.t4g.micro"
    storage_gb: int = 20
    max_storage_gb: int = 100
    multi_az: bool = False


@dataclass(frozen=True, kw_only=True)
class Backups:
    """How long backups are kept, 7 to 35 days, and the times (UTC) at which AWS makes them and does maintenance."""

    days: int = 7
    window: str = "03:00-04:00"
    maintenance: str = "sun:04:30-sun:05:30"


@dataclass(frozen=True, kw_only=True)
class Restore:
    """A database made from the one before it as it was `at` a moment, as in `2026-11-21T10:00:00Z`.

    Without `keep_source` those before it are no longer part of the stack.
    """

    name: str
    at: str
    keep_source: bool = True


def check(name: str, *, size: PostgresSize, backups: Backups, restores: Sequence[Restore], azs: int) -> None:
    """Refuse what RDS would refuse half-way through.

    Raises:
        ValueError: The arguments do not go together.

    """
    problems: list[str] = []
    if azs < _FEWEST_ZONES:
        problems.append(f"a database needs a network of {_FEWEST_ZONES} zones, not {azs}")
    if size.max_storage_gb < size.storage_gb * _GROWTH:
        problems.append(f"storage can grow by 10 % at least: {size.storage_gb} to {size.max_storage_gb} GB is less")
    if not _FEWEST_DAYS <= backups.days <= _MOST_DAYS:
        problems.append(f"backups are kept {_FEWEST_DAYS} to {_MOST_DAYS} days, not {backups.days}")
    names = [restore.name for restore in restores]
    problems += [
        f"the restore {restore!r} is called like another; names stay for good"
        for restore in names
        if names.count(restore) > 1
    ]
    problems += [
        f"{restore.name!r} is no name of a restore; take up to 16 of a-z, 0-9 and -, as in r1"
        for restore in restores
        if not _RESTORE_NAME.fullmatch(restore.name)
    ]
    problems += [
        f"{restore.at!r} is no moment to restore to; write it in UTC, as in 2026-11-21T10:00:00Z"
        for restore in restores
        if not _MOMENT.fullmatch(restore.at)
    ]
    if problems:
        msg = f"{name}: {'; '.join(dict.fromkeys(problems))}."
        raise ValueError(msg)
