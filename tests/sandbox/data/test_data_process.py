"""The process that serves an account: one, whatever happens to it, and none when nothing needs it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.address import Address
from sandbox.control.account import Account
from sandbox.control.errors import Refusal
from sandbox.data import client, ports
from sandbox.data.errors import DataError
from tests.sandbox.data.conftest import Place, eventually, make_place

if TYPE_CHECKING:
    from sandbox.control.wire import Value

pytestmark = pytest.mark.e2e

TABLE: dict[str, Value] = {
    "hashKey": "hash",
    "attributes": [{"name": "hash", "type": "S"}],
    "billingMode": "PAY_PER_REQUEST",
}


def put(place: Place, table: str, key: str) -> None:
    place.aws("dynamodb").put_item(TableName=table, Item={"hash": {"S": key}})


def keys(place: Place, table: str) -> set[str]:
    return {item["hash"]["S"] for item in place.aws("dynamodb").scan(TableName=table)["Items"]}


def address(place: Place) -> Address:
    found = Address.read(place.folder / "data")
    assert found is not None
    return found


def test_everything_survives_a_stop_and_a_kill_and_stays_where_it_was(own_place: Place) -> None:
    place = own_place
    database = place.database("users")
    table = str(place.cloud.create("aws:dynamodb/table:Table", "results", **TABLE).outputs["name"])
    queue = str(place.cloud.create("aws:sqs/queue:Queue", "jobs").outputs["url"])
    place.ask(database, "CREATE TABLE people AS SELECT 'Ada' AS name")
    put(place, table, "one")
    place.aws("sqs").send_message(QueueUrl=queue, MessageBody="a job")
    before = client.start(place.folder)
    assert client.stop(place.folder)
    assert place.gone()
    assert client.stop(place.folder) is False

    after = client.start(place.folder)
    assert (after["endpoint"], after["databases"][0]["port"]) == (before["endpoint"], before["databases"][0]["port"])
    assert place.ask(database, "SELECT name FROM people") == "Ada"
    assert keys(place, table) == {"one"}
    received = place.aws("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert [message["Body"] for message in received] == ["a job"]

    put(place, table, "two")
    kept = place.folder / "data" / "services.pickle"
    written = kept.stat().st_mtime_ns
    assert eventually(lambda: kept.stat().st_mtime_ns > written or keys(place, table) == {"one", "two"})
    left = [process for process in place.processes() if process.pid != address(place).pid]
    assert eventually(lambda: b"two" in kept.read_bytes())
    os.kill(address(place).pid, signal.SIGKILL)
    client.start(place.folder)
    assert not any(process.is_running() for process in left)
    assert place.ask(database, "SELECT name FROM people") == "Ada"
    assert keys(place, table) == {"one", "two"}


def test_a_server_that_dies_is_started_again_where_it_was(own_place: Place) -> None:
    database = own_place.database("users")
    port = client.start(own_place.folder)["databases"][0]["port"]
    pid = client.start(own_place.folder)["databases"][0]["pid"]
    os.kill(pid, signal.SIGINT)
    assert eventually(lambda: (client.describe(own_place.folder) or {})["databases"][0]["pid"] not in (0, pid))
    assert own_place.ask(database, "SELECT 1") == 1
    assert client.start(own_place.folder)["databases"][0]["port"] == port


def test_two_starts_at_once_make_one_process(own_place: Place) -> None:
    own_place.cloud.create("aws:dynamodb/table:Table", "results", **TABLE)
    with ThreadPoolExecutor(4) as threads:
        pids = {told["pid"] for told in threads.map(client.start, [own_place.folder] * 4)}
    assert len(pids) == 1
    assert {process.pid for process in own_place.processes()} == pids


def test_a_port_that_others_took_meanwhile_is_left_to_them(own_place: Place) -> None:
    own_place.cloud.create("aws:dynamodb/table:Table", "results", **TABLE)
    client.start(own_place.folder)
    former = address(own_place)
    os.kill(former.pid, signal.SIGKILL)
    assert eventually(lambda: ports.free(former.port) == former.port)
    with ports.listen(former.port) as listener:
        assert listener.getsockname()[1] == former.port
        assert client.running(own_place.folder) is None
        client.start(own_place.folder)
        assert address(own_place).port != former.port


def test_it_ends_when_nothing_needs_it_any_more_but_not_before(own_place: Place) -> None:
    table = own_place.cloud.create("aws:dynamodb/table:Table", "results", **TABLE)
    other = own_place.cloud.create("aws:secretsmanager/secret:Secret", "keys")
    queue = own_place.cloud.create("aws:sqs/queue:Queue", "dead-letters")
    client.start(own_place.folder)
    own_place.cloud.delete(table)
    assert own_place.processes()
    own_place.cloud.delete(other)
    assert not own_place.processes()
    own_place.cloud.delete(queue)
    assert not own_place.processes()


def test_stacks_without_data_start_nothing(own_place: Place) -> None:
    own_place.cloud.create("aws:sqs/queue:Queue", "dead-letters")
    own_place.cloud.create("aws:s3/bucket:Bucket", "logs")
    own_place.cloud.create("aws:dynamodb/table:Table", "results", **TABLE)
    assert not own_place.processes()
    assert not (own_place.folder / "data").exists()


def test_it_ends_with_the_account_that_it_serves(tmp_path: Path) -> None:
    place = make_place(tmp_path / "account")
    place.database("users")
    assert place.processes()
    shutil.rmtree(place.folder)
    assert place.gone()


def test_an_account_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="account is empty"):
        client.start(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_disk_that_is_full_fails_the_database_and_nothing_else(own_place: Place) -> None:
    own_place.cloud.create("aws:dynamodb/table:Table", "results", **TABLE)
    # No file may become larger than what the services themselves need; that of a database would.
    limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); "
    program = f"{limited} runpy.run_module('sandbox.data', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", program, "--account", str(own_place.folder)]
    small = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    with small:
        assert eventually(lambda: client.running(own_place.folder))
        with pytest.raises(Refusal, match=r"users.*initdb failed"):
            own_place.database("users")
        kept = own_place.folder / "data" / "postgres"
        assert [path for folder in kept.glob("db-*") for path in folder.iterdir()] == []
        assert client.start(own_place.folder)["databases"] == []
        client.stop(own_place.folder)
    own_place.database("users")


def test_data_that_cannot_be_read_is_set_aside_and_said(own_place: Place) -> None:
    own_place.cloud.create("aws:dynamodb/table:Table", "results", **TABLE)
    client.start(own_place.folder)
    client.stop(own_place.folder)
    kept = own_place.folder / "data" / "services.pickle"
    kept.write_bytes(b"not what it was")
    told = client.start(own_place.folder)
    assert "cannot be read" in told["problems"]["services"]
    assert [path.read_bytes() for path in kept.parent.glob("services.set-aside-*")] == [b"not what it was"]


def test_commands_need_the_word_of_the_owner_and_nobody_changes_the_account(own_place: Place) -> None:
    own_place.cloud.create("aws:dynamodb/table:Table", "results", **TABLE)
    account = Account(own_place.folder)
    before = account.list_resources()
    client.start(own_place.folder)
    known = address(own_place)
    Address(known.pid, known.port, "guessed").write(own_place.folder / "data")
    assert client.running(own_place.folder) is None
    known.write(own_place.folder / "data")
    assert client.running(own_place.folder) == known
    assert (own_place.folder / "data" / "address.json").stat().st_mode & 0o777 == 0o600
    assert account.list_resources() == before
    account.close()
