"""A service that can be scaled, whose load a test sets, on a clock that a test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.control.account import Resource
from sandbox.workloads.clock import Clock
from sandbox.workloads.context import Context, Ports
from sandbox.workloads.events import Events
from sandbox.workloads.faults import Faults
from sandbox.workloads.logs import Logs
from sandbox.workloads.metrics import Metrics
from sandbox.workloads.scaling.manager import Scaling
from sandbox.workloads.snapshot import Snapshot

SERVICE = "service/dev-cluster/dev-netprobe"
REGION = "us-east-1"
START = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
"""A Friday."""
_NAMES = {"serviceNamespace": "ecs", "scalableDimension": "ecs:service:DesiredCount", "resourceId": SERVICE}
TASKS = {"ClusterName": "dev-cluster", "ServiceName": "dev-netprobe"}
"""The dimensions of the service's metrics."""


def resource(kind: str, name: str, **outputs: Any) -> Resource:
    """Return a resource as the account has them."""
    urn = f"urn:pulumi:dev::modeshift::{kind}::{name}"
    return Resource(1, kind, REGION, name, urn, {}, {"region": REGION, "name": name, **outputs})


def target(least: int, most: int, **outputs: Any) -> Resource:
    """Return the scalable target of the service."""
    return resource(
        "aws:appautoscaling/target:Target",
        "dev-netprobe",
        arn="arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/1",
        minCapacity=least,
        maxCapacity=most,
        **{**_NAMES, **outputs},
    )


def policy(name: str, **outputs: Any) -> Resource:
    """Return a policy of the service."""
    arn = f"arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:{name}:resource/ecs/{SERVICE}:policyName/{name}"
    return resource("aws:appautoscaling/policy:Policy", name, arn=arn, **{**_NAMES, **outputs})


def tracking(name: str, metric: str, value: float, **settings: Any) -> Resource:
    """Return a policy that tracks one of the metrics that AWS knows by a name."""
    specification = {"predefinedMetricType": metric}
    if metric == "ALBRequestCountPerTarget":
        specification["resourceLabel"] = "app/dev-front-door/1/targetgroup/dev-netprobe/2"
    given = {"targetValue": value, "scaleOutCooldown": 60, "scaleInCooldown": 300, "disableScaleIn": False, **settings}
    return policy(
        name,
        policyType="TargetTrackingScaling",
        targetTrackingScalingPolicyConfiguration={**given, "predefinedMetricSpecification": specification},
    )


def cpu(value: float = 70, **settings: Any) -> Resource:
    """Return the policy that tracks CPU."""
    return tracking("cpu", "ECSServiceAverageCPUUtilization", value, **settings)


class Moved(Clock):
    """A clock at the time that a test says."""

    def __init__(self, speed: float, time: Callable[[], float]) -> None:
        super().__init__(speed)
        self._time = time
        self._first = time()

    def now(self) -> datetime:
        return START + timedelta(seconds=(self._time() - self._first) * self.speed)


@dataclass
class Service:
    """Something to scale; `wanted` is how many there are, at once."""

    wanted: int | None = 1
    told: list[tuple[str, int, str]] = field(default_factory=list[tuple[str, int, str]])
    deploys: bool = False

    def capacity(self, resource_id: str) -> int | None:
        return self.wanted

    def deploying(self, resource_id: str) -> bool:
        return self.deploys

    def set_capacity(self, resource_id: str, capacity: int, reason: str) -> None:
        self.wanted = capacity
        self.told.append((resource_id, capacity, reason))


class World:
    """Scaling of one service, minute by minute of a clock that is as fast as `speed` says."""

    def __init__(
        self, folder: Path, *, speed: float = 10, now: float = 1_700_000_000, capacity: int | None = 1
    ) -> None:
        self._minute = round(60 / speed)
        self.now = now - now % self._minute
        self.service = Service(capacity)
        self.metrics = Metrics(lambda: self.now)
        self.events = Events()
        clock = Moved(speed, lambda: self.now)
        logs, ports = Logs(folder / "logs"), Ports(folder / "ports.json")
        self.context = Context(folder, folder, clock, self.events, self.metrics, logs, Faults(), ports)
        self.queues: Mapping[str, Mapping[str, float]] = {}
        self.wanted_queues: list[tuple[str, str]] = []
        self.scaling = Scaling(self.context, {"ecs": self.service}, count=self._count, now=lambda: self.now)

    def _count(self, _: Path, queues: Iterable[tuple[str, str]]) -> Mapping[str, Mapping[str, float]]:
        self.wanted_queues = list(queues)
        return self.queues

    async def apply(self, *resources: Resource) -> None:
        await self.scaling.apply(Snapshot(resources))

    def add(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
        self.metrics.add(namespace, name, dimensions, value)

    def use(self, name: str, value: float) -> None:
        """Tell a utilization of every task."""
        for _ in range(self.service.wanted or 0):
            self.add("AWS/ECS", name, TASKS, value)

    async def minute(self, measure: Callable[[], None] = lambda: None) -> int:
        """Let a minute of the clock pass, with something measured within it; return how many are wanted then."""
        self.now += self._minute / 2
        measure()
        self.now += self._minute / 2
        await self.scaling.tick()
        return self.service.wanted or 0

    async def minutes(self, number: int, measure: Callable[[], None] = lambda: None) -> list[int]:
        """Let minutes pass; return how many were wanted after each."""
        return [await self.minute(measure) for _ in range(number)]

    def loaded(self, load: float) -> Callable[[], None]:
        """Return what measures CPU where all tasks share a load, in percent of one, and none can do more than all."""
        return lambda: self.use("CPUUtilization", min(100.0, load / max(1, self.service.wanted or 0)))

    def said(self, kind: str) -> Sequence[str]:
        return [event.text for event in self.events.since() if event.kind == kind]
