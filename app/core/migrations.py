"""How a service's schema is brought to what its code needs: all steps that are missing, or none of them.

One transaction holds them all, so whatever fails leaves the schema that the running version knows. An advisory lock
lets the second of two releases wait and then find nothing to do. A version that is rolled back to finds a schema that
is ahead of it, and leaves it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app.core.database import DatabaseSettings, create_engine

_log = logging.getLogger(__name__)

_LOCK = 0x6D6F6465
"""Number of the advisory lock, the same for every release of the one service that a database belongs to."""

_FOR_STEPS = {"lock_timeout": "10s", "statement_timeout": "10min"}
"""A step that waits for a table makes everybody behind it wait, so it does not wait for long."""

_FOR_REQUESTS = {"statement_timeout": "5s", "lock_timeout": "3s", "idle_in_transaction_session_timeout": "10s"}
"""Below what a session may take (`SESSION_SECONDS`). They belong to the login, not to a connection: those that go
through a proxy cannot carry settings of their own."""


class MigrationError(Exception):
    """The schema could not be changed, and is what it was before."""


def upgrade(environ: Mapping[str, str], scripts: Path) -> None:
    """Bring the database of an environment to the newest revision in a folder of Alembic scripts.

    Raises:
        MigrationError: a step failed. Nothing of any step is left.
        SettingsError: the environment does not say where the database is.
    """
    asyncio.run(_upgrade(DatabaseSettings.from_environ(environ), scripts))


async def _upgrade(settings: DatabaseSettings, scripts: Path) -> None:
    engine = create_engine(settings).execution_options(isolation_level="READ COMMITTED")
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_run, scripts)
    except DBAPIError as error:
        raise MigrationError(f"The schema stays as it was: {error.orig}") from error
    finally:
        await engine.dispose()


def _run(connection: Connection, scripts: Path) -> None:
    # Without a limit: whoever holds the lock is another release, which ends.
    _set(connection, {"lock_timeout": "0", "statement_timeout": "0"})
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    _set(connection, _FOR_STEPS)
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    if later := _unknown(connection, config):
        _log.warning("The schema is at %s, which this version does not know: it stays as it is", ", ".join(later))
    else:
        command.upgrade(config, "head")
    for name, value in _FOR_REQUESTS.items():
        connection.exec_driver_sql(
            f"DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET {name} = ''{value}''', "
            "current_user, current_database()); END $$"
        )


def _unknown(connection: Connection, config: Config) -> list[str]:
    """Return the steps a schema is at that are none of these scripts': a later version's, whose code was rolled back.

    Its schema serves this code too, or that version could not have been rolled out beside it.
    """
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    return sorted(set(MigrationContext.configure(connection).get_current_heads()) - known)


def _set(connection: Connection, limits: Mapping[str, str]) -> None:
    for name, value in limits.items():
        connection.exec_driver_sql(f"SET LOCAL {name} = '{value}'")
