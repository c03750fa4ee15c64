"""What users answer when their database is away, full or slow; and that nothing is lost or done twice by it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.core import database as core
from app.services import users
from tests.app.users.conftest import Answer, Ask, container
from tests.postgres import OWNER, Postgres, served

pytestmark = pytest.mark.e2e

ADA = {"email": "ada@example.com", "name": "Ada Example"}


def is_away(answer: Answer) -> bool:
    """Tell whether an answer says, as it should, that the database is not there."""
    if answer.status != 503:
        return False
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["retry-after"] in answer.body["detail"] or "look whether" in answer.body["detail"]
    return True


@contextmanager
def holding(environ: dict[str, str], sql: str) -> Iterator[None]:
    """Keep a transaction open that has done something."""
    with asyncio.Runner() as runner:
        connection = runner.run(_connected(environ))
        runner.run(connection.execute("BEGIN"))
        runner.run(connection.execute(sql))
        try:
            yield
        finally:
            runner.run(connection.close())


async def _connected(environ: dict[str, str]) -> Any:
    return await asyncpg.connect(environ["DATABASE_URL"].partition("?")[0], ssl=False)


def connections(postgres: Postgres, database: str) -> list[int]:
    """Return the processes that serve a database's clients."""
    sql = f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND backend_type = 'client backend'"
    return [int(pid) for pid in postgres.cluster.execute(sql).split()]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Postgres]:
    """Run a server that the test may stop."""
    with served(tmp_path / "cluster") as server:
        yield server


def crash(server: Postgres) -> None:
    """End every process of a server at once."""
    os.kill(server.cluster.pid, signal.SIGQUIT)
    server.stop()


@pytest.mark.parametrize("end", [Postgres.stop, crash])
def test_a_restart_during_writes_loses_nothing_and_does_nothing_twice(
    own: Postgres, environ: dict[str, str], end: Callable[[Postgres], None]
) -> None:
    environ = {**environ, "DATABASE_URL": own.url(own.database())}
    users.migrate(environ)
    over = threading.Event()
    made: dict[str, str] = {}
    refused: list[str] = []

    def write(ask: Ask, writer: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            key = f"{writer}.{number}"
            answer = ask("POST", "/users", {"email": f"{key}@example.com", "name": "A"}, idempotency_key=key)
            if answer.status == 201:
                made[key] = answer.body["id"]
            else:
                assert is_away(answer), answer.body
                refused.append(key)

    with container(environ) as ask, ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, ask, writer) for writer in range(4)]
        try:
            until(lambda: len(made) > 20)
            end(own)
            until(lambda: len(refused) > 20)
            assert ask("GET", "/users/health").status == 200
            assert "users database" in ask("GET", "/users/ready").body["detail"]
            own.start()
            before = len(made)
            until(lambda: len(made) > before + 20)
        finally:
            over.set()
        for writer in writers:
            writer.result()
        assert ask("GET", "/users/ready").status == 200
        for user in made.values():
            assert ask("GET", f"/users/{user}").status == 200
        for key in refused:
            again = ask("POST", "/users", {"email": f"{key}@example.com", "name": "A"}, idempotency_key=key)
            assert again.status == 201
            made[key] = again.body["id"]
        database = environ["DATABASE_URL"].rpartition("/")[2].partition("?")[0]
        assert int(own.cluster.execute("SELECT count(*) FROM users", database)) == len(made)


