"""The container of a task, judged by AWS's own model of what ECS takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.model import OperationModel
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from components.service import ImageArtifact, Link, SecretRef, Size, Volume

Deploy = Callable[..., Any]

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dev/llm-AbCdEf"
FILES = Volume(
    name="index",
    path="/data/index",
    access_point_arn="arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0",
    file_system_id="fs-0123456789abcdef0",
)


FILES_LINK = Link(name="index", volumes=[FILES], security_group_id="sg-files", port=2049)


def container(recorded: Any) -> dict[str, Any]:
    (found,) = json.loads(recorded.one("TaskDefinition").inputs["containerDefinitions"])
    return found


@cache
def registration() -> OperationModel:
    return botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition")


def problems(inputs: dict[str, Any]) -> str:
    """Return what the model of RegisterTaskDefinition has against a task definition."""
    same = ("family", "cpu", "memory", "networkMode", "executionRoleArn", "taskRoleArn", "requiresCompatibilities")
    request = {key: inputs[key] for key in (*same, "runtimePlatform")}
    request["containerDefinitions"] = json.loads(inputs["containerDefinitions"])
    return ParamValidator().validate(request, registration().input_shape).generate_report()


environments = st.dictionaries(st.text("ABC_", min_size=1, max_size=8), st.text(max_size=20), max_size=6)


@settings(max_examples=15)
@given(
    environment=environments,
    port=st.integers(1, 65535),
    command=st.lists(st.text("abc", min_size=1), max_size=3),
    timeout=st.integers(1, 900),
    writable=st.booleans(),
)
def test_ecs_takes_any_service(
    deploy_fargate: Deploy, *, environment: dict[str, str], port: int, command: list[str], timeout: int, writable: bool
) -> None:
    image = ImageArtifact(reference="ghcr.io/acme/app@sha256:1", command=command)
    args = {
        "artifact": image,
        "environment": environment,
        "port": port,
        "timeout": timeout,
        "secrets": [SecretRef(name="GROQ", arn=SECRET, key="groq")],
        "links": [FILES_LINK],
    }
    inputs = deploy_fargate(args, exec_enabled=writable).one("TaskDefinition").inputs
    assert problems(inputs) == ""
    (found,) = json.loads(inputs["containerDefinitions"])
    plain = {entry["name"]: entry["value"] for entry in found["environment"]}
    assert plain == {**environment, "PORT": str(port), "HEALTH_PATH": "/health"}
    assert [entry["name"] for entry in found["environment"]] == sorted(plain)
    assert found["portMappings"][0]["containerPort"] == port
    assert found.get("command", []) == command
    assert found["stopTimeout"] <= 120
    names = {volume["name"] for volume in inputs["volumes"]}
    assert {mount["sourceVolume"] for mount in found["mountPoints"]} == names


def test_model_of_ecs_notices_a_mistake(deploy_fargate: Deploy) -> None:
    inputs = dict(deploy_fargate().one("TaskDefinition").inputs)
    inputs["containerDefinitions"] = json.dumps([{"name": "app", "portMapping": []}])
    assert "portMapping" in problems(inputs)


@pytest.mark.parametrize(("architecture", "cpu"), [("arm64", "ARM64"), ("x86_64", "X86_64")])
def test_task_is_what_fargate_takes(deploy_fargate: Deploy, architecture: str, cpu: str) -> None:
    args = {"architecture": architecture, "size": Size(cpu=1024, memory=8192)}
    definition = deploy_fargate(args).one("TaskDefinition").inputs
    assert definition["family"] == "dev-netprobe"
    assert definition["networkMode"] == "awsvpc"
    assert definition["requiresCompatibilities"] == ["FARGATE"]
    assert (definition["cpu"], definition["memory"]) == ("1024", "8192")
    assert definition["runtimePlatform"] == {"cpuArchitecture": cpu, "operatingSystemFamily": "LINUX"}


def test_secrets_are_named_one_key_at_a_time_and_never_in_the_plain_environment(deploy_fargate: Deploy) -> None:
    secrets = [SecretRef(name="WHOLE", arn=SECRET), SecretRef(name="GROQ", arn=SECRET, key="groq")]
    found = container(deploy_fargate({"secrets": secrets}))
    assert found["secrets"] == [
        {"name": "GROQ", "valueFrom": f"{SECRET}:groq::"},
        {"name": "WHOLE", "valueFrom": SECRET},
    ]
    assert {entry["name"] for entry in found["environment"]} == {"PORT", "HEALTH_PATH"}


def test_name_that_is_both_plain_and_secret_is_refused(deploy_fargate: Deploy) -> None:
    args = {"environment": {"GROQ": "x"}, "secrets": [SecretRef(name="GROQ", arn=SECRET)]}
    with pytest.raises(ValueError, match="GROQ: set as a plain variable and as a secret"):
        deploy_fargate(args)


def test_container_runs_as_nobody_in_particular_and_writes_to_tmp_only(deploy_fargate: Deploy) -> None:
    recorded = deploy_fargate()
    found = container(recorded)
    assert found["user"] == "10001"
    assert found["readonlyRootFilesystem"] is True
    assert found["mountPoints"] == [{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}]
    assert recorded.one("TaskDefinition").inputs["volumes"] == [{"name": "tmp"}]
    assert "privileged" not in found


def test_log_goes_to_the_log_group_of_the_service(deploy_fargate: Deploy) -> None:
    log = container(deploy_fargate())["logConfiguration"]
    assert log["logDriver"] == "awslogs"
    assert log["options"]["awslogs-group"] == "/ecs/dev-netprobe"
    assert log["options"]["awslogs-region"] == "us-east-1"


def test_health_check_asks_as_often_as_it_should(deploy_fargate: Deploy) -> None:
    check = container(deploy_fargate())["healthCheck"]
    assert (check["interval"], check["timeout"], check["retries"], check["startPeriod"]) == (30, 5, 3, 60)


def test_request_under_way_may_end_before_the_task_is_killed(deploy_fargate: Deploy) -> None:
    assert container(deploy_fargate({"timeout": 28}))["stopTimeout"] == 35
    assert container(deploy_fargate({"timeout": 900}))["stopTimeout"] == 120


def test_volume_is_mounted_through_its_access_point(deploy_fargate: Deploy) -> None:
    recorded = deploy_fargate({"links": [FILES_LINK]})
    (volume,) = [v for v in recorded.one("TaskDefinition").inputs["volumes"] if v["name"] == "index"]
    efs = volume["efsVolumeConfiguration"]
    assert efs["fileSystemId"] == "fs-0123456789abcdef0"
    assert efs["transitEncryption"] == "ENABLED"
    assert efs["authorizationConfig"] == {"accessPointId": "fsap-0123456789abcdef0", "iam": "ENABLED"}
    policy = recorded.one("RolePolicy", "dev-netprobe-task").inputs["policy"]
    (allowed,) = json.loads(policy)["Statement"]
    assert allowed["Resource"] == ["arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-0123456789abcdef0"]
    assert allowed["Condition"] == {"StringEquals": {"elasticfilesystem:AccessPointArn": FILES.access_point_arn}}
