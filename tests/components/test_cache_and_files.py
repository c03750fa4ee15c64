"""A cache without a password, and files that are reached by one access point."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.cache import Cache
from components.file_system import FileSystem
from components.network import Network
from components.service import Link

Deploy = Callable[..., Any]

CACHE = "dev-search-cache"
FILES = "dev-docs-files"
POINT = f"arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-{FILES}-1a2b3c4"


def resolved(link: Link) -> pulumi.Output[dict[str, Any]]:
    return pulumi.Output.all(
        environment=dict(link.environment),
        resources=pulumi.Output.all(*(one for statement in link.statements for one in statement.resources)),
        points=pulumi.Output.all(*(volume.access_point_arn for volume in link.volumes)),
        group=link.security_group_id,
        port=link.port,
    )


@pytest.fixture(scope="module")
def cache(deploy: Callable[[Callable[[], Any]], Any]) -> Deploy:
    return lambda **choices: deploy(lambda: resolved(Cache(CACHE, network=Network("dev-net"), **choices).link("cache")))


@pytest.fixture(scope="module")
def files(deploy: Callable[[Callable[[], Any]], Any]) -> Deploy:
    return lambda **choices: deploy(
        lambda: resolved(FileSystem(FILES, network=Network("dev-net", azs=3), **choices).link("files"))
    )


def test_cache_is_signed_in_to_by_iam_and_by_nothing_else(cache: Deploy) -> None:
    recorded = cache()
    user = recorded.one("elasticache/user:User").inputs
    assert user["authenticationMode"] == {"type": "iam"}
    assert user["userId"] == user["userName"] == f"{CACHE}-1a2b3c4"
    assert recorded.one("elasticache/userGroup:UserGroup").inputs["userIds"] == [user["userId"]]
    assert recorded.one("ServerlessCache").inputs["userGroupId"] == f"{CACHE}-1a2b3c4"
    assert recorded.value["resources"] == [
        f"arn:aws:elasticache:us-east-1:123456789012:serverlessCache/{CACHE}-1a2b3c4",
        f"arn:aws:elasticache:us-east-1:123456789012:user/{CACHE}-1a2b3c4",
    ]


def test_service_is_told_where_the_cache_is_and_as_whom_to_sign_in(cache: Deploy) -> None:
    value = cache().value
    host = f"{CACHE}-1a2b3c4.serverless.use1.cache.amazonaws.com"
    assert value["environment"] == {
        "CACHE_URL": f"rediss://{CACHE}-1a2b3c4@{host}:6379",
        "CACHE_NAME": f"{CACHE}-1a2b3c4",
    }
    assert (value["group"], value["port"]) == (f"{CACHE}-id", 6379)


def test_cache_has_a_limit_to_what_it_costs(cache: Deploy) -> None:
    limits = cache(max_gb=5, max_ecpu_per_second=9000).one("ServerlessCache").inputs["cacheUsageLimits"]
    assert limits == {"dataStorage": {"maximum": 5, "unit": "GB"}, "ecpuPerSeconds": [{"maximum": 9000}]}


def test_files_are_encrypted_backed_up_and_reached_by_tls_and_access_point(files: Deploy) -> None:
    recorded = files()
    assert recorded.one("efs/fileSystem:FileSystem").inputs["encrypted"] is True
    assert recorded.one("BackupPolicy").inputs["backupPolicy"] == {"status": "ENABLED"}
    policy = json.loads(recorded.one("FileSystemPolicy").inputs["policy"])
    assert {one["Effect"] for one in policy["Statement"]} == {"Deny"}
    assert [one["Condition"] for one in policy["Statement"]] == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"Null": {"elasticfilesystem:AccessPointArn": "true"}},
    ]


def test_whoever_uses_files_is_the_user_of_the_image_in_a_folder_of_their_own(files: Deploy) -> None:
    point = files().one("AccessPoint").inputs
    assert point["posixUser"] == {"uid": 10001, "gid": 10001}
    assert point["rootDirectory"] == {
        "path": "/data",
        "creationInfo": {"ownerUid": 10001, "ownerGid": 10001, "permissions": "0750"},
    }


def test_files_have_an_address_in_each_zone_and_nobody_mounts_them_before(files: Deploy) -> None:
    recorded = files()
    targets = recorded.all("MountTarget")
    assert [target.inputs["subnetId"] for target in targets] == [f"dev-net-private-{zone}" for zone in (1, 2, 3)]
    assert {tuple(target.inputs["securityGroups"]) for target in targets} == {(f"{FILES}-id",)}
    assert recorded.value["environment"] == {"FILES_PATH": "/mnt/files"}
    assert recorded.value["points"] == [POINT]
    assert (recorded.value["group"], recorded.value["port"]) == (f"{FILES}-id", 2049)


@pytest.mark.parametrize("guarded", [True, False])
def test_guarded_they_are_kept_and_unguarded_nothing_is(cache: Deploy, files: Deploy, guarded: bool) -> None:
    for recorded, kind in (
        (cache(guarded=guarded), "ServerlessCache"),
        (files(guarded=guarded), "efs/fileSystem:FileSystem"),
    ):
        kept = recorded.one(kind)
        assert (kept.protect, kept.retain) == (guarded, guarded)
        if not guarded:
            assert [one.type for one in recorded if one.protect or one.retain] == []


def test_path_that_a_function_cannot_mount_is_refused(deploy: Callable[[Callable[[], Any]], Any]) -> None:
    with pytest.raises(ValueError, match=r"/data is no place for files.*as in /mnt/files"):
        deploy(lambda: FileSystem(FILES, network=Network("dev-net")).link("files", path="/data") and None)
