"""A cluster and a release under the real engine and the sandbox, through plain `pulumi`, with no `aws` command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import attachments
from sandbox.control.account import Account

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

_REPOSITORY = Path(__file__).resolve().parents[2]
_TIMEOUT = 180

_PROGRAM = """
import json
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as kubernetes

settings = json.loads(Path("settings.json").read_text())
provider = aws.Provider("aws", region="us-west-2", default_tags={"tags": {"Owner": "me"}})
near = pulumi.ResourceOptions(provider=provider)


def closed(args):
    if args.type_ == "aws:eks/cluster:Cluster":
        access = {**args.props["accessConfig"], "bootstrapClusterCreatorAdminPermissions": False}
        return pulumi.ResourceTransformResult({**args.props, "accessConfig": access}, args.opts)


vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", opts=near)
subnets = [
    aws.ec2.Subnet(zone, vpc_id=vpc.id, cidr_block=f"10.0.{at}.0/24", availability_zone=f"us-west-2{zone}", opts=near)
    for at, zone in enumerate("ab")
]
role = aws.iam.Role("pod", assume_role_policy='{"Version": "2012-10-17", "Statement": []}', opts=near)
admin = eks.AccessEntryArgs(
    principal_arn="arn:aws:iam::123456789012:role/deploy",
    access_policies={
        "admin": eks.AccessPolicyAssociationArgs(
            policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
        )
    },
)
cluster = eks.Cluster(
    "shop",
    version=settings["version"],
    vpc_id=vpc.id,
    private_subnet_ids=[subnet.id for subnet in subnets],
    authentication_mode=eks.AuthenticationMode.API,
    auto_mode=eks.AutoModeOptionsArgs(enabled=True),
    skip_default_node_group=True,
    create_instance_role=False,
    access_entries={"deploy": admin},
    opts=pulumi.ResourceOptions(provider=provider, transforms=[closed]),
)
inside = pulumi.ResourceOptions(
    provider=kubernetes.Provider(
        "shop",
        kubeconfig=cluster.kubeconfig_json,
        cluster_identifier=cluster.eks_cluster.arn,
        opts=pulumi.ResourceOptions(depends_on=[cluster]),
    )
)
namespace = kubernetes.core.v1.Namespace("web", metadata={"name": "web"}, opts=inside)
kubernetes.apiextensions.CustomResource(
    "nodes",
    api_version="karpenter.sh/v1",
    kind="NodePool",
    metadata={"name": "services"},
    spec={"limits": {"cpu": "8"}},
    opts=inside,
)
identity = aws.eks.PodIdentityAssociation(
    "web",
    cluster_name=cluster.eks_cluster.name,
    namespace="web",
    service_account="web",
    role_arn=role.arn,
    opts=near,
)
release = kubernetes.helm.v3.Release(
    "web",
    name="web",
    namespace="web",
    chart="chart",
    values={"replicas": settings["replicas"], "role": role.arn},
    atomic=True,
    timeout=60,
    opts=pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[namespace, identity])),
)
# Whoever reads an output of the wrong type waits for ever, so everything is read.
pulumi.export("cluster", cluster.eks_cluster.arn)
pulumi.export("core", cluster.core.apply(lambda core: core.endpoint))
pulumi.export("group", cluster.cluster_security_group_id)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("nodeRole", cluster.auto_mode_node_role_name)
pulumi.export("identity", identity.association_arn)
pulumi.export("revision", release.status.revision)
pulumi.export("uid", namespace.metadata.uid)
"""
_TEMPLATE = """apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {replicas: "{{ .Values.replicas }}", role: "{{ .Values.role }}"}
"""


@dataclass(frozen=True)
class _Stack:
    root: Path
    environment: dict[str, str]

    def settle(self, **settings: Any) -> None:
        (self.root / "settings.json").write_text(json.dumps({"version": "1.33", "replicas": 2, **settings}))

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        found = shutil.which("pulumi")
        if found is None:
            from automation.toolchain import pulumi_binary  # noqa: PLC0415 - needed only without a CLI on PATH

            found = str(pulumi_binary())
        return subprocess.run(
            [found, *args, "--non-interactive"],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )

    def ok(self, *args: str) -> str:
        done = self.run(*args)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def planned(self) -> dict[str, int]:
        return json.loads(self.ok("preview", "--json"))["changeSummary"]

    def up(self) -> dict[str, Any]:
        self.ok("up", "--yes", "--skip-preview")
        return json.loads(self.ok("stack", "output", "--json"))

    def failure(self, *args: str) -> str:
        done = self.run(*args)
        assert done.returncode != 0
        return done.stdout + done.stderr


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[_Stack]:
    """Yield an empty stack with a sandbox of its own, on a machine with no tools."""
    (tmp_path / "state").mkdir()
    (tmp_path / "chart" / "templates").mkdir(parents=True)
    (tmp_path / "chart" / "Chart.yaml").write_text("{apiVersion: v2, name: web, version: 1.0.0}")
    (tmp_path / "chart" / "values.schema.json").write_text('{"properties": {"replicas": {"type": "integer"}}}')
    (tmp_path / "chart" / "templates" / "web.yaml").write_text(_TEMPLATE)
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(_PROGRAM)
    command = [sys.executable, "-m", "automation.attach", "--until-stdin-closes"]
    command += ["--account", str(tmp_path / "account"), "--program", str(tmp_path)]
    bare = {**os.environ, "PATH": str(tmp_path / "bin")}
    with subprocess.Popen(
        command, cwd=_REPOSITORY, env=bare, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        environment = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "only for this test",
            "PULUMI_DEBUG_LANGUAGES": f"python:{port}",
            "PULUMI_DEBUG_PROVIDERS": attachments(port),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_STACK": "dev",
        }
        made = _Stack(tmp_path, environment)
        made.settle()
        made.ok("stack", "init", "dev")
        yield made
        process.stdin.close()


def test_a_cluster_lives_its_life_under_the_real_engine(stack: _Stack) -> None:
    first = stack.planned()
    assert set(first) == {"create"}
    outputs = stack.up()
    account = Account(stack.root / "account")
    cluster = next(one for one in account.list_resources() if one.type == "aws:eks/cluster:Cluster")
    assert outputs["cluster"] == cluster.outputs["arn"]
    assert outputs["core"] == outputs["kubeconfig"]["clusters"][0]["cluster"]["server"] == cluster.outputs["endpoint"]
    assert outputs["revision"] == 1
    access = cluster.inputs["accessConfig"]
    assert access == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    assert stack.planned() == {"same": first["create"]}
    stack.ok("refresh", "--yes", "--skip-preview")
    assert stack.planned() == {"same": first["create"]}

    # The wrong type shows in the preview, in Helm's words, and the chart's next version in place.
    stack.settle(replicas="three")
    assert "- replicas: Invalid type. Expected: integer, given: string" in stack.failure("preview")
    stack.settle(version="1.34", replicas=3)
    (stack.root / "chart" / "Chart.yaml").write_text("{apiVersion: v2, name: web, version: 1.1.0}")
    planned = stack.planned()
    assert set(planned) == {"same", "update"}
    assert stack.up()["revision"] == 2
    assert stack.planned() == {"same": first["create"]}
    stack.settle(version="1.33", replicas=3)
    refused = stack.failure("up", "--yes", "--skip-preview")
    assert "Unsupported Kubernetes minor version update from 1.34 to 1.33" in refused

    stack.ok("destroy", "--yes", "--skip-preview")
    assert account.summary() == {}
    account.close()
