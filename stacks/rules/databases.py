"""Rules for databases: instance classes, storage, and moments to go back to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from stacks.errors import nearest
from stacks.keys import Path
from stacks.links import PostgresSettings, RestoreSettings
from stacks.rules.base import Finding, Rule, Subject
from stacks.rules.links import each_link

_SMALL: Final = ("micro", "small", "medium", "large", "xlarge", "2xlarge")
_LARGE: Final = ("large", *(f"{times}xlarge" for times in ("", 2, 4, 8, 12, 16, 24, 32, 48)))
_FAMILIES: Final = {
    **dict.fromkeys(("t3", "t4g"), _SMALL),
    **dict.fromkeys(("m5", "m5d", "m6g", "m6gd", "m6i", "m6id", "m6idn", "m6in", "m7g", "m7i", "m8g", "m8gd"), _LARGE),
    **dict.fromkeys(("r5", "r5b", "r5d", "r6g", "r6gd", "r6i", "r6id", "r6idn", "r6in", "r7g", "r7i", "r8g"), _LARGE),
    **dict.fromkeys(("r8gd", "x2g", "x2idn", "x2iedn"), _LARGE),
}
CLASSES: Final = frozenset(f"db.{family}.{size}" for family, sizes in _FAMILIES.items() for size in sizes)
"""Instance classes that RDS has for PostgreSQL (RDS user guide: Concepts.DBInstanceClass)."""

VERSIONS: Final = ("14", "15", "16", "17", "18")
"""Major versions that RDS supports (RDS for PostgreSQL release notes, November 2026)."""

_GROWTH: Final = 10
_RESTORE: Final = re.compile(r"[a-z]([a-z0-9-]{0,14}[a-z0-9])?")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MOMENT_FORM: Final = "a moment in UTC that has passed, as in 2026-11-21T10:00:00Z"


def databases(subject: Subject) -> Iterator[Finding]:
    """Refuse instance classes and versions of PostgreSQL that RDS does not have, and storage that could not grow."""
    for _, path, _, link in each_link(subject):
        if not isinstance(link, PostgresSettings):
            continue
        if link.size not in CLASSES:
            yield Finding(
                path=(*path, "size"),
                why="is no instance class that RDS has for PostgreSQL",
                allowed="as in db.t4g.micro (1 GB), db.t4g.medium (4 GB), db.m7g.large (8 GB), db.r7g.large (16 GB)",
                nearest=nearest(link.size, CLASSES),
            )
        if link.version.partition(".")[0] not in VERSIONS:
            why = "is no version of PostgreSQL that RDS supports"
            yield Finding(path=(*path, "version"), why=why, allowed=", ".join(VERSIONS), nearest=VERSIONS[-1])
        least = link.storage_gb + -(-link.storage_gb // _GROWTH)
        if link.max_storage_gb < least:
            yield Finding(
                path=(*path, "maxStorageGb"),
                why=f"leaves storageGb, {link.storage_gb}, no room to grow by a tenth",
                allowed=f"{least} or more",
                nearest=str(least),
                reads=((*path, "storageGb"),),
            )


def restores(subject: Subject) -> Iterator[Finding]:
    """Refuse restores to moments that have not come, or out of order, and names that two of them share."""
    for _, path, _, link in each_link(subject):
        if isinstance(link, PostgresSettings):
            yield from _restores((*path, "restores"), link.restores)


def _restores(path: Path, wanted: tuple[RestoreSettings, ...]) -> Iterator[Finding]:
    before: datetime | None = None
    names: list[str] = []
    for index, restore in enumerate(wanted):
        here = (*path, index)
        if not _RESTORE.fullmatch(restore.name):
            allowed = "up to 16 lower-case letters, digits and hyphens, a letter first, as in r1"
            yield Finding(path=(*here, "name"), why="is not a name that an instance can carry", allowed=allowed)
        elif restore.name in names:
            why = "is the name of an earlier one, which stays for good"
            yield Finding(path=(*here, "name"), why=why, allowed="another name")
        names.append(restore.name)
        at = _moment(restore.at)
        if at is None or at > datetime.now(UTC):
            why = "is no moment in UTC" if at is None else "has not come yet"
            yield Finding(path=(*here, "at"), why=why, allowed=_MOMENT_FORM)
        elif before is not None and at <= before:
            why = "is not after the moment of the restore before it, whose instance it is made from"
            yield Finding(path=(*here, "at"), why=why, allowed=f"a moment after {before:%Y-%m-%dT%H:%M:%SZ}")
        before = at or before


def _moment(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


RULES: Final[tuple[Rule, ...]] = (databases, restores)
