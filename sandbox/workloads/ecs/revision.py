"""What a service runs and how, as the account has it: read once, and kept as long as a deployment may go back to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sandbox.control.account import Resource
from sandbox.workloads.containers.spec import HealthCheck
from sandbox.workloads.snapshot import name_of, stack_of

if TYPE_CHECKING:
    from sandbox.workloads.snapshot import Snapshot

SERVICE = "aws:ecs/service:Service"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
_SUBNET = "aws:ec2/subnet:Subnet"
_INSIGHTS = "containerInsights"

Strategy = Literal["ROLLING", "CANARY", "LINEAR", "BLUE_GREEN"]

_NOT_DEPLOYED = frozenset({"desiredCount", "tags", "tagsAll", "waitForSteadyState", "forceNewDeployment", "region"})
"""Properties of a service whose change starts no deployment."""
_LONGEST_STOP = 120


@dataclass(frozen=True)
class Subnet:
    """Where tasks get their addresses."""

    id: str
    zone: str
    block: str


@dataclass(frozen=True)
class Balancing:
    """How a service gets its requests; the second group and the rules are for strategies that move traffic."""

    group: str
    container_port: int
    second: str = ""
    production_rule: str = ""
    test_rule: str = ""

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the target groups."""
        return (self.group, self.second) if self.second else (self.group,)


@dataclass(frozen=True)
class Container:
    """The essential container of a task definition."""

    name: str
    image: str
    log_group: str
    log_prefix: str
    stop_timeout: float
    scratch: tuple[str, ...]
    health_check: HealthCheck | None
    others: int
    """How many more containers the definition has, none of which is run here."""


@dataclass(frozen=True)
class Revision:
    """A task definition and where its tasks run; the document is what is kept of it in files."""

    definition: Resource
    subnets: tuple[Subnet, ...]

    @property
    def arn(self) -> str:
        """Return the ARN of the task definition."""
        return str(self.definition.outputs["arn"])

    @property
    def cpu(self) -> int:
        """Return the CPU units of a task, 1024 for one CPU."""
        return int(self._outputs.get("cpu") or 256)

    @property
    def memory(self) -> int:
        """Return the MiB of a task."""
        return int(self._outputs.get("memory") or 512)

    @property
    def container(self) -> Container:
        """Return the container that the definition is about."""
        containers: list[dict[str, Any]] = json.loads(self._outputs["containerDefinitions"])
        one = next((each for each in containers if each.get("essential", True)), containers[0])
        options: dict[str, str] = (one.get("logConfiguration") or {}).get("options") or {}
        return Container(
            name=one["name"],
            image=str(one.get("image", "")),
            log_group=options.get("awslogs-group", ""),
            log_prefix=options.get("awslogs-stream-prefix", "ecs"),
            stop_timeout=min(float(one.get("stopTimeout") or 30), _LONGEST_STOP),
            scratch=_scratch(one, self._outputs.get("volumes") or []),
            health_check=_health_check(one.get("healthCheck")),
            others=len(containers) - 1,
        )

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        one = self.definition
        kept = {"type": one.type, "region": one.region, "id": one.id, "urn": one.urn, "outputs": one.outputs}
        return {"definition": kept, "subnets": [[subnet.id, subnet.zone, subnet.block] for subnet in self.subnets]}

    @property
    def _outputs(self) -> dict[str, Any]:
        return self.definition.outputs

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Revision:
        """Return what a document is of."""
        one = document["definition"]
        definition = Resource(0, one["type"], one["region"], one["id"], one["urn"], {}, one["outputs"])
        return cls(definition, tuple(Subnet(*each) for each in document["subnets"]))


