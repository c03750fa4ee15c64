"""A service on EKS: its namespace, role, target group and what the chart is told, judged by the chart's own schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from components.eks_cluster import EksCluster
from components.eks_release import CHART
from components.eks_service import EksService
from components.eks_traffic import probe_value
from components.eks_values import PodRollout, values
from components.fargate_traffic import PROBE_HEADER, HealthCheck, probe_priority
from components.load_balancer import LoadBalancer
from components.network import Network
from components.service import (
    ImageArtifact,
    IpTarget,
    Link,
    Scaling,
    SecretRef,
    ServiceArgs,
    Size,
    Statement,
    Volume,
    ZipArtifact,
)

Deploy = Callable[[Callable[[], Any]], Any]

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / CHART / "values.schema.json").read_text())
ADMIN = "arn:aws:iam::123456789012:role/deploy"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dev/llm-AbCdEf"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/users"
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
TARGETS = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/dev-netprobe-1a2b3c4/73e2d6bc24d8a067"
IMAGE = ImageArtifact(reference=f"123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:{'a' * 64}")


DATABASE = Link(
    name="users-db",
    environment={"DATABASE_HOST": "db.internal"},
    statements=[Statement(actions=["dynamodb:GetItem"], resources=[TABLE])],
    security_group_id="sg-db",
    port=5432,
)
FILES = Link(name="files", volumes=[Volume(name="index", path="/mnt/v", access_point_arn="a", file_system_id="f")])


def services(*names: str, args: ServiceArgs, insights: bool = True, **choices: Any) -> list[EksService]:
    network = Network("dev-net")
    cluster = EksCluster("dev-eks", network=network, admins=[ADMIN], insights=insights)
    balancer = LoadBalancer("dev-door", network=network, internal=True)
    return [
        EksService(name, args, cluster=cluster, network=network, load_balancer=balancer, **choices) for name in names
    ]


@pytest.fixture
def deploy_eks(deploy: Deploy) -> Callable[..., Any]:
    def run(args: dict[str, Any] | None = None, *names: str, **choices: Any) -> Any:
        wanted = replace(ServiceArgs(artifact=IMAGE), **(args or {}))
        return deploy(lambda: services(*(names or ("dev-netprobe",)), args=wanted, **choices)[0])

    return run


def told(recorded: Any) -> dict[str, Any]:
    return recorded.one("Release").inputs["values"]


def allowed(recorded: Any) -> dict[str, list[str]]:
    policies = [p for p in recorded.all("RolePolicy") if p.name == "dev-netprobe-pod"]
    statements = [s for p in policies for s in json.loads(p.inputs["policy"])["Statement"]]
    return {action: statement["Resource"] for statement in statements for action in statement["Action"]}


def errors(found: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(found)]


def test_surface_is_that_of_every_compute(deploy: Deploy) -> None:
    def program() -> dict[str, Any]:
        (service,) = services("dev-netprobe", args=ServiceArgs(artifact=IMAGE))
        assert isinstance(service.target, IpTarget)
        return {
            "target": service.target.target_group_arn,
            "role": service.role.name,
            "security_group": service.security_group_id,
            "log": service.log_group_name,
            "alarms": [alarm.name for alarm in service.alarms],
        }

    found = deploy(program).value
    assert ":targetgroup/dev-netprobe-1a2b3c4/" in found["target"]
    assert found["role"] == "dev-netprobe-pod-1a2b3c4"
    assert found["security_group"] == "dev-eks-cluster-sg"
    assert found["log"] == "/aws/containerinsights/dev-eks/application"
    assert len(found["alarms"]) == 3


def test_namespace_is_the_services_own_and_takes_restricted_pods_only(deploy_eks: Callable[..., Any]) -> None:
    metadata = deploy_eks().one("Namespace").inputs["metadata"]
    assert metadata["name"] == "dev-netprobe"
    assert {key: value for key, value in metadata["labels"].items() if key.startswith("pod-security")} == {
        f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")
    }
    assert metadata["labels"]["eks.amazonaws.com/pod-readiness-gate-inject"] == "enabled"


def test_release_waits_and_goes_back_when_it_fails(deploy_eks: Callable[..., Any]) -> None:
    release = deploy_eks().one("Release").inputs
    assert (release["name"], release["namespace"], release["chart"]) == ("dev-netprobe", "dev-netprobe", CHART)
    assert release["atomic"] is True
    assert release["cleanupOnFail"] is True
    assert release["skipAwait"] is False
    assert release["timeout"] == 900
    assert release["maxHistory"] == 10
    assert (ROOT / release["chart"] / "Chart.yaml").is_file()


def test_pods_come_when_their_namespace_role_and_probe_are_there(deploy_eks: Callable[..., Any]) -> None:
    after = deploy_eks().one("Release").depends_on
    assert "kubernetes:core/v1:Namespace::dev-netprobe" in after
    assert "aws:eks/podIdentityAssociation:PodIdentityAssociation::dev-netprobe" in after
    assert "aws:lb/listenerRule:ListenerRule::dev-netprobe-probe" in after
    assert "kubernetes:karpenter.sh/v1:NodePool::dev-eks-nodes" in after
    assert "kubernetes:core/v1:ConfigMap::dev-eks-network-policies" in after


def test_role_is_entered_by_these_pods_alone(deploy_eks: Callable[..., Any]) -> None:
    recorded = deploy_eks()
    (statement,) = json.loads(recorded.one("iam/role:Role", "dev-netprobe-pod").inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert statement["Condition"]["StringEquals"] == {
        "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:us-east-1:123456789012:cluster/dev-eks",
        "aws:RequestTag/kubernetes-namespace": "dev-netprobe",
        "aws:RequestTag/kubernetes-service-account": "dev-netprobe",
    }
    identity = recorded.one("PodIdentityAssociation").inputs
    assert (identity["namespace"], identity["serviceAccount"]) == ("dev-netprobe", "dev-netprobe")
    assert identity["roleArn"] == "arn:aws:iam::123456789012:role/dev-netprobe-pod-1a2b3c4"
    # The chart's own default: the service account is called after the release.
    assert "serviceAccount" not in told(recorded)


def test_code_may_do_what_it_and_its_links_were_given_and_read_its_secrets(deploy_eks: Callable[..., Any]) -> None:
    given_ = Statement(actions=["s3:GetObject"], resources=["arn:aws:s3:::documents/*"])
    secrets = [SecretRef(name="GROQ", arn=SECRET, key="groq")]
    recorded = deploy_eks({"permissions": [given_], "links": [DATABASE], "secrets": secrets, "key_arn": KEY})
    assert allowed(recorded) == {
        "s3:GetObject": ["arn:aws:s3:::documents/*"],
        "dynamodb:GetItem": [TABLE],
        "secretsmanager:GetSecretValue": [SECRET],
        "kms:Decrypt": [KEY],
    }


def test_code_that_was_given_nothing_may_do_nothing(deploy_eks: Callable[..., Any]) -> None:
    assert allowed(deploy_eks({"key_arn": KEY})) == {}


def test_two_services_have_two_roles_and_one_rule_for_the_port_they_share(deploy_eks: Callable[..., Any]) -> None:
    recorded = deploy_eks({"links": [DATABASE]}, "dev-one", "dev-two")
    assert len({identity.inputs["roleArn"] for identity in recorded.all("PodIdentityAssociation")}) == 2
    ingress = [r.inputs for r in recorded.all("SecurityGroupIngressRule")]
    (requests,) = [r for r in ingress if r["securityGroupId"] == "dev-eks-cluster-sg"]
    assert requests["referencedSecurityGroupId"] == "dev-door-id"
    assert (requests["fromPort"], requests["toPort"]) == (8080, 8080)
    (database,) = [r for r in ingress if r["securityGroupId"] == "sg-db"]
    assert database["referencedSecurityGroupId"] == "dev-eks-cluster-sg"
    assert (database["fromPort"], database["toPort"]) == (5432, 5432)
    (egress,) = [r.inputs for r in recorded.all("SecurityGroupEgressRule")]
    assert (egress["securityGroupId"], egress["referencedSecurityGroupId"]) == ("dev-door-id", "dev-eks-cluster-sg")


def test_target_group_is_for_addresses_and_tagged_for_its_cluster(deploy_eks: Callable[..., Any]) -> None:
    recorded = deploy_eks(health_check=HealthCheck(interval=10), deregistration_delay=60)
    group = recorded.one("TargetGroup").inputs
    assert group["targetType"] == "ip"
    assert group["tags"] == {"Name": "dev-netprobe", "eks:eks-cluster-name": "dev-eks"}
    assert group["healthCheck"]["interval"] == 10
    assert group["deregistrationDelay"] == 60
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/dev-netprobe-1a2b3c4/73e2d6bc24d8a067"
    assert told(recorded)["targetGroupBinding"] == {"enabled": True, "targetGroupARN": arn}


def test_probe_stands_beside_that_of_the_tasks(deploy_eks: Callable[..., Any]) -> None:
    rule = deploy_eks().one("ListenerRule").inputs
    header = rule["conditions"][0]["httpHeader"]
    assert (header["httpHeaderName"], header["values"]) == (PROBE_HEADER, ["dev-netprobe/eks"])
    assert rule["priority"] == probe_priority(probe_value("dev-netprobe")) != probe_priority("dev-netprobe")


def test_chart_is_told_what_every_compute_is(deploy_eks: Callable[..., Any]) -> None:
    found = told(
        deploy_eks(
            {
                "port": 9000,
                "health_path": "/alive",
                "environment": {"SERVICES": "netprobe=/"},
                "links": [DATABASE],
                "size": Size(cpu=512, memory=1024),
                "scaling": Scaling(min=2, max=4),
                "timeout": 60,
                "architecture": "x86_64",
            },
            rollout=PodRollout(surge_percent=50, startup_seconds=90),
        )
    )
    assert found["image"] == {
        "repository": "123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift",
        "digest": f"sha256:{'a' * 64}",
    }
    assert found["architecture"] == "amd64"
    assert found["env"] == {"SERVICES": "netprobe=/", "DATABASE_HOST": "db.internal"}
    assert (found["port"], found["healthPath"], found["timeoutSeconds"]) == (9000, "/alive", 60)
    assert found["resources"]["requests"] == found["resources"]["limits"] == {"cpu": "500m", "memory": "1024Mi"}
    assert found["autoscaling"]["enabled"] is True
    assert (found["autoscaling"]["minReplicas"], found["autoscaling"]["maxReplicas"]) == (2, 4)
    assert (found["rollout"]["maxSurge"], found["startupSeconds"]) == ("50%", 90)
    # Four pods, two more during a rollout, and one that tests them.
    assert found["resourceQuota"]["hard"] == {
        "pods": "7",
        "requests.cpu": "4",
        "requests.memory": "7168Mi",
        "limits.cpu": "4",
        "limits.memory": "7168Mi",
    }
    assert errors(found) == []


def test_pods_are_reached_from_the_network_and_reach_all_but_the_node(deploy_eks: Callable[..., Any]) -> None:
    policy = told(deploy_eks())["networkPolicy"]
    assert policy["ingress"] == {"load-balancer": {"cidrs": ["10.20.0.0/16"]}}
    assert policy["egress"] == {"anywhere": {"cidrs": ["0.0.0.0/0"], "except": ["169.254.169.254/32"]}}


def test_no_value_of_a_secret_is_in_the_chart(deploy_eks: Callable[..., Any]) -> None:
    secrets = [SecretRef(name="GROQ", arn=SECRET, key="groq"), SecretRef(name="ALL", arn=SECRET)]
    found = told(deploy_eks({"secrets": secrets}))
    assert json.loads(found["env"]["MODESHIFT_SECRETS"]) == {"GROQ": f"{SECRET}:groq::", "ALL": SECRET}
    assert errors(found) == []


def test_number_that_nothing_moves_is_a_number(deploy_eks: Callable[..., Any]) -> None:
    found = told(deploy_eks({"scaling": Scaling(min=3, max=3, cpu_percent=None, memory_percent=None)}))
    assert found["replicaCount"] == 3
    assert "autoscaling" not in found


def test_without_insights_no_alarm_waits_for_their_metric(deploy_eks: Callable[..., Any]) -> None:
    assert {alarm.name for alarm in deploy_eks(insights=False).all("MetricAlarm")} == {
        "dev-netprobe-unhealthy",
        "dev-netprobe-errors",
    }


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({"artifact": ZipArtifact(path="app.zip", sha256="x")}, "an EKS service runs an image"),
        ({"links": [FILES]}, "cannot mount EFS, and links bring index"),
    ],
)
def test_what_pods_cannot_do_is_refused(deploy_eks: Callable[..., Any], args: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=f"dev-netprobe: .*{why}"):
        deploy_eks(args)


BOUNDS = st.tuples(st.integers(1, 100), st.integers(1, 100)).map(sorted)
PERCENT = st.none() | st.integers(1, 100)
SCALINGS = st.builds(
    lambda bounds, cpu, memory, cooldown: Scaling(
        min=bounds[0], max=bounds[1], cpu_percent=cpu, memory_percent=memory, scale_in_cooldown=cooldown
    ),
    BOUNDS,
    PERCENT,
    PERCENT,
    st.integers(0, 3600),
)
VARIABLES = st.dictionaries(st.from_regex(r"[A-Z][A-Z_]{3,10}", fullmatch=True), st.text("ab $(){}'\"é", max_size=20))
ARGUMENTS = st.builds(
    ServiceArgs,
    artifact=st.just(IMAGE),
    architecture=st.sampled_from(["arm64", "x86_64"]),
    environment=VARIABLES,
    size=st.builds(Size, cpu=st.integers(64, 16384), memory=st.integers(128, 262_144)),
    scaling=SCALINGS,
    timeout=st.integers(1, 900),
)
ROLLOUTS = st.builds(PodRollout, surge_percent=st.integers(1, 100), startup_seconds=st.integers(1, 600))


@given(args=ARGUMENTS, rollout=ROLLOUTS)
def test_chart_takes_whatever_settings_allow(args: ServiceArgs, rollout: PodRollout) -> None:
    found = values(args, IMAGE, rollout=rollout, target_group_arn=TARGETS, network_cidr="10.20.0.0/16")
    assert errors(found) == []
