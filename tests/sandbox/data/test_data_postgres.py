"""Clusters as the sandbox runs them: real servers, judged through a client."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from sandbox.data import ports, processes, tls
from sandbox.data.errors import DataError
from sandbox.data.postgres import Cluster

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Yield a server with a past, in a folder whose name means something to a shell."""
    made = Cluster.create(tmp_path_factory.mktemp("data") / "it's 100% $HOME", archive=True)
    made.start()
    made.provide("app'owner", "p'w\\d", "the app")
    yield made
    made.stop()


@contextmanager
def front(cluster: Cluster, folder: Path, *options: str) -> Iterator[int]:
    certificate = folder / "server.pem"
    tls.make_certificate(certificate, "users.abc.us-east-1.rds.amazonaws.com")
    with ports.listen() as listener:
        number = listener.fileno()
        command = [sys.executable, "-m", "sandbox.data.tls", "--listener", str(number), "--to", str(cluster.port)]
        process = processes.spawn(
            [*command, "--certificate", str(certificate), *options], folder / "tls.log", fds=[number]
        )
        port = listener.getsockname()[1]
    try:
        yield port
    finally:
        processes.end(process)


def ask(port: int, sql: str, *, tls_context: ssl.SSLContext | str | bool, password: str = "p'w\\d") -> object:
    async def once() -> object:
        try:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=port, user="app'owner", password=password, database="the app", ssl=tls_context
            )
        except asyncpg.PostgresError:
            # The client closes what was encrypted a moment after it was refused.
            await asyncio.sleep(0.1)
            raise
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(once())


def test_the_master_user_is_no_superuser_but_may_make_roles_and_databases(cluster: Cluster) -> None:
    rights = cluster.execute(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, pg_has_role(oid, 'rds_superuser', 'member') "
        "FROM pg_roles WHERE rolname = :'name'",
        name="app'owner",
    )
    assert rights == "f|t|t|t"


def test_a_new_password_shuts_the_old_one_out(cluster: Cluster, tmp_path: Path) -> None:
    with front(cluster, tmp_path) as port:
        cluster.provide("app'owner", "new", "the app")
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(port, "SELECT 1", tls_context="require")
        assert ask(port, "SELECT 1", tls_context="require", password="new") == 1
        cluster.provide("app'owner", "p'w\\d", "the app")


def test_passwords_are_not_in_the_log(cluster: Cluster) -> None:
    cluster.execute("SELECT 1")
    assert "p'w" not in cluster.log.read_text()


class TestTls:
    def test_a_client_may_insist_on_the_certificate(self, cluster: Cluster, tmp_path: Path) -> None:
        with front(cluster, tmp_path) as port:
            context = ssl.create_default_context(cafile=tmp_path / "server.pem")
            assert ask(port, "SELECT current_database()", tls_context=context) == "the app"

    def test_without_tls_it_refuses_in_the_words_of_rds(self, cluster: Cluster, tmp_path: Path) -> None:
        with (
            front(cluster, tmp_path) as port,
            pytest.raises(
                asyncpg.InvalidAuthorizationSpecificationError, match=r"no pg_hba\.conf entry .*no encryption"
            ),
        ):
            ask(port, "SELECT 1", tls_context=False)

    def test_without_tls_it_answers_where_a_parameter_group_allows_it(self, cluster: Cluster, tmp_path: Path) -> None:
        with front(cluster, tmp_path, "--plain") as port:
            assert ask(port, "SELECT 1", tls_context=False) == 1

    def test_nonsense_ends_the_connection_and_nothing_else(self, cluster: Cluster, tmp_path: Path) -> None:
        with front(cluster, tmp_path) as port:
            for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b""):
                with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                    client.sendall(nonsense)
                    client.shutdown(socket.SHUT_WR)
                    assert client.recv(100) == b""
            assert ask(port, "SELECT 1", tls_context="require") == 1

    def test_a_large_answer_comes_whole(self, cluster: Cluster, tmp_path: Path) -> None:
        with front(cluster, tmp_path) as port:
            text = ask(port, "SELECT repeat('x', 5000000)", tls_context="require")
        assert text == "x" * 5_000_000


class TestRestore:
    def test_it_holds_exactly_what_was_there_at_the_moment(self, cluster: Cluster, tmp_path: Path) -> None:
        cluster.execute("CREATE TABLE notes (text text); INSERT INTO notes VALUES ('first')", "the app")
        moment = datetime.now(UTC)
        cluster.execute("INSERT INTO notes VALUES ('second'); DROP TABLE IF EXISTS other", "the app")
        restored = cluster.restore(tmp_path / "restored", moment)
        restored.start()
        try:
            assert restored.execute("SELECT text FROM notes", "the app") == "first"
            assert cluster.execute("SELECT text FROM notes", "the app") == "first\nsecond"
            restored.execute("INSERT INTO notes VALUES ('after')", "the app")
            again = restored.restore(tmp_path / "again")
        finally:
            restored.stop()
        again.start()
        try:
            assert again.execute("SELECT text FROM notes", "the app") == "first\nafter"
        finally:
            again.stop()

    @pytest.mark.parametrize("away", [timedelta(days=-1), timedelta(hours=1)])
    def test_a_moment_outside_of_the_kept_past_is_refused(
        self, cluster: Cluster, tmp_path: Path, away: timedelta
    ) -> None:
        with pytest.raises(DataError, match="outside of what can be restored"):
            cluster.restore(tmp_path / "never", datetime.now(UTC) + away)
        assert not (tmp_path / "never").exists()


def test_without_backups_nothing_can_be_restored(tmp_path: Path) -> None:
    cluster = Cluster.create(tmp_path / "plain", version=16)
    with pytest.raises(DataError, match="backups are off"):
        cluster.restore(tmp_path / "never")
    cluster.start()
    assert cluster.execute("SHOW server_version").startswith("16.")
    cluster.stop()


def test_a_port_that_is_taken_is_left_to_its_owner(tmp_path: Path) -> None:
    cluster = Cluster.create(tmp_path / "plain")
    with ports.listen() as listener:
        taken = listener.getsockname()[1]
        try:
            assert cluster.start(taken) != taken
        finally:
            cluster.stop()
    assert cluster.start(taken) == taken
    cluster.stop()


def test_a_version_without_binaries_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="PostgreSQL 16 and 18, not 17"):
        Cluster.create(tmp_path / "old", version=17)
    assert not (tmp_path / "old").exists()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    cluster = Cluster.create(tmp_path / "broken")
    (tmp_path / "broken/data/global/pg_control").write_bytes(b"")
    with pytest.raises(DataError, match=r"did not start.*pg_control.*postgres\.log"):
        cluster.start()


def test_a_cluster_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom sandbox.data.postgres import Cluster\n"
        "cluster = Cluster.create(Path(sys.argv[1]))\ncluster.start()\n"
        "print(cluster.port, flush=True)\ntime.sleep(600)\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "own")], stdout=subprocess.PIPE, text=True
    )
    with starter:
        assert starter.stdout is not None
        port = int(starter.stdout.readline())
        starter.send_signal(signal.SIGKILL)
    if sys.platform == "linux":
        log = tmp_path / "own" / "postgres.log"
        while "database system is shut down" not in log.read_text():
            time.sleep(0.02)
        with ports.listen(port) as listener:
            assert listener.getsockname()[1] == port
