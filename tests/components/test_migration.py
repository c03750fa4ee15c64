"""Migrations: run by a function in every mode, once for each version and database, before anything that waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.lambda_service import LambdaService
from components.migration import Migration
from components.network import Network
from components.service import ImageArtifact, Link, ServiceArgs, Statement, WorkloadArgs, ZipArtifact
from tests.components.workers import IMAGE, allowed

Deploy = Callable[..., Any]

NAME = "dev-users-migration"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds-AbCdEf"
ZIP = ZipArtifact(path=__file__, sha256="c2hhMjU2")
DATABASE = Link(
    name="database",
    environment={"DATABASE_URL": "postgresql://db:5432/users", "DATABASE_SECRET": SECRET},
    statements=[Statement(actions=["secretsmanager:GetSecretValue"], resources=[SECRET])],
    security_group_id="sg-db",
    port=5432,
)


def declared(artifact: ZipArtifact | ImageArtifact = ZIP, **choices: Any) -> Migration:
    args = replace(WorkloadArgs(artifact=artifact, links=[DATABASE], timeout=900), **choices)
    return Migration(NAME, args, network=Network("dev-network", flow_logs=False))


@pytest.fixture
def migration(deploy: Deploy) -> Deploy:
    """Deploy a migration and return everything it registered."""
    return lambda *given, **choices: deploy(lambda: declared(*given, **choices) and None)


@pytest.mark.parametrize("artifact", [ZIP, IMAGE])
def test_zip_and_image_are_entered_where_migrations_are(
    migration: Deploy, artifact: ZipArtifact | ImageArtifact
) -> None:
    made = migration(artifact).one("Function").inputs
    entered = made["handler"] if artifact is ZIP else made["imageConfig"]["commands"][0]
    assert entered == "app.migrate.lambda_handler"
    assert made["timeout"] == 900
    # Nobody calls an older version of it.
    assert made["publish"] is False


def test_function_reaches_the_database_before_it_is_called(migration: Deploy) -> None:
    recorded = migration()
    (way,) = recorded.all("SecurityGroupIngressRule")
    assert (way.inputs["securityGroupId"], way.inputs["fromPort"]) == ("sg-db", 5432)
    assert recorded.one("Function").inputs["vpcConfig"]["securityGroupIds"] == [f"{NAME}-id"]
    waits = recorded.one("Invocation").depends_on
    assert f"{way.type}::{way.name}" in waits
    assert f"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule::{NAME}-out" in waits


def test_role_may_read_the_login_and_nothing_of_other_services(migration: Deploy) -> None:
    actions = allowed(migration(), NAME)
    assert actions["secretsmanager:GetSecretValue"] == {SECRET}
    assert {name.split(":")[0] for name in actions} == {"secretsmanager", "logs", "xray", "ec2"}


def test_same_version_and_database_are_the_same_call(migration: Deploy) -> None:
    first, again = (migration().one("Invocation").inputs for _ in range(2))
    assert first == again
    assert first["input"] == "{}"


@pytest.mark.parametrize(
    "change",
    [
        {"artifact": ZipArtifact(path=__file__, sha256="b3RoZXI=")},
        {"artifact": IMAGE},
        {"links": [Link(name="database", environment={"DATABASE_URL": "postgresql://restored:5432/users"})]},
    ],
)
def test_another_version_or_database_is_another_call(migration: Deploy, change: dict[str, Any]) -> None:
    before, after = (migration(**choices).one("Invocation").inputs["triggers"] for choices in ({}, change))
    assert before != after


def test_size_and_time_are_no_reason_to_migrate_again(migration: Deploy) -> None:
    assert migration().one("Invocation").inputs == migration(timeout=60).one("Invocation").inputs


def test_what_depends_on_it_waits_for_the_call(deploy: Deploy) -> None:
    def program() -> None:
        waits = pulumi.ResourceOptions(depends_on=[declared()])
        LambdaService("dev-users", ServiceArgs(artifact=ZIP), opts=waits)

    recorded = deploy(program)
    call = recorded.one("Invocation")
    assert f"{call.type}::{call.name}" in recorded.one("modeshift:components:LambdaService").depends_on
    # A component's children are registered when it is, and it is when what it depends on has been made.
    rest = [position for position, one in enumerate(recorded) if one.custom and one.parent.endswith("::dev-users")]
    assert recorded.index(call) < min(rest)
