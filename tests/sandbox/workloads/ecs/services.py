"""Services of an account made by hand, with programs of a line as what they run, and targets that are really asked."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.control.account import Resource
from sandbox.data.environment import Workload
from sandbox.workloads.containers.containers import Containers
from sandbox.workloads.context import Context
from sandbox.workloads.ecs.manager import Ecs
from sandbox.workloads.snapshot import Snapshot
from sandbox.workloads.surfaces import Health, Outcome, Target

PATIENCE = 90
ACCOUNT = "us-east-1:123456789012"
CLUSTER = f"arn:aws:ecs:{ACCOUNT}:cluster/dev-cluster-1"
SERVICE = f"arn:aws:ecs:{ACCOUNT}:service/dev-cluster-1/dev-it-1"
GROUPS = tuple(f"arn:aws:elasticloadbalancing:{ACCOUNT}:targetgroup/dev-it-{n}/{n}" for n in (1, 2))
RULES = tuple(f"arn:aws:elasticloadbalancing:{ACCOUNT}:listener-rule/app/dev/1/1/{n}" for n in (1, 2))
ZONES = ("us-east-1a", "us-east-1b")

SLEEP = "import time;print('up');time.sleep(600)"
BROKEN = "import sys;print('DATABASE_URL is missing');sys.exit(3)"
SERVE = (
    "import http.server,os\n"
    "class H(http.server.BaseHTTPRequestHandler):\n"
    " def do_GET(self):\n"
    "  self.send_response(200);self.send_header('content-length','0');self.end_headers()\n"
    " def log_message(self,*a): pass\n"
    "http.server.ThreadingHTTPServer((os.environ['HOST'],int(os.environ['PORT'])),H).serve_forever()"
)


class Asked:
    """Targets that are healthy when something listens on their port, unless they are among the `unhealthy`."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, Target]] = {}
        self.drained: list[str] = []
        self.unhealthy: set[str] = set()
        self.delay = 0.0

    def register(self, group_arn: str, target: Target) -> None:
        self.groups.setdefault(group_arn, {})[target.id] = target

    async def deregister(self, group_arn: str, target_id: str) -> None:
        await asyncio.sleep(self.delay)
        self.groups.get(group_arn, {}).pop(target_id, None)
        self.drained.append(target_id)

    def health(self, group_arn: str) -> list[Health]:
        return [self._health(one) for one in self.groups.get(group_arn, {}).values()]

    def _health(self, target: Target) -> Health:
        if target.id in self.unhealthy:
            words = "Health checks failed with these codes: [500]"
            return Health(target, "unhealthy", "Target.ResponseCodeMismatch", words)
        with socket.socket() as connection:
            if connection.connect_ex((target.host, target.port)) == 0:
                return Health(target, "healthy")
        return Health(target, "initial", "Elb.InitialHealthChecking")