@dataclass(frozen=True)
class Wanted:
    """A service as the account has it."""

    resource: Resource
    revision: Revision
    balancing: Balancing | None
    insights: bool

    @property
    def arn(self) -> str:
        return str(self.resource.outputs["arn"])

    @property
    def name(self) -> str:
        """Return what AWS calls the service."""
        return str(self.resource.outputs["name"])

    @property
    def cluster(self) -> str:
        """Return the name of the cluster."""
        return str(self.resource.outputs.get("cluster") or "default").rpartition("/")[2]

    @property
    def subject(self) -> str:
        """Return the logical name, as in `dev-netprobe`."""
        return name_of(self.resource)

    @property
    def stack(self) -> str:
        return stack_of(self.resource)

    @property
    def desired(self) -> int:
        return int(self._given("desiredCount", 1))

    @property
    def minimum_percent(self) -> int:
        return int(self._given("deploymentMinimumHealthyPercent", 100))

    @property
    def maximum_percent(self) -> int:
        return int(self._given("deploymentMaximumPercent", 200))

    @property
    def grace_seconds(self) -> float:
        return float(self._given("healthCheckGracePeriodSeconds", 0))

    @property
    def breaker(self) -> bool:
        """Whether a deployment whose tasks fail is ended."""
        return bool(self._block("deploymentCircuitBreaker").get("enable"))

    @property
    def breaker_rolls_back(self) -> bool:
        return bool(self._block("deploymentCircuitBreaker").get("rollback"))

    @property
    def alarms(self) -> tuple[str, ...]:
        """Return the names of the alarms that take a deployment back."""
        block = self._block("alarms")
        return tuple(block.get("alarmNames") or ()) if block.get("enable") and block.get("rollback") else ()

    @property
    def rebalances(self) -> bool:
        return self._given("availabilityZoneRebalancing", "DISABLED") == "ENABLED"

    @property
    def configuration(self) -> dict[str, Any]:
        return self._block("deploymentConfiguration")

    @property
    def strategy(self) -> Strategy:
        return self.configuration.get("strategy") or "ROLLING"

    def signature(self, task_definition: str = "") -> str:
        """Return what changes whenever AWS would start a deployment, of this or of another task definition."""
        outputs = {name: value for name, value in self.resource.outputs.items() if name not in _NOT_DEPLOYED}
        outputs["taskDefinition"] = task_definition or outputs["taskDefinition"]
        return hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()

    def _given(self, name: str, default: Any) -> Any:  # noqa: ANN401 - as the type has it
        value = self.resource.outputs.get(name)
        return default if value is None else value

    def _block(self, name: str) -> dict[str, Any]:
        block: Any = self.resource.outputs.get(name)
        return block or {}


def wanted(resource: Resource, snapshot: Snapshot) -> Wanted:
    """Return a service of the account.

    Raises:
        LookupError: What it needs is not in the account.

    """
    outputs: dict[str, Any] = resource.outputs
    definition = _definition(str(outputs["taskDefinition"]), snapshot)
    ids: list[str] = (outputs.get("networkConfiguration") or {}).get("subnets") or []
    found = {str(one.id): one for one in snapshot.of(_SUBNET)}
    subnets = tuple(
        Subnet(one, str(found[one].outputs["availabilityZone"]), str(found[one].outputs["cidrBlock"]))
        for one in ids
        if one in found
    )
    if not subnets:
        message = "InvalidParameterException: none of its subnets is in the account."
        raise LookupError(message)
    cluster = snapshot.by_arn(str(outputs.get("cluster")))
    settings: Any = cluster.outputs.get("settings") if cluster else None
    insights = any(one["name"] == _INSIGHTS and one["value"] != "disabled" for one in settings or [])
    return Wanted(resource, Revision(definition, subnets), _balancing(outputs), insights)


def _definition(arn: str, snapshot: Snapshot) -> Resource:
    found = snapshot.by_arn(arn)
    if found is None:
        message = f"ClientException: The task definition {arn} is not in the account."
        raise LookupError(message)
    return found


def _balancing(outputs: Mapping[str, Any]) -> Balancing | None:
    for one in outputs.get("loadBalancers") or []:
        more = one.get("advancedConfiguration") or {}
        return Balancing(
            group=str(one["targetGroupArn"]),
            container_port=int(one["containerPort"]),
            second=more.get("alternateTargetGroupArn") or "",
            production_rule=more.get("productionListenerRule") or "",
            test_rule=more.get("testListenerRule") or "",
        )
    return None


def _health_check(given: Mapping[str, Any] | None) -> HealthCheck | None:
    if not given or not given.get("command") or given["command"][0] == "NONE":
        return None
    kind, *command = given["command"]
    shell = kind == "CMD-SHELL"
    return HealthCheck(
        command=tuple(command if kind in {"CMD", "CMD-SHELL"} else given["command"]),
        interval=float(given.get("interval") or 30),
        timeout=float(given.get("timeout") or 5),
        retries=int(given.get("retries") or 3),
        start_period=float(given.get("startPeriod") or 0),
        shell=shell,
    )


def _scratch(container: Mapping[str, Any], volumes: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the folders that each container has for itself: those of volumes that are nothing but room."""
    room = {one["name"] for one in volumes if not one.get("efsVolumeConfiguration")}
    own = [one["containerPath"] for one in container.get("mountPoints") or [] if one["sourceVolume"] in room]
    return tuple(dict.fromkeys([*own, "/tmp"]))  # noqa: S108 - a path in the container
