"""What links bring reaches a service on every compute: variables, secrets, permissions, files and ways in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components.cluster import Cluster
from components.eks_cluster import EksCluster
from components.eks_service import EksService
from components.fargate_service import FargateService
from components.lambda_service import LambdaService
from components.links import SECRETS_VARIABLE, environment
from components.load_balancer import LoadBalancer
from components.network import Network
from components.service import ImageArtifact, Link, SecretRef, ServiceArgs, Statement, Volume

Deploy = Callable[[Callable[[], Any]], Any]

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dev/keys-AbCdEf"
OWN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dev/own-AbCdEf"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/results"
POINT = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-1"
FILES = Link(
    name="files",
    environment={"FILES_PATH": "/mnt/files"},
    volumes=[Volume(name="files", path="/mnt/files", access_point_arn=POINT, file_system_id="fs-1")],
    security_group_id="sg-files",
    port=2049,
)
DATABASE = Link(
    name="database",
    environment={"DATABASE_URL": "postgresql://db:5433/app"},
    statements=[Statement(actions=["secretsmanager:GetSecretValue"], resources=[TABLE])],
    security_group_id="sg-database",
    port=5433,
)
KEYS = Link(name="keys", secrets=[SecretRef(name="OPENAI_API_KEY", arn=SECRET, key="OPENAI_API_KEY")])
ARGS = ServiceArgs(
    artifact=ImageArtifact(reference="ghcr.io/acme/app@sha256:1"),
    secrets=[SecretRef(name="OWN", arn=OWN)],
    links=[DATABASE, KEYS],
)
REFERENCES = {"OPENAI_API_KEY": f"{SECRET}:OPENAI_API_KEY::", "OWN": OWN}


def on_lambda(args: ServiceArgs) -> None:
    LambdaService("dev-users", args, network=Network("dev-net"))


def on_fargate(args: ServiceArgs) -> None:
    network = Network("dev-net")
    balancer = LoadBalancer("dev-door", network=network, internal=True)
    FargateService("dev-users", args, cluster=Cluster("dev"), network=network, load_balancer=balancer)


def on_eks(args: ServiceArgs) -> None:
    network = Network("dev-net")
    cluster = EksCluster("dev-eks", network=network, admins=["arn:aws:iam::123456789012:role/deploy"])
    balancer = LoadBalancer("dev-door", network=network, internal=True)
    EksService("dev-users", args, cluster=cluster, network=network, load_balancer=balancer)


def told_to_function(recorded: Any) -> tuple[Mapping[str, str], Mapping[str, str]]:
    variables = recorded.one("Function").inputs["environment"]["variables"]
    return variables, json.loads(variables[SECRETS_VARIABLE])


def told_to_task(recorded: Any) -> tuple[Mapping[str, str], Mapping[str, str]]:
    (container,) = json.loads(recorded.one("TaskDefinition").inputs["containerDefinitions"])
    plain = {entry["name"]: entry["value"] for entry in container["environment"]}
    return plain, {entry["name"]: entry["valueFrom"] for entry in container["secrets"]}


def told_to_pod(recorded: Any) -> tuple[Mapping[str, str], Mapping[str, str]]:
    variables = recorded.one("Release").inputs["values"]["env"]
    return variables, json.loads(variables[SECRETS_VARIABLE])


COMPUTES = {
    "lambda": (on_lambda, told_to_function, "dev-users", "dev-users-to-database"),
    "fargate": (on_fargate, told_to_task, "dev-users-execution", "dev-users-to-database"),
    "eks": (on_eks, told_to_pod, "dev-users-pod", "dev-eks-to-dev-users-database"),
}


def allowed(recorded: Any, role: str, action: str) -> set[str]:
    statements = json.loads(recorded.one("RolePolicy", role).inputs["policy"])["Statement"]
    return {resource for one in statements if action in one["Action"] for resource in one["Resource"]}


@pytest.mark.parametrize("compute", COMPUTES)
def test_links_mean_the_same_on_every_compute(deploy: Deploy, compute: str) -> None:
    make, told, reader, entry = COMPUTES[compute]
    recorded = deploy(lambda: make(ARGS))
    plain, secrets = told(recorded)
    assert plain["DATABASE_URL"] == "postgresql://db:5433/app"
    assert dict(secrets) == REFERENCES
    assert not {"OPENAI_API_KEY", "OWN"} & plain.keys()
    assert {SECRET, OWN} <= allowed(recorded, reader, "secretsmanager:GetSecretValue")
    rule = recorded.one("SecurityGroupIngressRule", entry).inputs
    assert (rule["securityGroupId"], rule["fromPort"]) == ("sg-database", 5433)


@pytest.mark.parametrize(("compute", "role"), [("lambda", "dev-users"), ("fargate", "dev-users-task")])
def test_files_are_mounted_by_their_access_point_alone(deploy: Deploy, compute: str, role: str) -> None:
    make, _, _, entry = COMPUTES[compute]
    recorded = deploy(lambda: make(ServiceArgs(artifact=ARGS.artifact, links=[FILES])))
    assert told_path(recorded, compute) == "/mnt/files"
    statements = json.loads(recorded.one("RolePolicy", role).inputs["policy"])["Statement"]
    (mount,) = [one for one in statements if "elasticfilesystem:ClientMount" in one["Action"]]
    assert mount["Resource"] == ["arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1"]
    assert mount["Condition"] == {"StringEquals": {"elasticfilesystem:AccessPointArn": POINT}}
    assert recorded.one("SecurityGroupIngressRule", entry.replace("database", "files")).inputs["toPort"] == 2049


def told_path(recorded: Any, compute: str) -> str:
    """Return where the files are, which the mount and the variable say alike."""
    if compute == "lambda":
        inputs = recorded.one("Function").inputs
        assert inputs["fileSystemConfig"]["arn"] == POINT
        assert inputs["environment"]["variables"]["FILES_PATH"] == inputs["fileSystemConfig"]["localMountPath"]
        return inputs["fileSystemConfig"]["localMountPath"]
    plain, _ = told_to_task(recorded)
    (container,) = json.loads(recorded.one("TaskDefinition").inputs["containerDefinitions"])
    (mount,) = [one for one in container["mountPoints"] if one["sourceVolume"] == "files"]
    assert plain["FILES_PATH"] == mount["containerPath"]
    return mount["containerPath"]


def test_a_name_that_two_secrets_have_is_refused() -> None:
    args = ServiceArgs(artifact=ARGS.artifact, secrets=[SecretRef(name="OPENAI_API_KEY", arn=OWN)], links=[KEYS])
    with pytest.raises(ValueError, match="OPENAI_API_KEY: brought by two secrets"):
        environment(args)


def test_a_link_may_not_bring_the_name_of_a_variable_as_a_secret() -> None:
    args = ServiceArgs(artifact=ARGS.artifact, environment={"OPENAI_API_KEY": "x"}, links=[KEYS])
    with pytest.raises(ValueError, match="OPENAI_API_KEY: set as a plain variable and as a secret"):
        environment(args)
