"""Clusters: versions, ways in, protection, and what goes with a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.control.errors import Refusal
from sandbox.control.scope import CALLER_ARN
from sandbox.control.wire import UNKNOWN, Value, Values

if TYPE_CHECKING:
    from tests.sandbox.conftest import Cloud, Made

CLUSTER = "aws:eks/cluster:Cluster"
ADDON = "aws:eks/addon:Addon"
ENTRY = "aws:eks/accessEntry:AccessEntry"
POLICY = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
IDENTITY = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
ROLE = "aws:iam/role:Role"
OPS = "arn:aws:iam::123456789012:role/team/ops"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
EVERYWHERE: Values = {"type": "cluster"}
AUTO_MODE: Values = {
    "bootstrapSelfManagedAddons": False,
    "computeConfig": {"enabled": True, "nodePools": ["system"]},
    "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": True}},
    "storageConfig": {"blockStorage": {"enabled": True}},
}


@pytest.fixture
def subnets(cloud: Cloud) -> list[Value]:
    vpc = cloud.create("aws:ec2/vpc:Vpc", "net", cidrBlock="10.0.0.0/16")
    zones = enumerate(("us-east-1a", "us-east-1b", "us-east-1b"))
    return [
        cloud.create(
            "aws:ec2/subnet:Subnet", f"s{at}", vpcId=vpc.id, cidrBlock=f"10.0.{at}.0/24", availabilityZone=zone
        ).id
        for at, zone in zones
    ]


@pytest.fixture
def role(cloud: Cloud) -> Made:
    return cloud.create(ROLE, "role", assumeRolePolicy='{"Version": "2012-10-17"}')


def given(role: Made, subnets: list[Value], **inputs: Value) -> Values:
    return {
        "roleArn": role.outputs["arn"],
        "vpcConfig": {"subnetIds": subnets},
        "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        "version": "1.33",
        **AUTO_MODE,
        **inputs,
    }


@pytest.fixture
def cluster(cloud: Cloud, role: Made, subnets: list[Value]) -> Made:
    return cloud.create(CLUSTER, "shop", **given(role, subnets))


class TestClusters:
    def test_a_cluster_says_where_it_is(self, cloud: Cloud, cluster: Made, subnets: list[Value]) -> None:
        assert cluster.id == cluster.outputs["name"]
        endpoint = str(cluster.outputs["endpoint"])
        identity = endpoint.removeprefix("https://").removesuffix(".gr7.us-east-1.eks.amazonaws.com")
        assert len(identity) == 32
        issuer = f"https://oidc.eks.us-east-1.amazonaws.com/id/{identity}"
        assert cluster.outputs["identities"] == [{"oidcs": [{"issuer": issuer}]}]
        network = cluster.outputs["vpcConfig"]
        assert isinstance(network, dict)
        vpc = cloud.read(cloud.urn("aws:ec2/subnet:Subnet", "s0"), str(subnets[0]))
        assert vpc is not None
        assert network["vpcId"] == vpc.outputs["vpcId"]
        rule = cloud.create(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "in",
            securityGroupId=network["clusterSecurityGroupId"],
            ipProtocol="tcp",
            fromPort=80,
            toPort=80,
            cidrIpv4="10.0.0.0/16",
        )
        assert rule.id

    def test_what_eks_chose_stays_when_something_else_changes(self, cloud: Cloud, cluster: Made) -> None:
        for changed in (
            cloud.update(cluster, tags={"a": "b"}),
            cloud.update(cluster, preview=True, tags={"a": "b"}),
            cloud.update(cluster, enabledClusterLogTypes=["api"]),
        ):
            assert changed.outputs["vpcConfig"] == cluster.outputs["vpcConfig"]
            assert changed.outputs["endpoint"] == cluster.outputs["endpoint"]

    @pytest.mark.parametrize("missing", ["computeConfig", "kubernetesNetworkConfig", "storageConfig"])
    def test_auto_mode_is_on_or_off_as_a_whole(
        self, cloud: Cloud, role: Made, subnets: list[Value], missing: str
    ) -> None:
        inputs = given(role, subnets)
        del inputs[missing]
        _, failures = cloud.check(CLUSTER, "shop", inputs)
        assert "must all be set to either true or false" in failures[0]
        _, failures = cloud.check(CLUSTER, "shop", {**inputs, missing: UNKNOWN})
        assert failures == []

    @pytest.mark.parametrize(
        ("inputs", "words"),
        [
            ({"version": "1.12"}, r"unsupported Kubernetes version 1\.12; EKS runs 1\.31, "),
            ({"bootstrapSelfManagedAddons": True}, "bootstrapSelfManagedAddons must be false"),
            ({"accessConfig": {"authenticationMode": "CONFIG_MAP"}}, "requires the authentication mode API"),
            ({"accessConfig": None}, "requires the authentication mode API"),
        ],
    )
    def test_what_eks_does_not_run_is_refused(
        self, cloud: Cloud, role: Made, subnets: list[Value], inputs: Values, words: str
    ) -> None:
        wanted = {name: value for name, value in given(role, subnets, **inputs).items() if value is not None}
        with pytest.raises(Refusal, match=words):
            cloud.create(CLUSTER, "shop", **wanted)

    def test_two_zones_are_needed(self, cloud: Cloud, role: Made, subnets: list[Value], cluster: Made) -> None:
        alike: Values = {"subnetIds": subnets[1:]}
        with pytest.raises(Refusal, match="at least two different AZs"):
            cloud.create(CLUSTER, "other", **given(role, subnets, vpcConfig=alike))
        with pytest.raises(Refusal, match="at least two different AZs"):
            cloud.update(cluster, vpcConfig=alike)

    @pytest.mark.parametrize("version", ["1.32", "1.35"])
    def test_a_version_goes_up_by_one(self, cloud: Cloud, cluster: Made, version: str) -> None:
        assert not cloud.diff(cluster, version="1.34").replaces
        with pytest.raises(Refusal, match=f"Unsupported Kubernetes minor version update from 1.33 to {version}"):
            cloud.update(cluster, version=version)
        assert cloud.update(cluster, version="1.34").outputs["version"] == "1.34"

    def test_access_by_api_is_for_good(self, cloud: Cloud, cluster: Made) -> None:
        back: Values = {"authenticationMode": "API_AND_CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": False}
        assert not cloud.diff(cluster, accessConfig=back).replaces
        with pytest.raises(Refusal, match="Unsupported authentication mode update from API to API_AND_CONFIG_MAP"):
            cloud.update(cluster, accessConfig=back)

    def test_who_made_it_is_decided_when_it_is_made(self, cloud: Cloud, cluster: Made) -> None:
        later: Values = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True}
        assert cloud.diff(cluster, accessConfig=later).replaces
        assert not cloud.diff(
            cluster, ("accessConfig.bootstrapClusterCreatorAdminPermissions",), accessConfig=later
        ).changes

    def test_encryption_is_put_on_and_never_off(self, cloud: Cloud, cluster: Made) -> None:
        keys = [cloud.create("aws:kms/key:Key", name).outputs["arn"] for name in ("one", "two")]
        encryptions: list[Values] = [{"provider": {"keyArn": key}, "resources": ["secrets"]} for key in keys]
        first, second = encryptions
        assert not cloud.diff(cluster, encryptionConfig=first).replaces
        encrypted = cloud.update(cluster, encryptionConfig=first)
        assert cloud.diff(encrypted, encryptionConfig=None).replaces
        with pytest.raises(Refusal, match="Encryption is already enabled"):
            cloud.update(encrypted, encryptionConfig=second)

    def test_a_protected_cluster_stays(self, cloud: Cloud, cluster: Made) -> None:
        guarded = cloud.update(cluster, deletionProtection=True)
        with pytest.raises(Refusal, match="because deletion protection is enabled"):
            cloud.delete(guarded)
        cloud.delete(cloud.update(guarded, deletionProtection=False))

    def test_a_subnet_goes_after_its_cluster(self, cloud: Cloud, cluster: Made, subnets: list[Value]) -> None:
        subnet = cloud.read(cloud.urn("aws:ec2/subnet:Subnet", "s0"), str(subnets[0]))
        assert subnet is not None
        with pytest.raises(Refusal, match="has dependencies"):
            cloud.delete(subnet)
        cloud.delete(cluster)
        cloud.delete(subnet)

    def test_what_belongs_to_a_cluster_goes_with_it(self, cloud: Cloud, cluster: Made, role: Made) -> None:
        arn = role.outputs["arn"]
        inside = [
            cloud.create(ADDON, "dns", clusterName=cluster.id, addonName="coredns"),
            cloud.create(ENTRY, "ops", clusterName=cluster.id, principalArn=OPS),
            cloud.create(IDENTITY, "web", clusterName=cluster.id, namespace="web", serviceAccount="web", roleArn=arn),
        ]
        cloud.delete(cluster)
        assert [cloud.read(made.urn, made.id, made.outputs) for made in inside] == [None] * 3


class TestAddons:
    def test_a_version_comes_with_the_clusters(self, cloud: Cloud, cluster: Made) -> None:
        made = cloud.create(ADDON, "dns", clusterName=cluster.id, addonName="coredns")
        assert made.outputs["addonVersion"] == "v1.12.4-eksbuild.1"
        asked = cloud.invoke(
            "aws:eks/getAddonVersion:getAddonVersion", addonName="coredns", kubernetesVersion="1.33", mostRecent=True
        )
        assert asked["version"] == made.outputs["addonVersion"]
        with pytest.raises(Refusal, match="Addon already exists"):
            cloud.create(ADDON, "again", clusterName=cluster.id, addonName="coredns")

    def test_others_are_refused_by_name(self, cloud: Cloud, cluster: Made) -> None:
        with pytest.raises(Refusal, match="Addon kubecost specified is not supported"):
            cloud.create(ADDON, "cost", clusterName=cluster.id, addonName="kubecost")
        with pytest.raises(Refusal, match="couldn't find resource"):
            cloud.invoke("aws:eks/getAddonVersion:getAddonVersion", addonName="coredns", kubernetesVersion="1.2")
        with pytest.raises(Refusal, match="No cluster found for name: nowhere"):
            cloud.create(ADDON, "dns", clusterName="nowhere", addonName="coredns")


class TestAccess:
    def test_a_principal_enters_once(self, cloud: Cloud, cluster: Made) -> None:
        entry = cloud.create(ENTRY, "ops", clusterName=cluster.id, principalArn=OPS)
        assert entry.id == f"{cluster.id}:{OPS}"
        assert entry.outputs["userName"] == "arn:aws:sts::123456789012:assumed-role/ops/{{SessionName}}"
        assert f":access-entry/{cluster.id}/role/123456789012/team/ops/" in str(entry.outputs["accessEntryArn"])
        with pytest.raises(Refusal, match="already in use on this cluster"):
            cloud.create(ENTRY, "again", clusterName=cluster.id, principalArn=OPS)

    def test_the_creator_has_an_entry_unless_told_otherwise(
        self, cloud: Cloud, role: Made, subnets: list[Value], cluster: Made
    ) -> None:
        cloud.create(ENTRY, "me", clusterName=cluster.id, principalArn=CALLER_ARN)
        implicit = cloud.create(CLUSTER, "old", **given(role, subnets, accessConfig={"authenticationMode": "API"}))
        with pytest.raises(Refusal, match="already in use on this cluster"):
            cloud.create(ENTRY, "me", clusterName=implicit.id, principalArn=CALLER_ARN)

    def test_a_cluster_with_a_config_map_has_no_entries(self, cloud: Cloud, role: Made, subnets: list[Value]) -> None:
        off = dict.fromkeys(AUTO_MODE)
        inputs = given(role, subnets, accessConfig={"authenticationMode": "CONFIG_MAP"}, **off)
        made = cloud.create(CLUSTER, "old", **{name: value for name, value in inputs.items() if value is not None})
        with pytest.raises(Refusal, match=r"must be set to one of \[API, API_AND_CONFIG_MAP\]"):
            cloud.create(ENTRY, "ops", clusterName=made.id, principalArn=OPS)

    @pytest.mark.parametrize(
        ("inputs", "words"),
        [
            ({"kubernetesGroups": ["system:masters"]}, "system:masters is invalid, it cannot start with system:"),
            ({"kubernetesGroups": ["ops"], "type": "EC2_LINUX"}, "EC2_LINUX does not take kubernetesGroups"),
        ],
    )
    def test_groups_are_the_programs_own(self, cloud: Cloud, cluster: Made, inputs: Values, words: str) -> None:
        with pytest.raises(Refusal, match=words):
            cloud.create(ENTRY, "ops", clusterName=cluster.id, principalArn=OPS, **inputs)

    def test_a_policy_needs_an_entry(self, cloud: Cloud, cluster: Made) -> None:
        wanted: Values = {
            "clusterName": cluster.id,
            "principalArn": OPS,
            "policyArn": VIEW,
            "accessScope": EVERYWHERE,
        }
        with pytest.raises(Refusal, match="The specified principalArn could not be found"):
            cloud.create(POLICY, "view", **wanted)
        cloud.create(ENTRY, "ops", clusterName=cluster.id, principalArn=OPS)
        nowhere: Values = {**wanted, "accessScope": {"type": "namespace"}}
        with pytest.raises(Refusal, match="Namespaces must be given"):
            cloud.create(POLICY, "view", **nowhere)
        assert cloud.create(POLICY, "view", **wanted).id == f"{cluster.id}#{OPS}#{VIEW}"

    def test_a_replacement_made_first_is_lost(self, cloud: Cloud, cluster: Made) -> None:
        cloud.create(ENTRY, "ops", clusterName=cluster.id, principalArn=OPS)
        wanted: Values = {"clusterName": cluster.id, "principalArn": OPS, "policyArn": VIEW}
        old = cloud.create(POLICY, "view", **wanted, accessScope=EVERYWHERE)
        narrow: Values = {"type": "namespace", "namespaces": ["web"]}
        assert cloud.diff(old, accessScope=narrow).replaces
        new = cloud.create(POLICY, "view", **wanted, accessScope=narrow)
        cloud.delete(old)
        assert cloud.read(new.urn, new.id, new.outputs) is None

    def test_a_policy_goes_with_its_entry(self, cloud: Cloud, cluster: Made) -> None:
        entry = cloud.create(ENTRY, "ops", clusterName=cluster.id, principalArn=OPS)
        view = cloud.create(
            POLICY, "view", clusterName=cluster.id, principalArn=OPS, policyArn=VIEW, accessScope=EVERYWHERE
        )
        cloud.delete(entry)
        assert cloud.read(view.urn, view.id, view.outputs) is None

    def test_a_service_account_has_one_role(self, cloud: Cloud, cluster: Made, role: Made) -> None:
        wanted: Values = {"clusterName": cluster.id, "namespace": "web", "serviceAccount": "web"}
        made = cloud.create(IDENTITY, "web", **wanted, roleArn=role.outputs["arn"])
        assert made.id == made.outputs["associationId"]
        assert str(made.outputs["associationArn"]).endswith(f":podidentityassociation/{cluster.id}/{made.id}")
        with pytest.raises(Refusal, match="ResourceInUseException: Association already exists"):
            cloud.create(IDENTITY, "again", **wanted, roleArn=role.outputs["arn"])
        other = cloud.create(ROLE, "other", assumeRolePolicy='{"Version": "2012-10-17"}')
        assert not cloud.diff(made, roleArn=other.outputs["arn"]).replaces
        assert cloud.update(made, roleArn=other.outputs["arn"]).id == made.id
