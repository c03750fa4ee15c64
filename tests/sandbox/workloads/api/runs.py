"""An account with a service, a worker and a function, those who would run them, and AWS's API in front of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from sandbox.control.account import Account, Entry
from sandbox.workloads.api import Api
from sandbox.workloads.context import Context
from sandbox.workloads.http.messages import Request
from sandbox.workloads.snapshot import Snapshot
from sandbox.workloads.surfaces import Health, Target

REGION = "us-east-1"
ARN = f"arn:aws:ecs:{REGION}:123456789012"
CLUSTER = f"{ARN}:cluster/dev-cluster-1"
SERVICE = f"{ARN}:service/dev-cluster-1/dev-users-2"
TASKS = f"{ARN}:task-definition/dev-users"
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:123456789012:targetgroup/dev-users/0123456789abcdef"
FUNCTION = f"arn:aws:lambda:{REGION}:123456789012:function:dev-probe-3"
SCALED = "service/dev-cluster-1/dev-users-2"

RESOURCES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dev-cluster": ("aws:ecs/cluster:Cluster", {"arn": CLUSTER, "name": "dev-cluster-1"}),
    "dev-users": (
        "aws:ecs/service:Service",
        {
            "arn": SERVICE,
            "name": "dev-users-2",
            "cluster": CLUSTER,
            "taskDefinition": f"{TASKS}:2",
            "enableExecuteCommand": True,
            "desiredCount": 3,
            "schedulingStrategy": "REPLICA",
        },
    ),
    "dev-users-1": (
        "aws:ecs/taskDefinition:TaskDefinition",
        {"arn": f"{TASKS}:2", "containerDefinitions": json.dumps([{"name": "app"}])},
    ),
    "dev-users-scaled": (
        "aws:appautoscaling/target:Target",
        {
            "arn": f"arn:aws:application-autoscaling:{REGION}:123456789012:scalable-target/1",
            "serviceNamespace": "ecs",
            "resourceId": SCALED,
            "scalableDimension": "ecs:service:DesiredCount",
            "minCapacity": 1,
            "maxCapacity": 3,
        },
    ),
    "dev-users-group": ("aws:lb/targetGroup:TargetGroup", {"arn": GROUP, "targetType": "ip", "port": 8080}),
    "dev-users-busy": (
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {
            "arn": f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:dev-users-busy",
            "name": "dev-users-busy",
            "metricName": "CPUUtilization",
            "namespace": "AWS/ECS",
            "threshold": 80,
        },
    ),
    "dev-users-logs": ("aws:cloudwatch/logGroup:LogGroup", {"name": "/ecs/dev-users"}),
    "dev-probe": (
        "aws:lambda/function:Function",
        {
            "arn": FUNCTION,
            "name": "dev-probe-3",
            "runtime": "python3.13",
            "memorySize": 512,
            "timeout": 28,
            "version": "7",
        },
    ),
    "dev-probe-alias": (
        "aws:lambda/alias:Alias",
        {
            "arn": f"{FUNCTION}:live",
            "name": "live",
            "functionName": "dev-probe-3",
            "functionVersion": "7",
            "routingConfig": {"additionalVersionWeights": {"6": 0.9}},
        },
    ),
    "dev-probe-warm": (
        "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig",
        {"functionName": "dev-probe-3", "qualifier": "live", "provisionedConcurrentExecutions": 2},
    ),
}
RUNNING = {
    "arn": SERVICE,
    "desired": 2,
    "running": 1,
    "pending": 1,
    "taskDefinition": f"{TASKS}:1",
    "deployments": [
        {
            "id": "ecs-svc/1",
            "status": "PRIMARY",
            "taskDefinition": f"{TASKS}:1",
            "desired": 2,
            "running": 1,
            "pending": 1,
            "failed": 3,
            "rolloutState": "IN_PROGRESS",
            "reason": "ECS deployment ecs-svc/1 in progress.",
            "created": 1_700_000_000.0,
            "updated": 1_700_000_060.5,
        }
    ],
    "events": [{"id": "e1", "time": 1_700_000_000.0, "message": "(service dev-users-2) has started 1 tasks."}],
    "tasks": [
        {
            "id": "aaa",
            "taskDefinition": f"{TASKS}:2",
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "health": "HEALTHY",
            "zone": "us-east-1a",
            "started": 1_700_000_000.0,
        },
        {
            "id": "bbb",
            "taskDefinition": f"{TASKS}:2",
            "lastStatus": "STOPPED",
            "desiredStatus": "STOPPED",
            "stopped": 1_700_000_000.0,
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "exitCode": 3,
        },
    ],
}


class Ecs:
    """A stand-in for who runs tasks; it remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.service = dict(RUNNING)

    def describe(self) -> dict[str, Any]:
        return {"services": [self.service]}

    def set_capacity(self, resource_id: str, capacity: int, reason: str) -> None:
        self.asked.append(("capacity", resource_id, capacity))

    def redeploy(self, arn: str) -> None:
        self.asked.append(("redeploy", arn))

    def container(self, task: str) -> SimpleNamespace | None:
        return SimpleNamespace(environment={"KEY": "s3cret"}, folder=Path("/app")) if task == "aaa" else None


