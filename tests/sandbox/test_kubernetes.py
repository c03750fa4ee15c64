"""What lives in a cluster of the account: releases, objects, and who may put them there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sandbox.control import kubernetes, wire
from sandbox.control.errors import Refusal
from sandbox.control.protos import provider_pb2
from sandbox.control.wire import UNKNOWN, Value, Values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sandbox.conftest import Cloud, Made

CLUSTER = "aws:eks/cluster:Cluster"
ENTRY = "aws:eks/accessEntry:AccessEntry"
POLICY = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
RELEASE = "kubernetes:helm.sh/v3:Release"
NAMESPACE = "kubernetes:core/v1:Namespace"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
OPS = "arn:aws:iam::123456789012:role/ops"


def kubeconfig(server: Value) -> str:
    clusters = [{"name": "one", "cluster": {"server": server}}]
    contexts = [{"name": "c", "context": {"cluster": "one", "user": "u"}}]
    return json.dumps({"clusters": clusters, "contexts": contexts, "current-context": "c"})


@pytest.fixture
def cluster(cloud: Cloud) -> Made:
    """Return a cluster that nobody may enter yet."""
    vpc = cloud.create("aws:ec2/vpc:Vpc", "net", cidrBlock="10.0.0.0/16")
    subnets: list[Value] = [
        cloud.create(
            "aws:ec2/subnet:Subnet",
            zone,
            vpcId=vpc.id,
            cidrBlock=f"10.0.{at}.0/24",
            availabilityZone=f"us-east-1{zone}",
        ).id
        for at, zone in enumerate("ab")
    ]
    role = cloud.create("aws:iam/role:Role", "role", assumeRolePolicy="{}")
    access: Values = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    network: Values = {"subnetIds": subnets}
    return cloud.create(CLUSTER, "shop", roleArn=role.outputs["arn"], vpcConfig=network, accessConfig=access)


@pytest.fixture
def entry(cloud: Cloud, cluster: Made) -> Made:
    """Return the entry by which somebody may enter the cluster."""
    return cloud.create(ENTRY, "ops", clusterName=cluster.id, principalArn=OPS, kubernetesGroups=["ops"])


@pytest.fixture
def inside(cluster: Made, entry: Made, unconfigured: Callable[..., Cloud]) -> Cloud:
    """Return a provider instance of the kubernetes package that reaches the cluster."""
    del entry
    return unconfigured("inside").reach(kubeconfig(cluster.outputs["endpoint"]))


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """Return a chart that makes one object and takes a number of replicas only."""
    folder = tmp_path / "web"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: web, version: 1.2.3, appVersion: '9'}")
    (folder / "values.yaml").write_text("replicas: 2\n")
    (folder / "values.schema.json").write_text('{"properties": {"replicas": {"type": "integer"}}}')
    body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {n: '{{ .Values.replicas }}'}\n"
    (folder / "templates" / "web.yaml").write_text(body)
    return folder


def named(name: str, **metadata: Value) -> Values:
    return {"name": name, **metadata}


def release(inside: Cloud, chart: Path, **inputs: Value) -> Made:
    given: Values = {"name": "web", "namespace": "shop", "chart": str(chart), "compat": "true", **inputs}
    return inside.create(RELEASE, "web", **given)


def namespace(inside: Cloud, name: str = "shop") -> Made:
    return inside.create(NAMESPACE, name, apiVersion="v1", kind="Namespace", metadata=named(name))


class TestReleases:
    def test_a_release_is_deployed(self, inside: Cloud, chart: Path) -> None:
        namespace(inside)
        made = release(inside, chart, values={"replicas": 3})
        assert made.id == "shop/web"
        assert made.outputs["status"] == {
            "appVersion": "9",
            "chart": "web",
            "name": "web",
            "namespace": "shop",
            "revision": 1,
            "status": "deployed",
            "version": "1.2.3",
        }
        assert made.outputs["version"] == "1.2.3"
        assert made.outputs["timeout"] == 300
        assert made.outputs["resourceNames"] == {"ConfigMap/v1": ["web"]}
        assert not {"compat", "region"} & set(made.outputs)

    def test_a_preview_knows_what_was_asked_for(self, inside: Cloud, chart: Path) -> None:
        planned = inside.plan(RELEASE, "web", {"name": "web", "namespace": "shop", "chart": str(chart)})
        assert (planned["status"], planned["namespace"]) == (UNKNOWN, "shop")

    def test_an_upgrade_counts_up(self, inside: Cloud, chart: Path) -> None:
        namespace(inside)
        made = release(inside, chart)
        difference = inside.diff(made, values={"replicas": 3})
        assert set(difference.changes) == {"values", "checksum"}
        assert not difference.replaces
        upgraded = inside.update(made, values={"replicas": 3})
        status = upgraded.outputs["status"]
        assert isinstance(status, dict)
        assert status["revision"] == 2
        planned = inside.update(made, preview=True, values={"replicas": 3})
        assert planned.outputs["status"] == UNKNOWN

    def test_a_changed_chart_is_an_upgrade(self, inside: Cloud, chart: Path) -> None:
        namespace(inside)
        made = release(inside, chart)
        assert not inside.diff(made).changes
        template = chart / "templates" / "web.yaml"
        template.write_text(template.read_text() + "immutable: false\n")
        difference = inside.diff(made)
        assert difference.changes == {"checksum": "update"}

    @pytest.mark.parametrize("name", ["name", "namespace"])
    def test_a_release_has_its_name_and_place_for_good(self, inside: Cloud, chart: Path, name: str) -> None:
        namespace(inside)
        moved: Values = {name: "other"}
        difference = inside.diff(release(inside, chart), (), **moved)
        assert difference.changes[name] == "update-replace"
        assert not difference.delete_first

    def test_a_generated_name_stays(self, inside: Cloud, chart: Path) -> None:
        made = inside.create(RELEASE, "web", chart=str(chart))
        assert str(made.inputs["name"]).startswith("web-")
        assert made.id == f"default/{made.inputs['name']}"
        assert not inside.diff(made).changes

    def test_values_are_judged_by_the_charts_schema(self, inside: Cloud, chart: Path) -> None:
        inputs: Values = {"name": "web", "namespace": "shop", "chart": str(chart), "values": {"replicas": "three"}}
        _, failures = inside.check(RELEASE, "web", inputs)
        assert "- replicas: Invalid type. Expected: integer, given: string" in failures[0]
        assert "check the chart name and repository configuration." in failures[0]
        _, failures = inside.check(RELEASE, "web", {**inputs, "chart": str(chart / "none")})
        assert "not found; check the chart name" in failures[0]

    def test_a_release_wants_a_chart(self, inside: Cloud) -> None:
        _, failures = inside.check(RELEASE, "web", {"name": "web"})
        assert failures == ["Missing required property 'chart'"]

    def test_values_that_are_not_known_yet_are_judged_later(self, inside: Cloud, chart: Path) -> None:
        namespace(inside)
        made = release(inside, chart)
        checked = inside.news(made, {"values": {"replicas": UNKNOWN}})
        assert checked["checksum"] == UNKNOWN
        assert not inside.diff(made, values={"replicas": UNKNOWN}).replaces

    def test_the_namespace_must_be_there(self, inside: Cloud, chart: Path) -> None:
        with pytest.raises(Refusal, match='namespaces "shop" not found'):
            release(inside, chart)
        release(inside, chart, createNamespace=True)
        release(inside, chart, name="second")

    def test_a_name_is_used_once(self, inside: Cloud, chart: Path) -> None:
        namespace(inside)
        release(inside, chart)
        with pytest.raises(Refusal, match="cannot re-use a name that is still in use: web"):
            release(inside, chart)

    def test_helm_refuses_what_a_template_refuses(self, inside: Cloud, chart: Path) -> None:
        namespace(inside)
        (chart / "templates" / "fail.yaml").write_text('{{ fail "no more than one" }}')
        with pytest.raises(Refusal, match="no more than one"):
            release(inside, chart)


class TestObjects:
    def test_an_object_gets_what_a_cluster_gives(self, inside: Cloud) -> None:
        metadata = named("cni", namespace="kube-system")
        made = inside.create(CONFIG_MAP, "cni", apiVersion="v1", kind="ConfigMap", metadata=metadata, data={"a": "1"})
        assert made.id == "kube-system/cni"
        given = made.outputs["metadata"]
        assert isinstance(given, dict)
        assert {"uid", "resourceVersion", "creationTimestamp", "generation"} <= set(given)
        labelled = inside.update(made, metadata={**metadata, "labels": {"a": "b"}})
        after = labelled.outputs["metadata"]
        assert isinstance(after, dict)
        assert (after["uid"], after["labels"]) == (given["uid"], {"a": "b"})
        assert inside.read(made.urn, made.id, made.outputs) == labelled

    def test_data_replaces_and_the_name_must_be_free_first(self, inside: Cloud) -> None:
        made = inside.create(CONFIG_MAP, "c", apiVersion="v1", kind="ConfigMap", metadata=named("c"), data={"a": "1"})
        assert made.id == "default/c"
        difference = inside.diff(made, data={"a": "2"})
        assert difference.replaces
        assert difference.delete_first
        moved = inside.diff(made, metadata=named("c", namespace="kube-system"))
        assert moved.replaces
        assert not moved.delete_first

    def test_kinds_that_somebody_defined_take_any_spec(self, inside: Cloud) -> None:
        spec: Values = {"limits": {"cpu": "8"}, "template": {"spec": {"expireAfter": "336h"}}}
        made = inside.create(
            NODE_POOL, "p", apiVersion="karpenter.sh/v1", kind="NodePool", metadata=named("p"), spec=spec
        )
        assert made.id == "p"
        assert made.outputs["spec"] == spec
        difference = inside.diff(made, spec={**spec, "limits": {"cpu": "9"}})
        assert difference.changes == {"spec.limits.cpu": "update"}

    def test_a_kind_that_is_not_served_is_named(self, inside: Cloud) -> None:
        with pytest.raises(Refusal, match="does not provide the resource type kubernetes:apps/v1:Deployment"):
            inside.check("kubernetes:apps/v1:Deployment", "d", {})

    def test_an_object_wants_a_name(self, inside: Cloud) -> None:
        _, failures = inside.check(NAMESPACE, "n", {"apiVersion": "v1", "kind": "Namespace", "metadata": {}})
        assert "give one" in failures[0]
        _, failures = inside.check(NAMESPACE, "n", {"apiVersion": "v1", "kind": "Namespace", "metadata": UNKNOWN})
        assert failures == []

    def test_what_is_in_a_namespace_goes_with_it(self, inside: Cloud, chart: Path) -> None:
        made = namespace(inside)
        assert made.outputs["status"] == {"phase": "Active"}
        deployed = release(inside, chart)
        inside.delete(made)
        assert inside.read(deployed.urn, deployed.id, deployed.outputs) is None


class TestReach:
    def test_everything_goes_with_the_cluster(self, cloud: Cloud, cluster: Made, inside: Cloud) -> None:
        made = namespace(inside)
        cloud.delete(cluster)
        assert inside.read(made.urn, made.id, made.outputs) is None
        with pytest.raises(Refusal, match="can't create Namespace with unreachable cluster"):
            namespace(inside)

    def test_nobody_is_let_in_without_an_entry(self, cloud: Cloud, entry: Made, inside: Cloud) -> None:
        made = namespace(inside)
        cloud.delete(entry)
        for attempt in (lambda: namespace(inside, "other"), lambda: inside.delete(made)):
            with pytest.raises(Refusal, match="asked for the client to provide credentials"):
                attempt()

    def test_clusters_have_nothing_in_common(self, cloud: Cloud, cluster: Made, inside: Cloud) -> None:
        access: Values = {"authenticationMode": "API"}
        names = ("roleArn", "vpcConfig")
        second = cloud.create(CLUSTER, "second", **{name: cluster.inputs[name] for name in names}, accessConfig=access)
        there = type(cloud)(cloud.provider, "there").reach(kubeconfig(second.outputs["endpoint"]))
        assert namespace(inside).id == namespace(there).id == "shop"

    def test_another_package_of_the_same_stack_is_no_cluster(self, cloud: Cloud, inside: Cloud) -> None:
        del inside
        reconnected = type(cloud)(cloud.provider, "anew")
        assert reconnected.create("aws:sqs/queue:Queue", "jobs").outputs["region"] == "us-east-1"

    @pytest.mark.parametrize("text", ["", "{}", "clusters: [", '{"current-context": "x"}'])
    def test_a_kubeconfig_names_a_server(self, text: str) -> None:
        with pytest.raises(Refusal, match="kubeconfig"):
            kubernetes.configured({"kubeconfig": text})

    @pytest.mark.parametrize(
        ("old", "new", "replaces"),
        [
            ({"kubeconfig": kubeconfig("a")}, {"kubeconfig": kubeconfig("a")}, []),
            ({"kubeconfig": kubeconfig("a")}, {"kubeconfig": kubeconfig("b")}, ["kubeconfig"]),
            ({"kubeconfig": kubeconfig("a")}, {"kubeconfig": kubeconfig("a") + " "}, []),
            ({"kubeconfig": kubeconfig("a")}, {"kubeconfig": UNKNOWN}, ["kubeconfig"]),
            (
                {"kubeconfig": kubeconfig("a"), "clusterIdentifier": "x"},
                {"kubeconfig": kubeconfig("b"), "clusterIdentifier": "x"},
                [],
            ),
            (
                {"kubeconfig": kubeconfig("a"), "clusterIdentifier": "x"},
                {"kubeconfig": kubeconfig("a"), "clusterIdentifier": "y"},
                ["clusterIdentifier"],
            ),
        ],
    )
    def test_another_cluster_is_another_provider(
        self, cloud: Cloud, old: Values, new: Values, replaces: list[str]
    ) -> None:
        urn = "urn:pulumi:dev::shop::pulumi:providers:kubernetes::k8s"
        request = provider_pb2.DiffRequest(urn=urn, old_inputs=wire.write(old), news=wire.write(new))
        response = cloud.provider.DiffConfig(request, None)  # type: ignore[arg-type]
        assert list(response.replaces) == replaces
