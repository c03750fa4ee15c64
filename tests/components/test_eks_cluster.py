"""An EKS cluster: who gets in, what is encrypted, logged and enforced, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pulumi
import pytest

from components.eks_cluster import CONTROL_PLANE_LOGS, EksCluster, no_creator_admin
from components.eks_versions import NEWEST, READ_ON, STANDARD_SUPPORT_ENDS, SUPPORTED
from components.network import Network

Deploy = Callable[[Callable[[], Any]], Any]

ADMIN = "arn:aws:iam::123456789012:role/ci/deploy-staging"
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"


@pytest.fixture
def deploy_cluster(deploy: Deploy) -> Callable[..., Any]:
    def run(*, admins: Sequence[str] = (ADMIN,), **choices: Any) -> Any:
        return deploy(lambda: EksCluster("staging-eks", network=Network("staging-net"), admins=admins, **choices))

    return run


def test_surface_is_what_services_and_people_need(deploy: Deploy) -> None:
    def program() -> dict[str, Any]:
        cluster = EksCluster("staging-eks", network=Network("staging-net"), admins=[ADMIN])
        return {
            "name": cluster.cluster_name,
            "arn": cluster.arn,
            "group": cluster.security_group_id,
            "log": cluster.log_group_name,
        }

    assert deploy(program).value == {
        "name": "staging-eks",
        "arn": "arn:aws:eks:us-east-1:123456789012:cluster/staging-eks",
        "group": "staging-eks-cluster-sg",
        "log": "/aws/containerinsights/staging-eks/application",
    }


def test_cluster_is_private_encrypted_logged_and_in_auto_mode(deploy_cluster: Callable[..., Any]) -> None:
    cluster = deploy_cluster(key_arn=KEY).one("eks:index:Cluster").inputs
    assert cluster["endpointPrivateAccess"] is True
    assert cluster["endpointPublicAccess"] is False
    assert "publicAccessCidrs" not in cluster
    assert cluster["privateSubnetIds"] == ["staging-net-private-1", "staging-net-private-2"]
    assert "publicSubnetIds" not in cluster
    assert cluster["authenticationMode"] == "API"
    assert cluster["autoMode"]["enabled"] is True
    assert cluster["autoMode"]["computeConfig"] == {"nodePools": ["system"]}
    assert cluster["encryptionConfigKeyArn"] == KEY
    assert cluster["enabledClusterLogTypes"] == list(CONTROL_PLANE_LOGS)
    assert cluster["upgradePolicy"] == {"supportType": "STANDARD"}
    assert cluster["version"] == NEWEST
    assert "roleMappings" not in cluster


def test_nothing_is_made_that_auto_mode_brings(deploy_cluster: Callable[..., Any]) -> None:
    cluster = deploy_cluster().one("eks:index:Cluster").inputs
    assert cluster["skipDefaultNodeGroup"] is True
    assert cluster["createInstanceRole"] is False
    assert "createOidcProvider" not in cluster
    assert cluster["corednsAddonOptions"]["enabled"] is False


def test_public_endpoint_is_for_those_listed(deploy_cluster: Callable[..., Any]) -> None:
    cluster = deploy_cluster(public_cidrs=["203.0.113.7/32", "198.51.100.0/24"]).one("eks:index:Cluster").inputs
    assert cluster["endpointPublicAccess"] is True
    assert cluster["endpointPrivateAccess"] is True
    assert cluster["publicAccessCidrs"] == ["198.51.100.0/24", "203.0.113.7/32"]


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0"])
def test_endpoint_for_the_world_is_refused(deploy_cluster: Callable[..., Any], cidr: str) -> None:
    with pytest.raises(ValueError, match=r"staging-eks: .* the world"):
        deploy_cluster(public_cidrs=[cidr])


@pytest.mark.parametrize("version", ["1.33", "1.99", "35", ""])
def test_version_out_of_standard_support_is_refused_with_those_in_it(
    deploy_cluster: Callable[..., Any], version: str
) -> None:
    with pytest.raises(ValueError, match=rf"Kubernetes {version} is not in standard support; take one of .*{NEWEST}"):
        deploy_cluster(version=version)


def test_versions_offered_are_those_whose_support_lasts() -> None:
    assert NEWEST == SUPPORTED[-1] == list(STANDARD_SUPPORT_ENDS)[-1]
    assert all(STANDARD_SUPPORT_ENDS[version] > READ_ON for version in SUPPORTED)
    ends = list(STANDARD_SUPPORT_ENDS.values())
    assert ends == sorted(ends)
    # Whoever takes the default has months before AWS upgrades it.
    assert STANDARD_SUPPORT_ENDS[NEWEST] - READ_ON > timedelta(days=60)


def test_creator_is_no_administrator(deploy_cluster: Callable[..., Any]) -> None:
    (transform,) = deploy_cluster().one("eks:index:Cluster").transforms
    assert transform is not None
    props = {
        "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True},
        "name": "c",
    }
    args = pulumi.ResourceTransformArgs(
        custom=True, type_="aws:eks/cluster:Cluster", name="c", props=props, opts=pulumi.ResourceOptions()
    )
    result = no_creator_admin(args)
    assert result is not None
    assert result.props == {
        "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        "name": "c",
    }


def test_other_children_are_left_alone() -> None:
    args = pulumi.ResourceTransformArgs(
        custom=True, type_="aws:iam/role:Role", name="r", props={}, opts=pulumi.ResourceOptions()
    )
    assert no_creator_admin(args) is None


def test_administrators_are_those_named_and_no_config_map_says_so(deploy_cluster: Callable[..., Any]) -> None:
    recorded = deploy_cluster(admins=[ADMIN, ADMIN])
    entry = recorded.one("AccessEntry")
    assert entry.name == "staging-eks-admin-deploy-staging"
    assert entry.inputs["principalArn"] == ADMIN
    association = recorded.one("AccessPolicyAssociation")
    assert association.inputs["policyArn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert association.inputs["accessScope"] == {"type": "cluster"}
    assert f"aws:eks/accessEntry:AccessEntry::{entry.name}" in association.depends_on
    assert [config.inputs["metadata"]["name"] for config in recorded.all("ConfigMap")] == ["amazon-vpc-cni"]


def test_nothing_is_asked_of_the_cluster_before_somebody_may(deploy_cluster: Callable[..., Any]) -> None:
    provider = deploy_cluster().one("pulumi:providers:kubernetes")
    assert (
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation::staging-eks-admin-deploy-staging"
        in provider.depends_on
    )
    assert provider.inputs["clusterIdentifier"] == "arn:aws:eks:us-east-1:123456789012:cluster/staging-eks"
    assert provider.inputs["enableServerSideApply"] == "true"
    assert provider.inputs["deleteUnreachable"] == "false"


def test_network_policies_are_enforced(deploy_cluster: Callable[..., Any]) -> None:
    config = deploy_cluster().one("ConfigMap").inputs
    assert config["metadata"] == {"name": "amazon-vpc-cni", "namespace": "kube-system"}
    assert config["data"] == {"enable-network-policy-controller": "true"}


@pytest.mark.parametrize(("architecture", "called"), [("arm64", "arm64"), ("x86_64", "amd64")])
def test_nodes_have_the_processor_asked_for_and_an_end(
    deploy_cluster: Callable[..., Any], architecture: str, called: str
) -> None:
    pool = deploy_cluster(architecture=architecture, most_vcpus=8).one("NodePool").inputs["spec"]
    wanted = {each["key"]: each["values"] for each in pool["template"]["spec"]["requirements"]}
    assert wanted["kubernetes.io/arch"] == [called]
    assert wanted["karpenter.sh/capacity-type"] == ["on-demand"]
    assert pool["limits"] == {"cpu": "8"}


def test_control_plane_log_is_there_before_the_cluster_with_its_retention(deploy_cluster: Callable[..., Any]) -> None:
    recorded = deploy_cluster(log_retention_days=30, key_arn=KEY)
    group = recorded.one("LogGroup", "staging-eks-control-plane")
    assert group.inputs["name"] == "/aws/eks/staging-eks/cluster"
    assert group.inputs["retentionInDays"] == 30
    assert group.inputs["kmsKeyId"] == KEY
    cluster = recorded.one("eks:index:Cluster")
    assert cluster.inputs["name"] == "staging-eks"
    assert "aws:cloudwatch/logGroup:LogGroup::staging-eks-control-plane" in cluster.depends_on


def test_container_logs_go_where_the_surface_says_and_are_forgotten(deploy_cluster: Callable[..., Any]) -> None:
    recorded = deploy_cluster(log_retention_days=14)
    groups = {group.inputs.get("name"): group.inputs["retentionInDays"] for group in recorded.all("LogGroup")}
    for kind in ("application", "dataplane", "host", "performance"):
        assert groups[f"/aws/containerinsights/staging-eks/{kind}"] == 14
    add_on = recorded.one("Addon", "staging-eks-logs")
    assert add_on.inputs["addonName"] == "amazon-cloudwatch-observability"
    assert "aws:cloudwatch/logGroup:LogGroup::staging-eks-application" in add_on.depends_on
    configuration = json.loads(add_on.inputs["configurationValues"])
    assert configuration["containerLogs"]["enabled"] is True
    assert configuration["manager"]["applicationSignals"]["autoMonitor"]["monitorAllServices"] is False


def test_log_writer_is_the_agent_alone_and_writes_these_groups_alone(deploy_cluster: Callable[..., Any]) -> None:
    recorded = deploy_cluster(insights=False)
    trust = json.loads(recorded.one("iam/role:Role", "staging-eks-logs").inputs["assumeRolePolicy"])["Statement"]
    assert trust == [
        {
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Condition": {
                "StringEquals": {
                    "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:us-east-1:123456789012:cluster/staging-eks",
                    "aws:RequestTag/kubernetes-namespace": "amazon-cloudwatch",
                    "aws:RequestTag/kubernetes-service-account": "cloudwatch-agent",
                }
            },
        }
    ]
    policy = json.loads(recorded.one("RolePolicy", "staging-eks-logs").inputs["policy"])
    (statement,) = policy["Statement"]
    assert all("/aws/containerinsights/staging-eks/" in resource for resource in statement["Resource"])
    assert recorded.one("Addon", "staging-eks-logs").inputs["podIdentityAssociations"] == [
        {
            "roleArn": "arn:aws:iam::123456789012:role/staging-eks-logs-1a2b3c4",
            "serviceAccount": "cloudwatch-agent",
        }
    ]


def test_without_insights_only_logs_are_recorded(deploy_cluster: Callable[..., Any]) -> None:
    recorded = deploy_cluster(insights=False)
    add_on = recorded.one("Addon", "staging-eks-logs")
    assert json.loads(add_on.inputs["configurationValues"])["containerInsights"] == {"enabled": False}
    assert not any(group.name.endswith("-performance") for group in recorded.all("LogGroup"))


def test_pods_can_be_scaled(deploy_cluster: Callable[..., Any]) -> None:
    assert deploy_cluster().one("Addon", "staging-eks-metrics").inputs["addonName"] == "metrics-server"


def test_cluster_without_a_key_makes_one_that_is_guarded_like_itself(deploy_cluster: Callable[..., Any]) -> None:
    recorded = deploy_cluster(deletion_protection=True)
    key = recorded.one("kms/key:Key")
    assert (key.name, key.protect, key.retain) == ("staging-eks-key", True, True)
    cluster = recorded.one("eks:index:Cluster").inputs
    assert cluster["encryptionConfigKeyArn"] == "arn:aws:kms:us-east-1:123456789012:key/staging-eks-key-1a2b3c4"
    assert cluster["deletionProtection"] is True


def test_cluster_with_a_key_makes_none(deploy_cluster: Callable[..., Any]) -> None:
    assert deploy_cluster(key_arn=KEY).all("kms/key:Key") == []
