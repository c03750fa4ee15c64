"""What facts cannot say of databases and file systems: protection, passwords, restores, and what ends with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox.control import paths
from sandbox.control.errors import Refusal

if TYPE_CHECKING:
    from sandbox.control.wire import Values
    from tests.sandbox.conftest import Cloud, Made

INSTANCE = "aws:rds/instance:Instance"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
PROXY = "aws:rds/proxy:Proxy"
TARGET = "aws:rds/proxyTarget:ProxyTarget"
FILES = "aws:efs/fileSystem:FileSystem"
BACKUP = "aws:efs/backupPolicy:BackupPolicy"
POLICY = "aws:efs/fileSystemPolicy:FileSystemPolicy"

NEW: dict[str, Any] = {
    "engine": "postgres",
    "engineVersion": "18",
    "instanceClass": "db.t4g.micro",
    "allocatedStorage": 20,
    "username": "app_owner",
    "dbName": "app",
    "manageMasterUserPassword": True,
    "skipFinalSnapshot": True,
}


def database(cloud: Cloud, name: str = "users", **inputs: Any) -> Made:
    return cloud.create(INSTANCE, name, **{**NEW, **inputs})


def secret_of(made: Made) -> str:
    return str(paths.first(made.outputs, ("masterUserSecrets", paths.EACH, "secretArn")))


def test_rds_keeps_the_password_in_a_secret_of_its_own_that_can_be_rotated(cloud: Cloud) -> None:
    made = database(cloud)
    assert secret_of(made).startswith("arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-")
    rotation = cloud.create(
        ROTATION,
        "users",
        secretId=secret_of(made),
        rotationRules={"automaticallyAfterDays": 30},
        rotateImmediately=False,
    )
    assert rotation.id == secret_of(made)
    assert secret_of(cloud.update(made, allocatedStorage=40)) == secret_of(made)


def test_a_database_is_read_by_its_id_and_by_its_name(cloud: Cloud) -> None:
    made = database(cloud, identifier="users")
    for handle, state in ((made.id, made.outputs), ("users", made.outputs), ("users", {})):
        found = cloud.read(made.urn, handle, state)
        assert found is not None
        assert found.id == made.id
    assert cloud.read(made.urn, "users", {**made.outputs, "identifier": "other"}) is None


def test_a_password_of_ones_own_needs_no_secret_until_rds_is_to_keep_it(cloud: Cloud) -> None:
    made = database(cloud, manageMasterUserPassword=None, password="held elsewhere")
    assert made.outputs["masterUserSecrets"] == []
    assert secret_of(cloud.update(made, password=None, manageMasterUserPassword=True))


@pytest.mark.parametrize("missing", ["engine", "username", "allocatedStorage"])
def test_a_new_database_needs_to_be_described(cloud: Cloud, missing: str) -> None:
    with pytest.raises(Refusal, match="required field is not set"):
        cloud.create(INSTANCE, "users", **{key: value for key, value in NEW.items() if key != missing})


def test_a_new_database_needs_a_password(cloud: Cloud) -> None:
    with pytest.raises(Refusal, match="ManageMasterUserPassword must be given"):
        database(cloud, manageMasterUserPassword=None)


def test_protection_is_taken_off_before_the_database_goes(cloud: Cloud) -> None:
    made = database(cloud, deletionProtection=True)
    with pytest.raises(Refusal, match="disable deletion protection"):
        cloud.delete(made)
    cloud.delete(cloud.update(made, deletionProtection=False))


def test_a_database_goes_with_a_snapshot_or_on_purpose_without(cloud: Cloud) -> None:
    made = database(cloud, skipFinalSnapshot=None)
    with pytest.raises(Refusal, match="final_snapshot_identifier is required"):
        cloud.delete(made)
    cloud.delete(cloud.update(made, finalSnapshotIdentifier="users-final"))


def test_storage_only_grows(cloud: Cloud) -> None:
    made = database(cloud, allocatedStorage=40)
    with pytest.raises(Refusal, match="can only grow"):
        cloud.update(made, allocatedStorage=20)


def test_a_restored_database_has_the_names_of_its_source_and_a_password_of_its_own(cloud: Cloud) -> None:
    source = database(cloud, identifier="users")
    restored = cloud.create(
        INSTANCE,
        "users-r1",
        instanceClass="db.t4g.micro",
        manageMasterUserPassword=True,
        restoreToPointInTime={"sourceDbInstanceIdentifier": "users", "restoreTime": "2026-11-21T10:00:00Z"},
    )
    assert [restored.outputs[name] for name in ("engine", "username", "dbName")] == ["postgres", "app_owner", "app"]
    assert secret_of(restored) != secret_of(source)


def test_nothing_is_restored_from_what_is_not_there(cloud: Cloud) -> None:
    with pytest.raises(Refusal, match="users"):
        cloud.create(
            INSTANCE,
            "users-r1",
            instanceClass="db.t4g.micro",
            restoreToPointInTime={"sourceDbInstanceIdentifier": "users", "useLatestRestorableTime": True},
        )


def test_the_rotation_of_a_password_ends_with_its_database(cloud: Cloud) -> None:
    made = database(cloud)
    rotation = cloud.create(ROTATION, "users", secretId=secret_of(made), rotationRules={"automaticallyAfterDays": 30})
    cloud.delete(made)
    assert cloud.read(rotation.urn, rotation.id) is None


def test_what_is_put_is_in_the_place_of_what_was_there(cloud: Cloud) -> None:
    files = cloud.create(FILES, "docs", encrypted=True)
    cloud.create(BACKUP, "docs", fileSystemId=files.id, backupPolicy={"status": "DISABLED"})
    again = cloud.create(BACKUP, "again", fileSystemId=files.id, backupPolicy={"status": "ENABLED"})
    found = cloud.read(again.urn, again.id)
    assert found is not None
    assert found.outputs["backupPolicy"] == {"status": "ENABLED"}


def test_backups_and_policy_end_with_their_file_system_and_no_other(cloud: Cloud) -> None:
    one, other = (cloud.create(FILES, name, encrypted=True) for name in ("one", "other"))
    kinds: dict[str, Values] = {BACKUP: {"backupPolicy": {"status": "ENABLED"}}, POLICY: {"policy": "{}"}}
    parts = [
        cloud.create(kind, made.urn.rpartition("::")[2], fileSystemId=made.id, **inputs)
        for made in (one, other)
        for kind, inputs in kinds.items()
    ]
    cloud.delete(one)
    assert [cloud.read(part.urn, part.id) is None for part in parts] == [True, True, False, False]


def test_a_proxy_has_one_database_at_a_time(cloud: Cloud, network: tuple[list[str], str]) -> None:
    subnets, role = network
    for name in ("one", "two"):
        database(cloud, name, identifier=name)
    proxy = cloud.create(PROXY, "users", engineFamily="POSTGRESQL", roleArn=role, vpcSubnetIds=list(subnets))
    name = str(proxy.outputs["name"])
    first = cloud.create(TARGET, "first", dbProxyName=name, targetGroupName="default", dbInstanceIdentifier="one")
    assert first.id == f"{name}/default/RDS_INSTANCE/one"
    with pytest.raises(Refusal, match="already"):
        cloud.create(TARGET, "second", dbProxyName=name, targetGroupName="default", dbInstanceIdentifier="two")


@pytest.fixture
def network(cloud: Cloud) -> tuple[list[str], str]:
    """Return two subnets and a role."""
    vpc = cloud.create("aws:ec2/vpc:Vpc", "net", cidrBlock="10.0.0.0/16")
    subnets = [
        cloud.create(
            "aws:ec2/subnet:Subnet",
            zone,
            vpcId=vpc.id,
            cidrBlock=f"10.0.{at}.0/24",
            availabilityZone=f"us-east-1{zone}",
        ).id
        for at, zone in enumerate("ab")
    ]
    role = cloud.create("aws:iam/role:Role", "role", assumeRolePolicy='{"Version": "2012-10-17"}')
    return subnets, str(role.outputs["arn"])