def until(reached: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(600):
        if reached():
            return
        threading.Event().wait(0.1)
    raise AssertionError("it never came to that")


def test_an_app_starts_without_its_database_and_finds_it_later(own: Postgres, environ: dict[str, str]) -> None:
    environ = {**environ, "DATABASE_URL": own.url(own.database())}
    users.migrate(environ)
    own.stop()
    with container(environ) as ask:
        assert is_away(ask("GET", "/users"))
        assert is_away(ask("POST", "/users", ADA))
        assert ask("GET", "/users/ready").status == 503
        own.start()
        assert ask("POST", "/users", ADA).status == 201
        assert ask("GET", "/users/ready").status == 200


def test_a_connection_that_the_server_ended_is_not_used_again(ask: Ask, postgres: Postgres, database: str) -> None:
    made = ask("POST", "/users", ADA)
    for pid in connections(postgres, database):
        postgres.cluster.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
    # Whoever is idle reads that the connection ended when its loop runs again.
    assert ask("GET", f"/users/{made.body['id']}").status == 200


def test_an_instance_has_as_many_connections_as_its_mode_allows(
    start: Any, environ: dict[str, str], postgres: Postgres, database: str
) -> None:
    instances = start("function", environ)
    for ask in instances * 3:
        assert ask("GET", "/users").status == 200
    assert len(connections(postgres, database)) == len(instances)
    (ask, *_) = start("container", environ | {"DATABASE_POOL": "2", "DATABASE_OVERFLOW": "1"})
    with ThreadPoolExecutor(12) as threads:
        assert {answer.status for answer in threads.map(lambda _: ask("GET", "/users"), range(60))} == {200}
    assert len(connections(postgres, database)) - len(instances) <= 3


def test_who_finds_all_connections_in_use_is_told_to_come_again(
    start: Any, environ: dict[str, str], postgres: Postgres, database: str
) -> None:
    postgres.cluster.execute(f"ALTER ROLE {OWNER} IN DATABASE {database} SET lock_timeout = '1500ms'")
    few = {"DATABASE_POOL": "1", "DATABASE_OVERFLOW": "0", "DATABASE_WAIT_SECONDS": "0.1"}
    ask = start("container", environ | few)[0]
    assert ask("POST", "/users", ADA).status == 201
    with ThreadPoolExecutor(1) as threads, holding(environ, "LOCK TABLE users"):
        waiting = threads.submit(ask, "GET", "/users")
        until(lambda: "Lock" in postgres.cluster.execute("SELECT wait_event_type FROM pg_stat_activity"))
        refused = ask("GET", "/users")
        assert is_away(refused)
        assert "connections" in refused.body["detail"]
        assert ask("GET", "/users/ready").status == 200, "an instance with much to do is no broken one"
        assert is_away(waiting.result())
        assert "too long" in waiting.result().body["detail"]
    assert ask("GET", "/users").status == 200


def test_a_server_that_hangs_holds_nobody_up(
    start: Any, environ: dict[str, str], postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "SESSION_SECONDS", 0.5)
    ask = start("container", environ)[0]
    assert ask("POST", "/users", ADA).status == 201
    (hung,) = connections(postgres, database)
    os.kill(hung, signal.SIGSTOP)
    try:
        assert is_away(ask("GET", "/users"))
        assert ask("GET", "/users").status == 200, "by another connection"
    finally:
        os.kill(hung, signal.SIGCONT)
    for pid in connections(postgres, database):
        postgres.cluster.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
    os.kill(postgres.cluster.pid, signal.SIGSTOP)
    try:
        assert is_away(ask("GET", "/users")), "nobody makes it another connection"
    finally:
        os.kill(postgres.cluster.pid, signal.SIGCONT)
    assert ask("GET", "/users").status == 200


@pytest.mark.parametrize("then", ["pg_terminate_backend(pg_backend_pid())", "pg_sleep(2)"])
def test_who_cannot_know_whether_it_was_saved_is_told_so(
    *,
    start: Any,
    environ: dict[str, str],
    postgres: Postgres,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    then: str,
) -> None:
    monkeypatch.setattr(core, "SESSION_SECONDS", 1)
    cut = f"""
        CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM {then}; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION cut();
    """
    postgres.cluster.execute(cut, database)
    ask = start("container", environ)[0]
    answer = ask("POST", "/users", ADA)
    assert is_away(answer)
    assert "look whether it was" in answer.body["detail"]
    postgres.cluster.execute("DROP TRIGGER cut ON users", database)
    assert ask("POST", "/users", ADA).status == 201


def test_the_log_tells_the_cause_and_nothing_of_anybody(
    start: Any, environ: dict[str, str], postgres: Postgres, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    ask = start("container", environ)[0]
    postgres.cluster.execute("ALTER TABLE users RENAME TO lost", database)
    assert ask("POST", "/users", ADA).status == 500
    postgres.cluster.execute("ALTER TABLE lost RENAME TO users", database)
    postgres.cluster.execute("ALTER TABLE users ADD CHECK (name <> 'Ada Example')", database)
    assert ask("POST", "/users", ADA).status == 500
    postgres.cluster.execute(f"ALTER ROLE {OWNER} IN DATABASE {database} SET default_transaction_read_only = on")
    for pid in connections(postgres, database):
        postgres.cluster.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
    assert is_away(ask("POST", "/users", ADA))
    assert "ReadOnlySQLTransactionError" in caplog.text
    assert "ada@example.com" not in caplog.text.lower()
    assert postgres.password not in caplog.text
