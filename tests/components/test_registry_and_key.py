"""The image registry and the customer key: what they keep, and from whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.key import CustomerKey
from components.registry import ImageRegistry

Deploy = Callable[[Callable[[], Any]], Any]

REPOSITORY = "arn:aws:ecr:us-east-1:123456789012:repository/modeshift-1a2b3c4"


def registry(**choices: Any) -> Callable[[], ImageRegistry]:
    return lambda: ImageRegistry("modeshift", **choices)


def test_images_are_scanned_and_tags_never_move(deploy: Deploy) -> None:
    inputs = deploy(registry()).one("Repository").inputs
    assert inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert inputs["imageTagMutability"] == "IMMUTABLE"
    assert "encryptionConfigurations" not in inputs


def test_images_are_encrypted_with_the_key_that_is_given(deploy: Deploy) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/k"
    inputs = deploy(registry(key_arn=key)).one("Repository").inputs
    assert inputs["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": key}]


def test_repository_is_protected_and_kept_unless_it_is_for_a_try(deploy: Deploy) -> None:
    repository = deploy(registry()).one("Repository")
    assert repository.protect
    assert repository.retain
    repository = deploy(registry(guarded=False)).one("Repository")
    assert not repository.protect
    assert not repository.retain


def expired(policy: str, images: list[set[str]]) -> list[int]:
    """Return the images, newest first, that ECR's rules would expire: each is claimed by the first rule it matches."""
    claimed: set[int] = set()
    gone: list[int] = []
    for rule in sorted(json.loads(policy)["rules"], key=lambda rule: rule["rulePriority"]):
        selection = rule["selection"]
        if selection["tagStatus"] != "tagged":
            continue
        (pattern,) = selection["tagPatternList"]
        prefix = pattern.removesuffix("*")
        matching = [i for i, tags in enumerate(images) if any(tag.startswith(prefix) for tag in tags)]
        gone += [i for i in matching[int(selection["countNumber"]) :] if i not in claimed]
        claimed |= set(matching)
    return gone


def test_the_last_images_stay_and_released_ones_for_good(deploy: Deploy) -> None:
    policy = deploy(registry(keep=10)).one("LifecyclePolicy").inputs["policy"]
    images = [{f"sha{number}"} for number in range(15)]
    images[12].add("release-7")
    assert expired(policy, images) == [10, 11, 13, 14]


def test_untagged_images_go(deploy: Deploy) -> None:
    rules = json.loads(deploy(registry()).one("LifecyclePolicy").inputs["policy"])["rules"]
    (untagged,) = [rule["selection"] for rule in rules if rule["selection"]["tagStatus"] == "untagged"]
    assert untagged == {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1}


def test_functions_of_this_account_alone_may_pull_when_lambda_runs_images(deploy: Deploy) -> None:
    assert deploy(registry()).all("RepositoryPolicy") == []
    (allowed,) = json.loads(deploy(registry(lambda_pull=True)).one("RepositoryPolicy").inputs["policy"])["Statement"]
    assert allowed["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert allowed["Condition"] == {"ArnLike": {"aws:SourceArn": "arn:aws:lambda:us-east-1:123456789012:function:*"}}


def test_images_are_copied_to_the_regions_that_are_named(deploy: Deploy) -> None:
    assert deploy(registry()).all("ReplicationConfiguration") == []
    recorded = deploy(registry(replicate_to=["us-west-2", "eu-west-1"]))
    (rule,) = recorded.one("ReplicationConfiguration").inputs["replicationConfiguration"]["rules"]
    assert [d["region"] for d in rule["destinations"]] == ["eu-west-1", "us-west-2"]
    assert rule["repositoryFilters"] == [{"filter": "modeshift-1a2b3c4", "filterType": "PREFIX_MATCH"}]


def test_name_that_ecr_refuses_is_refused_with_one_that_it_takes(deploy: Deploy) -> None:
    with pytest.raises(ValueError, match="call the registry modeshift"):
        deploy(lambda: ImageRegistry("Modeshift"))


def test_key_rotates_and_is_protected_and_kept(deploy: Deploy) -> None:
    key = deploy(lambda: CustomerKey("prod-key")).one("kms/key:Key")
    assert key.inputs["enableKeyRotation"]
    assert key.protect
    assert key.retain


def test_key_can_be_used_by_this_accounts_iam_log_groups_and_a_few_services_alone(deploy: Deploy) -> None:
    policy = json.loads(deploy(lambda: CustomerKey("prod-key")).one("kms/key:Key").inputs["policy"])
    iam, logs, services = policy["Statement"]
    assert iam["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert logs["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
    assert logs["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-1:123456789012:*"}
    }
    assert "kms:*" not in logs["Action"]
    assert services["Principal"] == {
        "Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"]
    }
    assert services["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert set(services["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_key_has_an_alias_and_says_its_arn(deploy: Deploy) -> None:
    recorded = deploy(lambda: CustomerKey("prod-key").arn)
    assert recorded.one("kms/alias:Alias").name == "prod-key"
    assert recorded.value.startswith("arn:aws:kms:us-east-1:123456789012:key/")
