"""The table as the code sees it. What it is in the database, the migrations say."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, Text


class Base(DeclarativeBase):
    """What all tables of this service have in common."""

    type_annotation_map = {datetime: DateTime(timezone=True), str: Text()}  # noqa: RUF012 SQLAlchemy reads it so


class User(Base):
    """A user. One that is deleted stays, and can be restored; its e-mail address is free meanwhile."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_key: Mapped[str]
    """What is compared: unique among those who are not deleted."""
    name: Mapped[str]
    name_key: Mapped[str]
    """What a search compares."""
    version: Mapped[int]
    """Goes up with every change; the ETag."""
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]
    deleted_at: Mapped[datetime | None]
    request_key: Mapped[bytes | None]
    """SHA-256 of who created it with which Idempotency-Key."""
    request_hash: Mapped[bytes | None]
    """SHA-256 of what was asked for then."""
