"""Reading and writing users. Nothing here commits: what is done together is decided where the session was opened."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from unicodedata import normalize
from uuid import UUID, uuid4

from sqlalchemy import bindparam, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app.core.database import ReadSession, WriteSession
from app.services.users.cursors import Cursor
from app.services.users.models import UserValues
from app.services.users.tables import User

_LAST = "\U0010ffff"
"""What no name goes on with: the keys are compared by code point (collation C)."""

_UNIQUE_EMAIL = "uq_users_email_key"
_THERE = User.deleted_at.is_(None)
# Made once: most requests are for one user.
_ANY = select(User).where(User.id == bindparam("user_id"))
_ONE = _ANY.where(_THERE)


class EmailTakenError(Exception):
    """Another user has this e-mail address."""


class KeyReusedError(Exception):
    """The Idempotency-Key was used for something else, or what it created is deleted."""


@dataclass(frozen=True)
class Creation:
    """One request to create a user: who asks, and the Idempotency-Key that its repetitions have too."""

    actor: str
    key: str = ""

    def digest(self) -> bytes | None:
        """Return what the table keeps of it."""
        return hashlib.sha256(f"{self.actor}\0{self.key}".encode()).digest() if self.key else None


def folded(text: str) -> str:
    """Return what is the same for texts that only differ in case, width or how their accents are made."""
    return normalize("NFKC", normalize("NFKC", text).casefold())


async def create(session: WriteSession, values: UserValues, creation: Creation) -> User:
    """Return a new user, or the one that the same request created before.

    Raises:
        EmailTakenError: another user has the e-mail address.
        KeyReusedError: the request is not the one that its key stands for.
    """
    key, asked = creation.digest(), hashlib.sha256(values.model_dump_json().encode()).digest()
    statement = (
        insert(User)
        .values(
            id=uuid4(),
            **_columns(values.model_dump()),
            version=1,
            created_by=creation.actor,
            updated_by=creation.actor,
            request_key=key,
            request_hash=asked if key else None,
        )
        .on_conflict_do_nothing()
        .returning(User)
    )
    user = await session.scalar(statement)
    if user is not None:
        return user
    earlier = await session.scalar(select(User).where(User.request_key == key)) if key else None
    if earlier is None:
        raise EmailTakenError
    if earlier.request_hash != asked or earlier.deleted_at is not None:
        raise KeyReusedError
    return earlier


async def get(session: ReadSession, user_id: UUID, *, deleted: bool = False) -> User | None:
    """Return a user, if there is one; `deleted` ones only where that is said."""
    return await session.scalar(_ANY if deleted else _ONE, {"user_id": user_id})


async def page(session: ReadSession, limit: int, after: Cursor | None, prefix: str) -> list[User]:
    """Return users whose name or e-mail address begins with a text, the newest first."""
    found = select(User).where(_THERE)
    if prefix:
        # As a range, which has no characters to escape and which an index knows.
        first, last = folded(prefix), folded(prefix) + _LAST
        found = found.where(or_(User.name_key.between(first, last), User.email_key.between(first, last)))
    if after is not None:
        found = found.where(tuple_(User.created_at, User.id) < tuple_(after.created_at, after.id))
    found = found.order_by(User.created_at.desc(), User.id.desc()).limit(limit)
    return list(await session.scalars(found))


async def change(
    session: WriteSession, user_id: UUID, versions: Collection[int] | None, values: dict[str, str], actor: str
) -> User | None:
    """Change a user that has one of the versions, or any; returns nothing when there is none.

    Raises:
        EmailTakenError: another user has the e-mail address.
    """
    return await _update(session, user_id, versions, _columns(values), actor)


async def delete(session: WriteSession, user_id: UUID, versions: Collection[int] | None, actor: str) -> User | None:
    """Delete a user that has one of the versions, or any; returns nothing when there is none."""
    return await _update(session, user_id, versions, {"deleted_at": func.now()}, actor)


async def restore(session: WriteSession, user_id: UUID, actor: str) -> User | None:
    """Take back that a user was deleted; returns nothing when there is none that was.

    Raises:
        EmailTakenError: another user has the e-mail address by now.
    """
    return await _update(session, user_id, None, {"deleted_at": None}, actor, deleted=True)


async def _update(
    session: WriteSession,
    user_id: UUID,
    versions: Collection[int] | None,
    columns: Mapping[str, object],
    actor: str,
    *,
    deleted: bool = False,
) -> User | None:
    statement = update(User).where(User.id == user_id, User.deleted_at.is_not(None) if deleted else _THERE)
    if versions is not None:
        statement = statement.where(User.version.in_(versions))
    statement = statement.values(
        **columns, version=User.version + 1, updated_at=func.now(), updated_by=actor
    ).returning(User)
    try:
        return await session.scalar(statement, execution_options={"synchronize_session": False})
    except IntegrityError as error:
        if getattr(error.driver_exception, "constraint_name", "") == _UNIQUE_EMAIL:
            raise EmailTakenError from error
        raise


def _columns(values: dict[str, str]) -> dict[str, str]:
    return {**values, **{f"{name}_key": folded(value) for name, value in values.items()}}
