"""A database: its password, its protection, its way in, what it is restored from and what a service gets of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.network import Network
from components.postgres import Backups, Postgres, PostgresSize, Restore
from components.postgres_alarms import most_connections

Deploy = Callable[..., Any]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
NAME = "dev-users-database"
IDENTIFIER = f"{NAME}-1a2b3c4"
SECRET = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-{IDENTIFIER}"
FIRST = Restore(name="r1", at="2026-11-21T10:00:00Z")
SECOND = Restore(name="r2", at="2026-11-22T10:00:00Z")


@pytest.fixture(scope="module")
def database(deploy: Callable[[Callable[[], Any]], Any]) -> Deploy:
    """Deploy a database; the value is what its link brings."""

    def run(**choices: Any) -> Any:
        def program() -> Any:
            made = Postgres(NAME, network=Network("dev-net"), **choices)
            link = made.link("database")
            return pulumi.Output.all(
                environment=dict(link.environment),
                resources=pulumi.Output.all(*(one for statement in link.statements for one in statement.resources)),
                group=link.security_group_id,
                port=link.port,
            )

        return deploy(program)

    return run


@pytest.fixture(scope="module")
def plain(database: Deploy) -> Any:
    return database()


def test_nobody_outside_reaches_it_and_nobody_inside_without_tls(plain: Any) -> None:
    instance = plain.one("rds/instance:Instance").inputs
    assert instance["publiclyAccessible"] is False
    assert plain.one("rds/subnetGroup:SubnetGroup").inputs["subnetIds"] == ["dev-net-private-1", "dev-net-private-2"]
    parameters = plain.one("rds/parameterGroup:ParameterGroup").inputs["parameters"]
    assert {one["name"]: one["value"] for one in parameters}["rds.force_ssl"] == "1"
    rules = [*plain.all("SecurityGroupIngressRule"), *plain.all("SecurityGroupEgressRule")]
    assert [rule.name for rule in rules if NAME in rule.name] == []


def test_password_is_made_by_rds_rotated_each_month_and_never_seen(plain: Any) -> None:
    instance = plain.one("rds/instance:Instance").inputs
    assert instance["manageMasterUserPassword"] is True
    assert not {"password", "passwordWo"} & instance.keys()
    rotation = plain.one("SecretRotation").inputs
    assert rotation["secretId"] == SECRET
    assert rotation["rotationRules"] == {"automaticallyAfterDays": 30}
    assert rotation["rotateImmediately"] is False


def test_service_gets_an_address_without_a_login_and_may_read_that_one_secret(plain: Any) -> None:
    assert plain.value["environment"] == {
        "DATABASE_URL": f"postgresql://{IDENTIFIER}.c1.us-east-1.rds.amazonaws.com:5433/app?sslmode=require",
        "DATABASE_SECRET": SECRET,
    }
    assert plain.value["resources"] == [SECRET]
    assert (plain.value["group"], plain.value["port"]) == (f"{NAME}-id", 5433)


def test_customer_key_encrypts_all_and_may_be_used_for_the_secret_alone(database: Deploy) -> None:
    recorded = database(key_arn=KEY, monitoring_seconds=60)
    instance = recorded.one("rds/instance:Instance").inputs
    assert {instance[name] for name in ("kmsKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId")} == {KEY}
    assert {group.inputs["kmsKeyId"] for group in recorded.all("LogGroup") if NAME in group.name} == {KEY}
    assert recorded.value["resources"] == [SECRET, KEY]


def test_logs_are_forgotten_because_their_groups_stand_first(plain: Any) -> None:
    names = {f"/aws/rds/instance/{IDENTIFIER}/{log}" for log in ("postgresql", "upgrade")}
    groups = [group for group in plain.all("LogGroup") if group.inputs.get("name") in names]
    assert {group.inputs["retentionInDays"] for group in groups} == {7}
    instance = plain.one("rds/instance:Instance")
    assert instance.inputs["identifier"] == IDENTIFIER
    assert {f"{group.type}::{group.name}" for group in groups} <= set(instance.depends_on)
    assert instance.inputs["enabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]


def test_guarded_it_is_kept_with_all_that_it_stands_on(plain: Any) -> None:
    instance = plain.one("rds/instance:Instance")
    assert (instance.protect, instance.retain, instance.delete_before_replace) == (True, True, False)
    assert instance.inputs["deletionProtection"] is True
    assert instance.inputs["skipFinalSnapshot"] is False
    assert instance.inputs["finalSnapshotIdentifier"] == f"{IDENTIFIER}-final"
    assert instance.inputs["deleteAutomatedBackups"] is False
    stands_on = [plain.one(kind, NAME) for kind in ("SecurityGroup", "SubnetGroup", "ParameterGroup")]
    assert [one.type for one in stands_on if not one.retain] == []


def test_unguarded_nothing_of_it_stays(database: Deploy) -> None:
    recorded = database(guarded=False)
    instance = recorded.one("rds/instance:Instance")
    assert (instance.protect, instance.retain) == (False, False)
    assert instance.inputs["deletionProtection"] is False
    assert instance.inputs["skipFinalSnapshot"] is True
    assert instance.inputs["deleteAutomatedBackups"] is True
    # The rotation of RDS's secret ends with the secret, which is not ours to end.
    assert [one.type for one in recorded if one.retain] == ["aws:secretsmanager/secretRotation:SecretRotation"]


def test_operating_system_is_measured_only_when_asked_and_written_to_one_place(database: Deploy, plain: Any) -> None:
    assert plain.one("rds/instance:Instance").inputs["monitoringInterval"] == 0
    assert [role.name for role in plain.all("iam/role:Role") if NAME in role.name] == []
    recorded = database(monitoring_seconds=60)
    instance = recorded.one("rds/instance:Instance")
    assert instance.inputs["monitoringRoleArn"].endswith(f"role/{NAME}-monitoring-1a2b3c4")
    assert f"aws:iam/rolePolicy:RolePolicy::{NAME}-monitoring" in instance.depends_on
    policy = json.loads(recorded.one("RolePolicy", f"{NAME}-monitoring").inputs["policy"])
    resources = {resource for statement in policy["Statement"] for resource in statement["Resource"]}
    assert all(one.startswith("arn:aws:logs:us-east-1:123456789012:log-group:RDSOSMetrics") for one in resources)


def test_proxy_takes_tls_only_reads_one_secret_and_reaches_one_database(database: Deploy) -> None:
    recorded = database(proxy=True, key_arn=KEY)
    proxy = recorded.one("rds/proxy:Proxy").inputs
    assert proxy["requireTls"] is True
    (auth,) = proxy["auths"]
    assert (auth["secretArn"], auth["authScheme"], auth["iamAuth"]) == (SECRET, "SECRETS", "DISABLED")
    policy = json.loads(recorded.one("RolePolicy", f"{NAME}-proxy").inputs["policy"])
    assert [(one["Action"], one["Resource"]) for one in policy["Statement"]] == [
        (["secretsmanager:GetSecretValue"], [SECRET]),
        (["kms:Decrypt"], [KEY]),
    ]
    entry = recorded.one("SecurityGroupIngressRule").inputs
    assert (entry["securityGroupId"], entry["referencedSecurityGroupId"]) == (f"{NAME}-id", f"{NAME}-proxy-id")
    way_out = recorded.one("SecurityGroupEgressRule", f"{NAME}-proxy-out").inputs
    assert (way_out["referencedSecurityGroupId"], way_out["fromPort"], way_out["toPort"]) == (f"{NAME}-id", 5433, 5433)
    target = recorded.one("rds/proxyTarget:ProxyTarget")
    assert (target.inputs["dbInstanceIdentifier"], target.delete_before_replace) == (IDENTIFIER, True)


def test_behind_a_proxy_services_know_the_proxy_alone(database: Deploy) -> None:
    value = database(proxy=True).value
    host = f"{NAME}-proxy-1a2b3c4.proxy-c1.us-east-1.rds.amazonaws.com"
    assert value["environment"]["DATABASE_URL"] == f"postgresql://{host}:5432/app?sslmode=require"
    assert value["environment"]["DATABASE_SECRET"] == SECRET
    assert (value["group"], value["port"]) == (f"{NAME}-proxy-id", 5432)


def test_restored_databases_are_made_one_from_the_other_and_the_last_is_used(database: Deploy) -> None:
    recorded = database(restores=[FIRST, SECOND], proxy=True)
    made = {one.name: one for one in recorded.all("rds/instance:Instance")}
    assert list(made) == [NAME, f"{NAME}-r1", f"{NAME}-r2"]
    assert made[f"{NAME}-r1"].inputs["restoreToPointInTime"] == {
        "restoreTime": FIRST.at,
        "sourceDbInstanceIdentifier": IDENTIFIER,
    }
    assert made[f"{NAME}-r2"].inputs["restoreToPointInTime"] == {
        "restoreTime": SECOND.at,
        "sourceDbInstanceIdentifier": f"{IDENTIFIER}-r1",
    }
    # A source stands, and is what the stack says it is, before something is made from it.
    assert f"aws:rds/instance:Instance::{NAME}" in made[f"{NAME}-r1"].depends_on
    own = {"identifier", "finalSnapshotIdentifier", "tags", "dbName", "username", "restoreToPointInTime"}
    alike = [{key: value for key, value in one.inputs.items() if key not in own} for one in made.values()]
    assert alike[0] == alike[1] == alike[2]
    assert {one.name for one in recorded.all("SecretRotation")} == set(made)
    last = f"{SECRET}-r2"
    assert recorded.value["environment"]["DATABASE_SECRET"] == last
    assert recorded.one("rds/proxyTarget:ProxyTarget").inputs["dbInstanceIdentifier"] == f"{IDENTIFIER}-r2"
    assert recorded.one("rds/proxy:Proxy").inputs["auths"][0]["secretArn"] == last
    assert {alarm.inputs["dimensions"]["DBInstanceIdentifier"] for alarm in recorded.all("MetricAlarm")} == {
        f"{IDENTIFIER}-r2"
    }


@pytest.mark.parametrize(
    ("restores", "left"),
    [
        ([Restore(name="r1", at=FIRST.at, keep_source=False)], ["r1"]),
        ([Restore(name="r1", at=FIRST.at, keep_source=False), SECOND], ["r1", "r2"]),
        ([FIRST, Restore(name="r2", at=SECOND.at, keep_source=False)], ["r2"]),
    ],
)
def test_sources_that_are_not_kept_leave_and_what_was_made_from_them_does_not_change(
    database: Deploy, restores: list[Restore], left: list[str]
) -> None:
    kept = [Restore(name=one.name, at=one.at) for one in restores]
    before = {one.name: one.inputs for one in database(restores=kept).all("rds/instance:Instance")}
    after = {one.name: one.inputs for one in database(restores=restores).all("rds/instance:Instance")}
    assert after == {name: before[name] for name in (f"{NAME}-{suffix}" for suffix in left)}


def test_one_that_exists_keeps_its_name_and_its_logs(database: Deploy) -> None:
    recorded = database(import_id="users-db")
    assert recorded.one("rds/instance:Instance").inputs["identifier"] == "users-db"
    assert [group.name for group in recorded.all("LogGroup") if NAME in group.name] == []


def test_alarms_know_the_size(database: Deploy) -> None:
    recorded = database(size=PostgresSize(instance_class="db.m7g.large", storage_gb=100, max_storage_gb=200))
    alarms = {alarm.inputs["metricName"]: alarm.inputs for alarm in recorded.all("MetricAlarm")}
    free = alarms["FreeStorageSpace"]
    assert (free["comparisonOperator"], free["threshold"]) == ("LessThanThreshold", 5 * 1024**3)
    assert (alarms["CPUUtilization"]["comparisonOperator"], alarms["CPUUtilization"]["threshold"]) == (
        "GreaterThanThreshold",
        80,
    )
    assert alarms["DatabaseConnections"]["threshold"] == most_connections("db.m7g.large")


# Connections that RDS allows by its formula for the memory that instance classes have (RDS user guide).
@pytest.mark.parametrize(
    ("instance_class", "most"),
    [
        ("db.t4g.micro", 112),
        ("db.t3.small", 225),
        ("db.t4g.medium", 450),
        ("db.m7g.large", 901),
        ("db.r7g.large", 1802),
        ("db.m7g.2xlarge", 3604),
        ("db.r7g.4xlarge", 5000),
    ],
)
def test_many_connections_are_most_of_what_an_instance_takes(instance_class: str, most: int) -> None:
    assert 0.55 * most <= most_connections(instance_class) <= 0.65 * most


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"size": PostgresSize(instance_class="t4g.micro")}, "t4g.micro is no instance class of RDS"),
        ({"size": PostgresSize(storage_gb=100, max_storage_gb=105)}, "can grow by 10 % at least: 100 to 105 GB"),
        ({"restores": [FIRST, FIRST]}, "the restore 'r1' is called like another"),
        ({"restores": [Restore(name="R_1", at=FIRST.at)]}, "'R_1' is no name of a restore"),
        ({"restores": [Restore(name="r--1", at=FIRST.at)]}, "'r--1' is no name of a restore"),
        ({"restores": [Restore(name="r1", at="yesterday")]}, "'yesterday' is no moment to restore to"),
        ({"backups": Backups(days=3)}, "backups are kept 7 to 35 days, not 3"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(database: Deploy, choices: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        database(**choices)
