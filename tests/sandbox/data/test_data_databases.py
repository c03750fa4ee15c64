"""Databases of an account: what its resources say is what can be connected to."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from sandbox.control.account import Account, Entry
from sandbox.control.errors import Refusal
from sandbox.data import client, console
from sandbox.data.errors import DataError
from tests.sandbox.data.conftest import INSTANCE, environment_secret

if TYPE_CHECKING:
    from sandbox.control.wire import Values
    from tests.sandbox.conftest import Made
    from tests.sandbox.data.conftest import Place

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def users(place: Place) -> Made:
    return place.database("dev-users-database")


def test_a_database_that_was_created_takes_connections(place: Place, users: Made) -> None:
    assert place.ask(users, "SELECT current_database() || current_user") == "appapp_owner"
    assert place.ask(users, "SHOW server_version").startswith("18.")


def test_its_address_alone_and_that_of_its_proxy_lead_to_it_too(place: Place, users: Made) -> None:
    proxy = "users.proxy-abc.us-east-1.rds.amazonaws.com"
    behind: Values = {"dbProxyName": "users", "dbInstanceIdentifier": users.outputs["identifier"]}
    fronts: dict[str, Values] = {"proxy:Proxy": {"name": "users", "endpoint": proxy}, "proxyTarget:ProxyTarget": behind}
    account = Account(place.folder)
    with account.transaction() as open_account:
        for kind, outputs in fronts.items():
            urn = f"urn:pulumi:dev::shop::aws:rds/{kind}::users"
            open_account.add(Entry(f"aws:rds/{kind}", "us-east-1", "users", "users", urn, {}, outputs, []))
    account.close()
    port = client.start(place.folder)["databases"][0]["port"]
    told = place.environment(
        HOST=str(users.outputs["address"]), PROXY=f"postgresql://{proxy}:5433/app", OTHER="postgres.example.com:5433"
    )
    assert told["HOST"] == f"127.0.0.1:{port}"
    assert told["PROXY"] == f"postgresql://127.0.0.1:{port}/app"
    assert told["OTHER"] == "postgres.example.com:5433"


def test_no_file_but_the_services_own_holds_the_password(place: Place, users: Made) -> None:
    password = place.login(users)["password"].encode()
    holding = [
        path
        for path in place.folder.rglob("*")
        if path.is_file() and not path.is_symlink() and password in path.read_bytes()
    ]
    assert [path.name for path in holding] == ["services.pickle"]
    assert holding[0].stat().st_mode & 0o777 == 0o600


def test_rotation_changes_the_secret_and_the_database(place: Place, users: Made) -> None:
    before = place.login(users)
    place.aws("secretsmanager").rotate_secret(SecretId=environment_secret(users))
    assert place.login(users)["password"] != before["password"]
    assert place.ask(users, "SELECT 1") == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        place.ask(users, "SELECT 1", before)


def test_a_person_gets_in_by_psql(place: Place, users: Made) -> None:
    command, environ = console.psql(place.folder, "users")
    assert Path(command[0]).name == "psql"
    assert environ["PGPASSWORD"] == place.login(users)["password"]
    assert not any(environ["PGPASSWORD"] in word for word in command)
    with pytest.raises(DataError, match=f"No database is called orders: {users.outputs['identifier']}"):
        console.psql(place.folder, "orders")


def test_a_restore_holds_what_was_there_at_the_second_and_the_source_goes_on(place: Place, users: Made) -> None:
    place.ask(users, "CREATE TABLE people (name text)")
    place.ask(users, "INSERT INTO people VALUES ('Ada')")
    # Restores know whole seconds.
    time.sleep(1.1)
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    time.sleep(1.1)
    place.ask(users, "INSERT INTO people VALUES ('Grace')")
    restored = place.restore("dev-users-database-r1", users, moment)
    # Whoever names the source in full means no other, though theirs begin with it.
    assert console.psql(place.folder, str(users.outputs["identifier"]))[0] != console.psql(place.folder, "r1")[0]
    latest = place.restore("dev-users-database-r2", restored)
    assert place.ask(restored, "SELECT string_agg(name, ',') FROM people") == "Ada"
    assert place.ask(latest, "SELECT string_agg(name, ',') FROM people") == "Ada"
    assert place.ask(users, "SELECT string_agg(name, ',') FROM people") == "Ada,Grace"
    assert place.login(restored)["password"] != place.login(users)["password"]
    for made in (latest, restored):
        place.cloud.delete(made)
    assert len(client.start(place.folder)["databases"]) == 1


def test_a_restore_to_before_it_was_there_is_refused_and_leaves_nothing(place: Place, users: Made) -> None:
    with pytest.raises(Refusal, match="outside of what can be restored"):
        place.restore("dev-users-database-r3", users, "2020-01-01T00:00:00Z")
    kinds = [one["identifier"] for one in client.start(place.folder)["databases"]]
    assert kinds == [users.outputs["identifier"]]


def test_an_engine_that_does_not_run_here_is_refused(place: Place) -> None:
    with pytest.raises(Refusal, match=r"runs PostgreSQL 16 and 18; postgres 17 is not simulated"):
        place.database("old", engineVersion="17")


def test_a_given_password_follows_the_settings_and_a_final_snapshot_brings_everything_back(place: Place) -> None:
    given = {"username": "app_owner", "password": "first-password"}
    made = place.database(
        "orders",
        manageMasterUserPassword=None,
        password="first-password",
        engineVersion="16.9",
        backupRetentionPeriod=0,
        skipFinalSnapshot=False,
        finalSnapshotIdentifier="orders-last",
    )
    place.ask(made, "CREATE TABLE orders AS SELECT 42 AS number", given)
    made = place.cloud.update(made, password="second-password")
    with pytest.raises(asyncpg.InvalidPasswordError):
        place.ask(made, "SELECT 1", given)
    with pytest.raises(Refusal, match=r"It runs PostgreSQL 16\. An upgrade to 18 in place is not simulated"):
        place.cloud.update(made, engineVersion="18")
    place.cloud.delete(made)
    assert client.start(place.folder)["snapshots"] == ["orders-last"]
    again = place.database(
        "orders-again", snapshotIdentifier="orders-last", engineVersion="16.9", dbName=None, username=None
    )
    login = {"username": "app_owner", "password": place.login(again)["password"]}
    assert place.ask(again, "SELECT number FROM orders", login) == 42
    place.cloud.delete(again)
    assert place.cloud.read(again.urn, again.id, again.outputs) is None
    assert INSTANCE in again.urn
