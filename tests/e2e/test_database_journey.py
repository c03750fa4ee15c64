"""A database of a stack through what goes wrong: a release whose migration fails, and data that must come back.

Both happen to one stack with users on Lambda, brought up by the command, on the sandbox's PostgreSQL.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from automation.errors import Exit
from tests.app.worker.desk import client
from tests.e2e.conftest import Workspace, make_workspace
from tests.e2e.workloads import Answer, Workloads

pytestmark = pytest.mark.e2e

T = TypeVar("T")

INSTANCE = "aws:rds/instance:Instance"
VERSIONS = "app/services/users/migrations/versions"
BROKEN = """
import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("users", sa.Column("nickname", sa.Text()))
    op.execute("ALTER TABLE users ADD COLUMN nickname text")
"""
MARKERS = "CREATE TABLE markers (number integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())"
EVERY_SECONDS = 0.1


@dataclass(frozen=True)
class Stack:
    """The stack, up."""

    workspace: Workspace

    @property
    def workloads(self) -> Workloads:
        return Workloads(self.workspace.root)

    def ask(self, method: str, path: str, document: object = None) -> Answer:
        with self.workloads.serving("users", "lambda") as ask:
            return ask(method, path, document)

    def emails(self) -> set[str]:
        return {user["email"] for user in self.ask("GET", "/?limit=100").body["items"]}

    def write(self, email: str) -> None:
        answer = self.ask("POST", "/", {"email": email, "name": "Somebody"})
        assert answer.status == 201, answer

    def database(self) -> Database:
        """Return the database that the account says is in use, and who logs in."""
        told = self.workloads.of("users", "lambda").environment
        manager = client("secretsmanager", told["AWS_ENDPOINT_URL"])
        login = json.loads(manager.get_secret_value(SecretId=told["DATABASE_SECRET"])["SecretString"])
        return Database(told["DATABASE_URL"], login["username"], login["password"])

    def instances(self) -> list[str]:
        return [one["id"] for one in self.workspace.account() if one["type"] == INSTANCE]

    @property
    def file(self) -> Path:
        return self.workspace.root / "Pulumi.dev.yaml"


@dataclass(frozen=True)
class Database:
    """Where a database is, and who logs in."""

    url: str
    user: str
    password: str

    async def connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.url, user=self.user, password=self.password)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async def once() -> list[tuple[Any, ...]]:
            connection = await self.connect()
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return run(once())

    def mark(self, seconds: float) -> dict[int, tuple[datetime, datetime]]:
        """Write a marker every now and then; return when each was sent and when it was known to be written."""

        async def marks() -> dict[int, tuple[datetime, datetime]]:
            connection = await self.connect()
            written: dict[int, tuple[datetime, datetime]] = {}
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                sent = datetime.now(UTC)
                await connection.execute("INSERT INTO markers (number) VALUES ($1)", len(written))
                written[len(written)] = sent, datetime.now(UTC)
                await asyncio.sleep(EVERY_SECONDS)
            await connection.close()
            return written

        return run(marks())

    def schema(self) -> list[tuple[Any, ...]]:
        columns = "SELECT table_name, column_name, data_type FROM information_schema.columns"
        return self.rows(f"{columns} WHERE table_schema = 'public' ORDER BY 1, 2")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run something in a loop and a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, build_cache: Path) -> Iterator[Stack]:
    """Bring the stack up."""
    workspace = make_workspace(tmp_path_factory.mktemp("database") / "project", build_cache)
    workspace.edit("dev", services={"users": {"route": "/"}}, network={"endpoints": ["secretsmanager"]})
    up = workspace.modeshift("up", "--stack", "dev", "--yes", "--skip-preview")
    assert up.code == 0, up
    yield Stack(workspace)
    workspace.modeshift("sandbox", "stop")


def test_a_migration_that_fails_stops_the_release_and_changes_nothing(stack: Stack) -> None:
    stack.write("before@example.com")
    schema, version = stack.database().schema(), stack.database().rows("SELECT version_num FROM alembic_version")
    live = functions(stack)
    folder = stack.workspace.root / VERSIONS
    last = max(path.name[:4] for path in folder.glob("[0-9]*.py"))
    broken = folder / f"{int(last) + 1:04}_nickname.py"
    broken.write_text(BROKEN.format(number=broken.name[:4], before=last))

    refused = stack.workspace.modeshift("up", "--stack", "dev", "--yes", "--skip-preview")
    broken.unlink()

    said = " ".join(refused.stdout.split())
    assert refused.code == Exit.FAILED, refused
    assert "The migration of users failed, the release stops here" in said
    assert "already exists" in said
    assert functions(stack) == live
    assert stack.database().schema() == schema
    assert stack.database().rows("SELECT version_num FROM alembic_version") == version
    assert "before@example.com" in stack.emails()

    mended = stack.workspace.modeshift("up", "--stack", "dev", "--yes", "--skip-preview")
    assert mended.code == 0, mended
    assert functions(stack) == live


def functions(stack: Stack) -> tuple[object, object]:
    """Return what code the function that serves has, and which version of it is live."""
    latest = stack.workspace.state("dev")["checkpoint"]["latest"]["resources"]
    found = {(one["type"], one["urn"].rpartition("::")[2]): one.get("outputs") for one in latest}
    function, alias = found["aws:lambda/function:Function", "dev-users"], found["aws:lambda/alias:Alias", "dev-users"]
    return function["codeSha256"], alias["functionVersion"]


def test_a_restore_brings_back_what_was_written_before_a_moment_and_nothing_else(stack: Stack) -> None:
    stack.write("kept@example.com")
    source, before, instances = stack.database(), stack.file.read_text(), stack.instances()
    source.rows(MARKERS)
    written = source.mark(3.5)
    stack.write("lost@example.com")
    moment = (written[0][1] + timedelta(seconds=2)).replace(microsecond=0)

    for words, why in (
        ("2026-01-01T00:00:00Z", "is before what backups of the database hold"),
        ("2126-01-01T00:00:00Z", "has not come yet"),
        ("2026-01-01T00:00:00", "no moment with a time zone"),
    ):
        refused = stack.workspace.modeshift("restore", "--stack", "dev", "--to", words, "--yes")
        assert (refused.code, why in " ".join(refused.stdout.split())) == (Exit.USAGE, True), refused
    tried = stack.workspace.modeshift("restore", "--stack", "dev", "--to", f"{moment:%Y-%m-%dT%H:%M:%SZ}", "--dry-run")
    assert tried.code == 0, tried
    assert (stack.file.read_text(), stack.instances()) == (before, instances)

    done = stack.workspace.modeshift(
        *("restore", "--stack", "dev", "--service", "users", "--link", "database"),
        *("--to", f"{moment:%Y-%m-%dT%H:%M:%SZ}", "--yes", "--json"),
    )

    assert done.code == 0, done
    restored = stack.database()
    there = {number for (number,) in restored.rows("SELECT number FROM markers")}
    # One may have been under way at that moment.
    assert {number for number, (_, known) in written.items() if known <= moment} <= there
    assert there <= {number for number, (sent, _) in written.items() if sent <= moment}
    assert 0 < len(there) < len(written)
    assert "kept@example.com" in stack.emails()
    assert "lost@example.com" not in stack.emails()
    assert {number for (number,) in source.rows("SELECT number FROM markers")} == written.keys()
    assert set(instances) < set(stack.instances())
    figures = done.document["restore"]
    assert figures["at"] == f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    assert figures["lostSeconds"] >= (max(known for _, known in written.values()) - moment).total_seconds()
    assert figures["seconds"] > done.document["stacks"][0]["seconds"]
    assert f'at: "{figures["at"]}"' in stack.file.read_text()
    again = stack.workspace.modeshift("preview", "--stack", "dev", "--expect-no-changes")
    assert again.code == 0, again


def test_nothing_is_restored_while_a_service_moves(stack: Stack) -> None:
    before = stack.file.read_text()
    moving = {"route": "/", "shift": {"step": 1, "weights": {"lambda": 100, "fargate": 0}}}
    try:
        stack.workspace.edit("dev", services={"users": moving})
        refused = stack.workspace.modeshift("restore", "--stack", "dev", "--to", "latest", "--yes")
    finally:
        stack.file.write_text(before)
    assert (refused.code, "a database is restored only when nothing moves" in " ".join(refused.stdout.split())) == (
        Exit.USAGE,
        True,
    ), refused
