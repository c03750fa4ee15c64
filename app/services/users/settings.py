"""The service's own settings."""

from __future__ import annotations

from app.core.database import DatabaseSettings


class UsersSettings(DatabaseSettings):
    """Users."""
