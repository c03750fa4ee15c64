"""Databases, caches and files under the real engine: brought up, resized, restored, held on to and let go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest

from automation import policies
from sandbox.control import lifecycle
from sandbox.control.account import Account
from sandbox.control.answers import answering
from sandbox.control.facts import Catalog
from sandbox.control.protos import provider_pb2_grpc
from sandbox.control.provider import Provider
from sandbox.control.scope import Scope
from sandbox.control.wire import Values
from tests.sandbox.engine import Stack, attached

pytestmark = pytest.mark.e2e

INSTANCE = "aws:rds/instance:Instance"
KEPT = (INSTANCE, "aws:elasticache/serverlessCache:ServerlessCache", "aws:efs/fileSystem:FileSystem")
PROGRAM = """
import json
from pathlib import Path

import pulumi
from pulumi_aws import Provider

from components.cache import Cache
from components.file_system import FileSystem
from components.key import CustomerKey
from components.network import Network
from components.postgres import Backups, Postgres, PostgresSize, Restore
from components.service import ServiceArgs, ZipArtifact
from components.lambda_service import LambdaService

given = json.loads(Path("settings.json").read_text())
guarded = given["guarded"]
tags = {"Environment": given["environment"], "Owner": "team", "Cost-Center": "1"}
opts = pulumi.ResourceOptions(provider=Provider("aws", region="us-east-1", default_tags={"tags": tags}))
key = CustomerKey("shop-key", guarded=guarded, opts=opts).arn if given["key"] else None
network = Network("shop-network", log_retention_days=30, endpoints=given.get("endpoints", []), key_arn=key, opts=opts)
database = Postgres(
    "shop-users-database",
    network=network,
    size=PostgresSize(**given.get("size", {})),
    backups=Backups(days=given.get("days", 7)),
    version=given.get("version", "18"),
    database=given.get("database", "app"),
    proxy=given.get("proxy", False),
    restores=[Restore(**restore) for restore in given.get("restores", [])],
    monitoring_seconds=given.get("monitoring", 0),
    log_retention_days=30,
    guarded=guarded,
    import_id=given.get("import"),
    key_arn=key,
    opts=opts,
)
same = {"network": network, "guarded": guarded, "key_arn": key, "opts": opts}
cache = Cache("shop-users-cache", max_gb=given.get("cache", 1), **same)
files = FileSystem("shop-users-files", **same)
links = [database.link("database"), cache.link("cache"), files.link("files")]
for link in links:
    for name, value in link.environment.items():
        pulumi.export(name, value)