class Runs:
    """What the API looks at: a real account, real logs and metrics, and stand-ins for who runs things."""

    def __init__(self, folder: Path) -> None:
        self.context = Context.of(folder, folder)
        self._account = Account(folder)
        with self._account.transaction() as transaction:
            for name, (kind, outputs) in RESOURCES.items():
                urn = f"urn:pulumi:dev::modeshift::{kind}::{name}"
                handles = [(kind, outputs["name"])] if "name" in outputs else []
                transaction.add(Entry(kind, REGION, name, name, urn, {}, dict(outputs), handles))
        self.ecs = Ecs()
        self.targets = [
            Health(Target("10.0.1.17", "127.0.0.1", 41231, "us-east-1a"), "healthy"),
            Health(
                Target("10.0.2.9", "127.0.0.1", 41232, "us-east-1b"),
                "unhealthy",
                "Target.ResponseCodeMismatch",
                "Health checks failed with these codes: [500]",
            ),
        ]
        self.alarms: dict[str, Any] = {}
        self.functions: list[dict[str, Any]] = []
        self.managers: Mapping[str, Any] = {
            "ecs": self.ecs,
            "balancers": SimpleNamespace(health=lambda arn: self.targets if arn == GROUP else []),
            "scaling": SimpleNamespace(describe=lambda: {"targets": [], "alarms": self.alarms}),
            "functions": SimpleNamespace(describe=lambda: {"functions": self.functions}),
        }
        self.api = Api(self)

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(self._account.list_resources())

    async def ask(self, service: str, call: str, /, **parameters: Any) -> Any:
        """Return what boto3 makes of the API's answer to a call of boto3, without a network between them."""
        client = boto3.client(
            service,
            region_name=REGION,
            endpoint_url="http://sandbox.test",
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
            config=Config(retries={"total_max_attempts": 1}),
        )
        sent: list[Request] = []

        def send(request: Any, **_: object) -> AWSResponse:
            target = request.url.removeprefix("http://sandbox.test")
            headers = [
                (name, value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()
            ]
            body = request.body or b""
            sent.append(Request(request.method, target, headers, body.encode() if isinstance(body, str) else body))
            raise _SentError

        client.meta.events.register("before-send", send)
        with suppress(_SentError):
            getattr(client, call)(**parameters)
        response = await self.api.handle(sent[0])
        assert response is not None
        content = await response.read()

        class Raw:
            def stream(self) -> Any:
                yield content

        def answer(request: Any, **_: object) -> AWSResponse:
            return AWSResponse(request.url, response.status, dict(response.headers), Raw())

        client.meta.events.unregister("before-send", send)
        client.meta.events.register("before-send", answer)
        return getattr(client, call)(**parameters)

    def close(self) -> None:
        self._account.close()
        self.context.logs.close()


class _SentError(Exception):
    """The request is known; nobody needs to answer it yet."""
