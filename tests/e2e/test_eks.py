"""Stacks on EKS through their whole life: what is planned, made, kept, changed in place and gone in the end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import Ran, Workspace

pytestmark = pytest.mark.e2e

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:"
ADMIN = "arn:aws:iam::123456789012:role/modeshift-ci-deploy-prod"
PROD = {
    "compute": "eks",
    "kubernetes": {"admins": [ADMIN], "publicCidrs": ["203.0.113.7/32"], "version": "1.34"},
    "architecture": "x86_64",
}


def run(workspace: Workspace, *args: str) -> Ran:
    ran = workspace.modeshift(*args, "--json")
    assert ran.code == 0, ran
    return ran


def state(workspace: Workspace, stack: str) -> list[dict[str, Any]]:
    return workspace.state(stack)["checkpoint"]["latest"].get("resources", [])


def of(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [resource for resource in resources if resource["type"] == kind]


def assert_nobody_gets_in_who_was_not_named(resources: list[dict[str, Any]], *, admin: str) -> None:
    """No aws-auth ConfigMap, no creator, no role that may do everything, no endpoint for the world."""
    names = [config["inputs"]["metadata"]["name"] for config in of(resources, "kubernetes:core/v1:ConfigMap")]
    assert names == ["amazon-vpc-cni"]
    (cluster,) = of(resources, "aws:eks/cluster:Cluster")
    assert cluster["inputs"]["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    people = [entry["inputs"]["principalArn"] for entry in of(resources, "aws:eks/accessEntry:AccessEntry")]
    assert people == [admin]
    for policy in of(resources, "aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(policy["outputs"]["policy"])["Statement"]:
            assert not any(action.endswith("*") for action in statement["Action"]), policy["urn"]
    endpoint = cluster["inputs"]["vpcConfig"]
    assert endpoint["endpointPrivateAccess"] is True
    if endpoint["endpointPublicAccess"]:
        assert endpoint["publicAccessCidrs"]
        assert "0.0.0.0/0" not in endpoint["publicAccessCidrs"]


def changed(ran: Ran) -> dict[str, int]:
    return {op: count for op, count in ran.summary.items() if op != "same" and count}


def test_staging_lives_on_eks(workspace: Workspace) -> None:
    planned = run(workspace, "preview", "--stack", "staging")
    assert changed(planned).keys() == {"create"}
    assert workspace.account() == []

    up = run(workspace, "up", "--stack", "staging", "--yes")
    assert up.summary == planned.summary
    made = state(workspace, "staging")
    assert_nobody_gets_in_who_was_not_named(made, admin="arn:aws:iam::123456789012:role/modeshift-ci-deploy-staging")
    (cluster,) = of(made, "aws:eks/cluster:Cluster")
    assert cluster["inputs"]["vpcConfig"]["endpointPublicAccess"] is False
    (key,) = of(made, "aws:kms/key:Key")
    assert cluster["inputs"]["encryptionConfig"]["provider"]["keyArn"] == key["outputs"]["arn"]
    (release,) = of(made, "kubernetes:helm.sh/v3:Release")
    (group,) = of(made, "aws:lb/targetGroup:TargetGroup")
    assert release["inputs"]["values"]["targetGroupBinding"]["targetGroupARN"] == group["outputs"]["arn"]
    assert group["inputs"]["tags"]["eks:eks-cluster-name"] == cluster["inputs"]["name"] == "staging-eks"

    assert changed(run(workspace, "up", "--stack", "staging", "--yes")) == {}

    # A new image and a larger pod are a roll-out: the release and nothing else.
    services = {"netprobe": {"route": "/", "size": {"cpu": 1024}}}
    workspace.edit("staging", image=IMAGE + "b" * 64, services=services)
    assert changed(run(workspace, "up", "--stack", "staging", "--yes")) == {"update": 1}
    (release,) = of(state(workspace, "staging"), "kubernetes:helm.sh/v3:Release")
    assert release["inputs"]["values"]["image"]["digest"] == "sha256:" + "b" * 64
    assert release["inputs"]["values"]["resources"]["limits"]["cpu"] == "1000m"

    run(workspace, "destroy", "--stack", "staging", "--yes")
    assert workspace.account() == []


def test_prod_on_eks_is_reached_from_where_it_says_and_guarded_until_that_is_lifted(workspace: Workspace) -> None:
    workspace.edit("prod", container=PROD, image=IMAGE + "a" * 64)
    run(workspace, "up", "--stack", "prod", "--yes")
    made = state(workspace, "prod")
    assert_nobody_gets_in_who_was_not_named(made, admin=ADMIN)
    (cluster,) = of(made, "aws:eks/cluster:Cluster")
    assert cluster["inputs"]["vpcConfig"]["publicAccessCidrs"] == ["203.0.113.7/32"]
    assert cluster["inputs"]["deletionProtection"] is True
    assert cluster["inputs"]["version"] == "1.34"
    assert changed(run(workspace, "up", "--stack", "prod", "--yes")) == {}

    # One version up, and another way in: the cluster changes in place.
    kubernetes = {**PROD["kubernetes"], "version": "1.35", "publicCidrs": []}  # pyright: ignore[reportGeneralTypeIssues]
    workspace.edit("prod", container={**PROD, "kubernetes": kubernetes})
    assert changed(run(workspace, "up", "--stack", "prod", "--yes")) == {"update": 1}

    refused = workspace.modeshift("destroy", "--stack", "prod", "--yes", "--unprotect", "--json")
    assert refused.code != 0
    assert of(state(workspace, "prod"), "aws:eks/cluster:Cluster")

    workspace.edit("prod", deletionProtection=False)
    # A preview would stop at the policy that wants prod guarded.
    run(workspace, "up", "--stack", "prod", "--yes", "--skip-preview")
    run(workspace, "destroy", "--stack", "prod", "--yes", "--unprotect")
    assert workspace.account() == []


@pytest.mark.parametrize(
    ("kubernetes", "said"),
    [
        ({"version": "1.30"}, "left standard support on 2025-07-23"),
        ({"autoMode": False}, "a cluster without Auto Mode has no nodes"),
        ({"publicCidrs": ["0.0.0.0/0"]}, "whole world"),
        ({"admins": []}, "nothing could be deployed to it"),
    ],
)
def test_what_would_fail_later_is_refused_before_anything_is_made(
    workspace: Workspace, kubernetes: dict[str, Any], said: str
) -> None:
    admins = ["arn:aws:iam::123456789012:role/modeshift-ci-deploy-staging"]
    workspace.edit("staging", container={"compute": "eks", "kubernetes": {"admins": admins, **kubernetes}})
    refused = workspace.modeshift("preview", "--stack", "staging")
    assert refused.code != 0
    assert said in " ".join(f"{refused.stdout} {refused.stderr}".split())
    assert workspace.account() == []
