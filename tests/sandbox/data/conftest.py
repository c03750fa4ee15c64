"""An account whose data services really run: made once for a module, and ended with it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import boto3
import psutil
import pytest

from sandbox.control.account import Account
from sandbox.control.facts import Catalog
from sandbox.control.provider import Provider
from sandbox.control.wire import Value
from sandbox.data import client, environment
from sandbox.works import Works
from tests.sandbox.conftest import Cloud, Made

INSTANCE = "aws:rds/instance:Instance"
_PATIENCE = 60
_PAUSE = 0.1
_SETTINGS: dict[str, Value] = {
    "engine": "postgres",
    "engineVersion": "18",
    "username": "app_owner",
    "dbName": "app",
    "allocatedStorage": 20,
    "storageType": "gp3",
    "instanceClass": "db.t4g.micro",
    "backupRetentionPeriod": 7,
    "manageMasterUserPassword": True,
    "skipFinalSnapshot": True,
    "port": 5433,
}


@dataclass(frozen=True)
class Place:
    """An account, the provider that changes it, and what runs for it."""

    folder: Path
    cloud: Cloud

    def database(self, name: str, **settings: Value) -> Made:
        return self.cloud.create(INSTANCE, name, **{**_SETTINGS, **settings})

    def restore(self, name: str, source: Made, at: str | None = None) -> Made:
        moment: dict[str, Value] = {"restoreTime": at} if at else {"useLatestRestorableTime": True}
        kept = {key: value for key, value in _SETTINGS.items() if key not in {"engine", "username", "dbName"}}
        where: dict[str, Value] = {"sourceDbInstanceIdentifier": source.outputs["identifier"], **moment}
        return self.cloud.create(INSTANCE, name, **{**kept, "restoreToPointInTime": where})

    def environment(self, **given: str) -> dict[str, str]:
        return environment.environment_of(self.folder, given)

    def aws(self, service: str) -> Any:
        told = self.environment()
        return boto3.client(
            service,
            region_name=told["AWS_REGION"],
            endpoint_url=told["AWS_ENDPOINT_URL"],
            aws_access_key_id=told["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
        )

    def login(self, database: Made) -> dict[str, str]:
        arn = environment_secret(database)
        return json.loads(self.aws("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])

    def ask(self, database: Made, sql: str, login: dict[str, str] | None = None) -> Any:
        url = self.environment(URL=f"postgresql://{database.outputs['endpoint']}/app?sslmode=require")["URL"]
        login = login or self.login(database)

        async def once() -> Any:
            try:
                connection = await asyncpg.connect(url, user=login["username"], password=login["password"])
            except asyncpg.PostgresError:
                # The client closes what was encrypted a moment after it was refused.
                await asyncio.sleep(_PAUSE)
                raise
            try:
                return await connection.fetchval(sql)
            finally:
                await connection.close()

        return asyncio.run(once())

    def processes(self) -> list[psutil.Process]:
        """Return what runs for this account: whatever names its folder."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter(["cmdline"]):
            if any(str(self.folder) in word for word in process.info["cmdline"] or []):
                found.append(process)
        return found

    def gone(self) -> bool:
        return eventually(lambda: not self.processes())


def environment_secret(database: Made) -> str:
    kept: Any = database.outputs["masterUserSecrets"]
    return str(kept[0]["secretArn"])


def eventually(holds: Callable[[], object]) -> bool:
    """Wait until something holds; say no when it does not, long after it should."""
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def make_place(folder: Path) -> Place:
    account = Account(folder)
    return Place(folder, Cloud(Provider(account, Catalog(), Works(account, Path.cwd()))).configure())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Yield an account that all tests of a module share."""
    made = make_place(tmp_path_factory.mktemp("account"))
    yield made
    client.stop(made.folder)
    assert made.gone()


@pytest.fixture
def own_place(tmp_path: Path) -> Iterator[Place]:
    """Yield an account for one test that breaks things."""
    made = make_place(tmp_path / "account")
    yield made
    client.stop(made.folder)
    assert made.gone()
