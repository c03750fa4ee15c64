"""Where a page ends and the next begins: the place of its last user, so that what is added meanwhile moves nothing.

A cursor is no secret and is not signed. Every text of its form is a place, and a caller who makes one up sees nothing
that paging would not show.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

FORM = r"^[A-Za-z0-9_-]{32}$"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_TIME_BYTES = 8


@dataclass(frozen=True, order=True)
class Cursor:
    """A place in the order of users."""

    created_at: datetime
    id: UUID

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a text of the `FORM`."""
        data = urlsafe_b64decode(text)
        microseconds = int.from_bytes(data[:_TIME_BYTES])
        return cls(_EPOCH + min(microseconds, _LATEST) * _MICROSECOND, UUID(bytes=data[_TIME_BYTES:]))

    def __str__(self) -> str:
        microseconds = (self.created_at - _EPOCH) // _MICROSECOND
        return urlsafe_b64encode(microseconds.to_bytes(_TIME_BYTES) + self.id.bytes).decode()
