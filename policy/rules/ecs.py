"""ECS: tasks, services and clusters."""

from __future__ import annotations

from policy.checks import either, every, is_in, is_not_true, is_set, is_true, must, some, when
from policy.model import Check, Level, NotKnown, Outcomes, Resource, Rule, Severity, Violation
from policy.rules.secrets import no_secret_values
from policy.values import UNKNOWN, Value, find

CLUSTER = "aws:ecs/cluster:Cluster"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"

_EXEC = "configuration.executeCommandConfiguration"


def _is_unprivileged(user: Value) -> bool:
    return str(user).partition(":")[0] not in {"", "0", "root"} and is_set(user)


def _is_pinned(image: Value) -> bool:
    return isinstance(image, str) and "@sha256:" in image


def _two_roles(resource: Resource) -> Outcomes:
    own, starting = (next(find(resource.properties, path)) for path in ("taskRoleArn", "executionRoleArn"))
    if UNKNOWN in (own.value, starting.value):
        yield NotKnown(own.path)
    elif own.value == starting.value and is_set(own.value):
        yield Violation(own.path, "runs its code with the role that starts it")


_ROLLING: Check = every(
    must("deploymentCircuitBreaker.enable", is_true, "does not stop a deployment that fails"),
    must("deploymentCircuitBreaker.rollback", is_true, "does not roll a failed deployment back"),
)
_SHIFTING: Check = every(
    must("alarms.enable", is_true, "has no alarms that stop a deployment"),
    must("alarms.rollback", is_true, "does not roll back when an alarm goes off"),
    must("deploymentConfiguration.bakeTimeInMinutes", is_set, "has no bake time in which to roll back"),
)

RULES = (
    Rule(
        id="MS-ECS-001",
        title="Tasks have a network interface of their own",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("ECS.1",),
        types=(TASK,),
        remedy='Set `networkMode` to "awsvpc"; Fargate takes no other.',
        check=must("networkMode", is_in("awsvpc"), "shares its host's network"),
    ),
    Rule(
        id="MS-ECS-002",
        title="Tasks have no public address",
        severity=Severity.HIGH,
        level=Level.PROD,
        frameworks=("ECS.2", "CKV_AWS_333"),
        types=(SERVICE,),
        remedy="Put the service into private subnets and leave `networkConfiguration.assignPublicIp` off.",
        check=must("networkConfiguration.assignPublicIp", is_not_true, "gives its tasks public addresses"),
    ),
    Rule(
        id="MS-ECS-003",
        title="Tasks do not see their host's processes",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("ECS.3", "CKV_AWS_335"),
        types=(TASK,),
        remedy="Leave `pidMode` out, or set it to `task`.",
        check=must("pidMode", is_in(None, "task"), "shares its host's process namespace"),
    ),
    Rule(
        id="MS-ECS-004",
        title="Containers are not privileged",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("ECS.4", "CKV_AWS_334"),
        types=(TASK,),
        remedy="Remove `privileged` from the container definition.",
        check=must("containerDefinitions[*].privileged", is_not_true, "runs a privileged container"),
    ),
    Rule(
        id="MS-ECS-005",
        title="Containers cannot write to their root file system",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("ECS.5", "CKV_AWS_336"),
        types=(TASK,),
        remedy="Set `readonlyRootFilesystem` and mount a volume where the program writes; ECS Exec needs an exception.",
        check=must("containerDefinitions[*].readonlyRootFilesystem", is_true, "has a writable root file system"),
    ),
    Rule(
        id="MS-ECS-006",
        title="Environment variables of containers hold no secrets",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("ECS.8", "AwsSolutions-ECS2", "AWS-0036"),
        types=(TASK,),
        remedy="Keep the value in Secrets Manager and name it under the container's `secrets`.",
        check=no_secret_values("containerDefinitions[*].environment[*]"),
    ),
    Rule(
        id="MS-ECS-007",
        title="Containers write logs",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("ECS.9", "AwsSolutions-ECS7"),
        types=(TASK,),
        remedy="Give every container a `logConfiguration` with a `logDriver`.",
        check=must("containerDefinitions[*].logConfiguration.logDriver", is_set, "has a container without logs"),
    ),
    Rule(
        id="MS-ECS-008",
        title="Fargate runs its newest platform version",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("ECS.10", "CKV_AWS_332"),
        types=(SERVICE,),
        remedy="Leave `platformVersion` out, or set it to LATEST.",
        check=must("platformVersion", is_in(None, "LATEST"), "is held at an old platform version"),
    ),
    Rule(
        id="MS-ECS-009",
        title="Clusters have Container Insights",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("ECS.12", "CKV_AWS_65", "AwsSolutions-ECS4", "AWS-0034"),
        types=(CLUSTER,),
        remedy="Set the cluster's `containerInsights` to `enabled` or `enhanced`.",
        check=some("settings[*].value", is_in("enabled", "enhanced"), "has no Container Insights"),
    ),
    Rule(
        id="MS-ECS-010",
        title="Containers name a user that is not root",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("ecs-task-definition-linux-user-non-root", "CT.ECS.PR.3"),
        types=(TASK,),
        remedy='Set `user` of the container, as in "10001".',
        check=must("containerDefinitions[*].user", _is_unprivileged, "runs a container as root"),
    ),
    Rule(
        id="MS-ECS-011",
        title="A task's code has a role of its own",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_249",),
        types=(TASK,),
        remedy="Give `taskRoleArn` another role than `executionRoleArn`.",
        check=_two_roles,
    ),
    Rule(
        id="MS-ECS-012",
        title="ECS Exec sessions are recorded",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("CKV_AWS_223",),
        types=(CLUSTER,),
        remedy="Set `executeCommandConfiguration.logging` to OVERRIDE with a log group.",
        check=must(f"{_EXEC}.logging", is_in("OVERRIDE", "DEFAULT", None), "does not record ECS Exec sessions"),
    ),
    Rule(
        id="MS-ECS-013",
        title="ECS Exec sessions are encrypted with a key of one's own",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("CKV_AWS_224",),
        types=(CLUSTER,),
        remedy="Set `executeCommandConfiguration.kmsKeyId`.",
        check=when(
            _EXEC, is_set, must(f"{_EXEC}.kmsKeyId", is_set, "encrypts ECS Exec sessions with no key of its own")
        ),
    ),
    Rule(
        id="MS-ECS-014",
        title="Tasks have a memory limit",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        frameworks=("CT.ECS.PR.7",),
        types=(TASK,),
        remedy="Set `memory` of the task, or of each container.",
        check=either(
            must("memory", is_set, "has no memory limit"),
            must("containerDefinitions[*].memory", is_set, "has a container without a memory limit"),
        ),
    ),
    Rule(
        id="MS-ECS-015",
        title="A deployment that fails rolls back by itself",
        severity=Severity.HIGH,
        level=Level.PROD,
        types=(SERVICE,),
        remedy="Enable the circuit breaker with rollback; for canary, linear and blue-green, alarms and a bake time.",
        check=when("deploymentConfiguration.strategy", is_in(None, "ROLLING"), _ROLLING, _SHIFTING),
    ),
    Rule(
        id="MS-ECS-016",
        title="Images are named by digest",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("CKV_K8S_43",),
        types=(TASK,),
        remedy="Name the image as `repository@sha256:…`: a tag, `latest` above all, can mean another image tomorrow.",
        check=must("containerDefinitions[*].image", _is_pinned, "runs an image that is not named by digest"),
    ),
)