@dataclass
class World:
    """An account with one service, and what keeps it."""

    context: Context
    monkeypatch: pytest.MonkeyPatch
    targets: Any = field(default_factory=Asked)
    alarms: dict[str, str] = field(default_factory=dict)
    revision: int = 0
    program: str = SLEEP
    variables: dict[str, str] = field(default_factory=dict)
    definition: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    ecs: Any = None
    containers: Any = None

    def snapshot(self) -> Snapshot:
        container = {
            "name": "app",
            "image": "it",
            "essential": True,
            "entryPoint": [sys.executable, "-c", self.program],
            "environment": [{"name": k, "value": v} for k, v in self.variables.items()],
            "stopTimeout": 5,
            "logConfiguration": {"options": {"awslogs-group": "/ecs/dev-it", "awslogs-stream-prefix": "app"}},
            **self.definition,
        }
        definition = f"arn:aws:ecs:{ACCOUNT}:task-definition/dev-it:{self.revision}"
        service = {
            "name": "dev-it-1",
            "arn": SERVICE,
            "cluster": CLUSTER,
            "desiredCount": 2,
            "taskDefinition": definition,
            "networkConfiguration": {"subnets": ["subnet-0", "subnet-1"]},
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            **self.outputs,
        }
        subnets = [
            _resource("aws:ec2/subnet:Subnet", f"subnet-{n}", {"availabilityZone": zone, "cidrBlock": f"10.0.{n}.0/24"})
            for n, zone in enumerate(ZONES)
        ]
        settings = [{"name": "containerInsights", "value": "enabled"}]
        return Snapshot(
            [
                *subnets,
                _resource("aws:ecs/cluster:Cluster", "dev-cluster", {"arn": CLUSTER, "settings": settings}),
                _resource(
                    "aws:ecs/taskDefinition:TaskDefinition",
                    "dev-it",
                    {"arn": definition, "cpu": "256", "memory": "512", "containerDefinitions": json.dumps([container])},
                ),
                _resource("aws:ecs/service:Service", "dev-it", service),
            ]
        )

    async def release(self, program: str, **outputs: Any) -> None:
        """Update the service to another revision."""
        self.revision += 1
        self.program = program
        self.outputs |= outputs
        await self.ecs.apply(self.snapshot())

    async def settled(self) -> Outcome:
        return await self.ecs.settled(SERVICE)

    @property
    def service(self) -> dict[str, Any]:
        [found] = self.ecs.describe()["services"]
        return found

    @property
    def messages(self) -> list[str]:
        """The events, the oldest first, without what all begin with."""
        return [one["message"].removeprefix("(service dev-it-1) ") for one in reversed(self.service["events"])]

    def fail_zones(self, *zones: str) -> None:
        """Let zones fail, and no others."""
        self.monkeypatch.setattr(self.context.faults, "failed_zones", lambda: frozenset(zones))

    def tasks(self, status: str = "RUNNING") -> list[dict[str, Any]]:
        return [one for one in self.service["tasks"] if one["lastStatus"] == status]


def _resource(kind: str, name: str, outputs: dict[str, Any]) -> Resource:
    return Resource(1, kind, "us-east-1", name, f"urn:pulumi:dev::modeshift::{kind}::{name}", {}, outputs)


def balanced(*, both: bool = False) -> dict[str, Any]:
    """Return what a service has that gets requests; two groups where ECS moves traffic."""
    one: dict[str, Any] = {"targetGroupArn": GROUPS[0], "containerName": "app", "containerPort": 8080}
    if both:
        one["advancedConfiguration"] = {
            "alternateTargetGroupArn": GROUPS[1],
            "productionListenerRule": RULES[0],
            "testListenerRule": RULES[1],
        }
    return {"loadBalancers": [one]}


@asynccontextmanager
async def _keeping(world: World) -> AsyncIterator[None]:
    world.containers = Containers(world.context)
    world.ecs = Ecs(world.context, world.containers, world.targets, lambda name: world.alarms.get(name, "OK"))
    try:
        yield
    finally:
        await world.ecs.close()
        await world.containers.close()


def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    test: Callable[[World], Awaitable[None]],
    *then: Callable[[World], Awaitable[None]],
    speed: float = 60,
    targets: Callable[[Context], Any] = lambda _: Asked(),
) -> None:
    """Run tests one after the other, each with all of it made anew over the same account."""

    def described(_: Path, resource: Resource) -> Workload:
        [container] = json.loads(str(resource.outputs["containerDefinitions"]))
        told = {one["name"]: one["value"] for one in container["environment"]}
        return Workload(resource, told, tuple(container["entryPoint"]))

    monkeypatch.setattr("sandbox.workloads.ecs.task.described", described)
    (tmp_path / "account").mkdir()
    world: World | None = None

    async def whole(each: Callable[[World], Awaitable[None]]) -> None:
        nonlocal world
        context = Context.of(tmp_path / "account", tmp_path, speed)
        if world is None:
            world = World(context, monkeypatch)
        world.context, world.targets = context, targets(context)
        async with _keeping(world):
            await asyncio.wait_for(each(world), PATIENCE)
        context.logs.close()

    for each in (test, *then):
        asyncio.run(whole(each))


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    while not holds():  # noqa: ASYNC110 - what is waited for is another process
        await asyncio.sleep(0.02)