LambdaService(
    "shop-users",
    ServiceArgs(
        artifact=ZipArtifact(path="app.zip", sha256="n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="),
        links=links,
        log_retention_days=30,
        key_arn=key,
    ),
    network=network,
    opts=opts,
)
"""
DEV = {"environment": "dev", "guarded": False, "key": False}
PROD = {
    "environment": "prod",
    "guarded": True,
    "key": True,
    "size": {"multi_az": True},
    "monitoring": 60,
    "endpoints": ["ecr.api", "ecr.dkr", "logs", "secretsmanager"],
}


@dataclass(frozen=True)
class Shop:
    """A stack of the components, in an account that nobody else uses."""

    stack: Stack
    account: Account

    def run(self, operation: str, **settings: object) -> Ran:
        if settings:
            self.stack.settle(**settings)
        return Ran(self.stack.events(operation))

    def outputs(self) -> dict[str, str]:
        return json.loads(self.stack.pulumi("stack", "output", "--json").stdout)

    def databases(self) -> dict[str, dict[str, Any]]:
        return {
            one.urn.rpartition("::")[2]: one.outputs for one in self.account.list_resources() if one.type == INSTANCE
        }


@dataclass(frozen=True)
class Ran:
    """What the engine told of a run."""

    events: list[dict[str, Any]]

    @property
    def kinds(self) -> set[str]:
        """Return what happened to resources, such as `same` and `update`."""
        return set(next(event["summaryEvent"]["resourceChanges"] for event in self.events if "summaryEvent" in event))

    def steps(self, *types: str) -> set[tuple[str, str]]:
        """Return what happened to resources of these types, and their logical names."""
        found = [event["resourcePreEvent"]["metadata"] for event in self.events if "resourcePreEvent" in event]
        return {(one["op"], one["urn"].rpartition("::")[2]) for one in found if one["type"] in types}

    def stopping(self, environment: str) -> list[str]:
        """Return what our own rules would stop the run for."""
        allowed = policies.exceptions()
        report = policies.judge(self.events, environment=environment, suppressions=allowed, today=date(2026, 1, 1))
        return [f"{one.rule.id} {one.resource.name}: {one.sentence}" for one in report.stopping]


@contextmanager
def control_plane(account: Account) -> Iterator[int]:
    """Serve what is asked of AWS, without servers behind it: what a database holds is looked at elsewhere."""
    server = grpc.server(ThreadPoolExecutor(64))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(answering(Provider(account, Catalog())), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(grace=None).wait()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    account = Account(tmp_path / "account")
    with control_plane(account) as providers, attached(tmp_path, account, providers) as sandbox:
        stack = sandbox.stack(PROGRAM, "shop")
        (stack.folder / "app.zip").write_bytes(b"PK\5\6" + bytes(18))
        yield Shop(stack, account)
    account.close()


def test_prod_keeps_the_rules_grows_in_place_and_is_let_go_only_on_purpose(shop: Shop) -> None:
    first = shop.run("up", **PROD)
    assert first.stopping("prod") == []
    assert shop.run("preview").kinds == {"same"}

    bigger = {
        **PROD,
        "size": {"instance_class": "db.m7g.large", "storage_gb": 200, "max_storage_gb": 1000, "multi_az": True},
        "days": 35,
        "proxy": True,
        "cache": 20,
        "database": "other",
    }
    grown = shop.run("up", **bigger)
    assert grown.stopping("prod") == []
    assert {step for step, _ in grown.steps(*KEPT)} == {"update", "same"}
    (database,) = shop.databases().values()
    assert (database["instanceClass"], database["dbName"]) == ("db.m7g.large", "app")
    assert ".proxy-" in shop.outputs()["DATABASE_URL"]

    assert "protected" in shop.stack.failure("destroy")
    assert list(shop.databases()) == ["shop-users-database"]

    shop.run("up", **{**bigger, "guarded": False})
    shop.run("destroy")
    assert shop.account.summary() == {}


def test_dev_keeps_the_rules_and_goes_back_in_time_beside_what_it_has(shop: Shop) -> None:
    first = shop.run("up", **DEV)
    assert first.stopping("dev") == []
    before = shop.outputs()

    restore = {"name": "r1", "at": "2026-11-21T10:00:00Z"}
    assert shop.run("up", **DEV, restores=[restore]).steps(INSTANCE) == {
        ("same", "shop-users-database"),
        ("create", "shop-users-database-r1"),
    }
    after = shop.outputs()
    assert after["DATABASE_URL"] != before["DATABASE_URL"]
    assert after["DATABASE_SECRET"] != before["DATABASE_SECRET"]
    original, copy = (shop.databases()[name] for name in ("shop-users-database", "shop-users-database-r1"))
    assert copy["restoreToPointInTime"] == {
        "restoreTime": "2026-11-21T10:00:00Z",
        "sourceDbInstanceIdentifier": original["identifier"],
    }
    assert copy["parameterGroupName"] == original["parameterGroupName"]
    assert copy["username"] == original["username"]

    # The next major version is for all that are there; the source goes by itself.
    alone = {**DEV, "version": "19", "restores": [{**restore, "keep_source": False}]}
    assert shop.run("up", **alone).steps(INSTANCE) == {
        ("delete", "shop-users-database"),
        ("update", "shop-users-database-r1"),
    }
    assert shop.outputs() == after
    shop.run("destroy")
    assert shop.account.summary() == {}


def test_a_database_that_exists_is_taken_over_as_it_was_made(shop: Shop) -> None:
    kind = Catalog().get(INSTANCE)
    assert kind is not None
    made = {"identifier": "users-db", "engine": "postgres", "engineVersion": "18", "dbName": "users", "username": "ann"}
    given: Values = {
        **made,
        "allocatedStorage": 20,
        "instanceClass": "db.t4g.small",
        "storageEncrypted": True,
        "password": "x",
    }
    with shop.account.transaction() as account:
        old = lifecycle.create(account, kind, Scope(region="us-east-1"), "elsewhere", given)

    settings = {**DEV, "guarded": True, "import": "users-db", "database": "orders"}
    assert shop.run("preview", **settings).steps(INSTANCE) >= {("import", "shop-users-database")}
    steps = shop.run("up").steps(INSTANCE)
    assert steps == {("import", "shop-users-database"), ("update", "shop-users-database")}
    (now,) = shop.databases().values()
    assert now["resourceId"] == old.outputs["resourceId"]
    assert {key: now[key] for key in made} == made
    assert now["instanceClass"] == "db.t4g.micro"
    assert now["dbSubnetGroupName"] == old.outputs["dbSubnetGroupName"]
    assert shop.outputs()["DATABASE_URL"].startswith("postgresql://users-db.")
    assert shop.outputs()["DATABASE_SECRET"] == now["masterUserSecrets"][0]["secretArn"]
    assert shop.run("preview").kinds == {"same"}
