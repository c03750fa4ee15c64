"""Users: who they are, who changed them and when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.core.database import Database
from app.core.service import Service
from app.services.users.router import router
from app.services.users.settings import UsersSettings

MIGRATIONS = Path(__file__).with_name("migrations")


def create(environ: Mapping[str, str]) -> Service:
    """Return the service for an environment; raises `SettingsError` when a setting is wrong."""
    database = Database(environ, UsersSettings)
    return Service(router=router(database), lifespan=database.opened, checks={"database": database.answers})


def migrate(environ: Mapping[str, str]) -> None:
    """Bring the database up to date; raises `MigrationError` and leaves it as it was when that fails."""
    from app.core.migrations import upgrade  # noqa: PLC0415 no request needs it

    upgrade(environ, MIGRATIONS)
