"""The schema is brought up to date whole or not at all, by one release at a time."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from app.core import migrations
from app.core.database import SESSION_SECONDS, create_engine
from app.core.migrations import MigrationError, upgrade
from app.services import users
from app.services.users.settings import UsersSettings
from app.services.users.tables import Base
from tests.app.users.conftest import Ask
from tests.postgres import OWNER, Postgres

pytestmark = pytest.mark.e2e

NEXT = '''
"""Another step."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    {what}
'''


@pytest.fixture
def steps(tmp_path: Path) -> Callable[..., Path]:
    """Return the folder of the service's steps with more of them."""
    folder = tmp_path / "migrations"
    shutil.copytree(users.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))

    def add(*whats: str) -> Path:
        before = "0001"
        for number, what in enumerate(whats):
            revision = f"x{number}"
            (folder / "versions" / f"{revision}.py").write_text(
                NEXT.format(revision=revision, before=before, what=what)
            )
            before = revision
        return folder

    return add


ADD = 'op.add_column("users", sa.Column("nick", sa.Text()))'


def schema(postgres: Postgres, database: str) -> str:
    return postgres.cluster.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, 2; SELECT version_num FROM alembic_version;"
        " SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        database,
    )


@pytest.mark.parametrize(
    "fails",
    [
        'op.execute("SELECT 1/0")',
        'op.create_unique_constraint("uq", "users", ["created_by"])',
        'raise RuntimeError("a mistake")',
    ],
)
def test_a_step_that_fails_half_way_leaves_the_schema_and_the_running_app(
    *, ask: Ask, environ: dict[str, str], postgres: Postgres, database: str, steps: Callable[..., Path], fails: str
) -> None:
    for number in range(2):
        assert ask("POST", "/users", {"email": f"{number}@example.com", "name": "A"}).status == 201
    before = schema(postgres, database)
    with pytest.raises((MigrationError, RuntimeError)) as raised:
        upgrade(environ, steps(ADD, f'op.drop_column("users", "name")\n    {ADD.replace("nick", "name")}', fails))
    assert postgres.password not in str(raised.value)
    assert schema(postgres, database) == before
    assert [user["name"] for user in ask("GET", "/users").body["items"]] == ["A", "A"]


def test_an_app_of_the_version_before_works_on_a_schema_that_grew(
    ask: Ask, environ: dict[str, str], steps: Callable[..., Path]
) -> None:
    made = ask("POST", "/users", {"email": "ada@example.com", "name": "Ada"})
    upgrade(environ, steps(ADD))
    assert ask("GET", f"/users/{made.body['id']}").status == 200
    assert ask("PATCH", f"/users/{made.body['id']}", {"name": "A"}, if_match="*").status == 200
    assert ask("POST", "/users", {"email": "eve@example.com", "name": "Eve"}).status == 201


def test_going_back_to_the_version_before_leaves_the_schema_that_grew(
    environ: dict[str, str], postgres: Postgres, database: str, steps: Callable[..., Path]
) -> None:
    upgrade(environ, steps(ADD))
    grown = schema(postgres, database)
    users.migrate(environ)

    assert schema(postgres, database) == grown
    assert "nick" in grown


def test_releases_at_once_take_turns(postgres: Postgres, database: str) -> None:
    environ = {"DATABASE_URL": postgres.url(database)}
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: users.migrate(environ), range(4)))
    assert postgres.cluster.execute("SELECT version_num FROM alembic_version", database) == "0001"


@pytest.mark.usefixtures("environ")
def test_the_login_s_statements_end_before_its_sessions_do(postgres: Postgres, database: str) -> None:
    said = postgres.cluster.execute(
        "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
        f" WHERE datname = '{database}' AND setrole = '{OWNER}'::regrole"
    )
    limits = dict(line.split("=") for line in said.splitlines())
    assert limits.keys() == migrations._FOR_REQUESTS.keys()
    assert int(limits["lock_timeout"].rstrip("s")) < int(limits["statement_timeout"].rstrip("s")) < SESSION_SECONDS


def test_the_code_s_table_is_the_one_that_the_steps_make(environ: dict[str, str]) -> None:
    def differences(connection: Connection) -> list[Any]:
        found = compare_metadata(MigrationContext.configure(connection), Base.metadata)
        # Indexes are the steps' alone; the code needs to know of none.
        return [difference for difference in found if difference[0] != "remove_index"]

    async def compare() -> list[Any]:
        engine = create_engine(UsersSettings.from_environ(environ))
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(differences)
        finally:
            await engine.dispose()

    assert asyncio.run(compare()) == []
