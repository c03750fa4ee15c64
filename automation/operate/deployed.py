"""What a stack runs by its last state: each service, and the parts of it that run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from automation import checkpoint
from automation.cloud import Cloud, Session, own_state
from automation.errors import Exit, UserError
from automation.project import Project
from stacks.errors import nearest
from stacks.settings import Compute

Kind = Literal["server", "worker", "migration"]
Resource = Mapping[str, Any]

_STACK: Final = "pulumi:pulumi:Stack"
_SERVICE: Final = "aws:ecs/service:Service"
_FUNCTION: Final = "aws:lambda/function:Function"
_ALIAS: Final = "aws:lambda/alias:Alias"
_RELEASE: Final = "kubernetes:helm.sh/v3:Release"
_GROUP: Final = "aws:lb/targetGroup:TargetGroup"
_ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
_LOGS: Final = "aws:cloudwatch/logGroup:LogGroup"
_LIMITS: Final = "aws:appautoscaling/target:Target"
_SECRET: Final = "aws:secretsmanager/secret:Secret"  # noqa: S105 the name of a type
_COMPONENTS: Final[Mapping[str, tuple[Kind, Compute]]] = {
    "modeshift:components:LambdaService": ("server", Compute.LAMBDA),
    "modeshift:components:FargateService": ("server", Compute.FARGATE),
    "modeshift:components:EksService": ("server", Compute.EKS),
    "modeshift:components:LambdaWorker": ("worker", Compute.LAMBDA),
    "modeshift:components:FargateWorker": ("worker", Compute.FARGATE),
    "modeshift:components:EksWorker": ("worker", Compute.EKS),
    "modeshift:components:Migration": ("migration", Compute.LAMBDA),
}
_SECRET_COMPONENT: Final = "modeshift:components:Secret"  # noqa: S105 the name of a type


@dataclass(frozen=True, kw_only=True)
class Part:
    """One half of a service on one compute; what belongs to another compute is empty."""

    service: str
    kind: Kind
    compute: Compute
    name: str
    """Logical name, as in `dev-users-worker`."""
    identity: str = ""
    """Name of the ECS service, the function or the release."""
    log_group: str = ""
    alarms: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """ARNs of its target groups."""
    cluster: str = ""
    """ARN of the ECS cluster, or name of the EKS cluster."""
    definition: str = ""
    """ARN of the task definition that the stack wants."""
    scaled: bool = False
    """Whether ECS autoscaling counts its tasks."""
    exec: bool = False
    """Whether commands may be run in its tasks."""
    alias: str = ""
    namespace: str = ""
    replicas: tuple[int, int] | None = None
    """Fewest and most pods that the release was given."""

    @property
    def role(self) -> str:
        """Return how people call it within its service: `fargate`, `lambda worker`."""
        return self.compute.value if self.kind == "server" else f"{self.compute.value} {self.kind}"

    @property
    def scalable(self) -> str:
        """Return how Application Auto Scaling calls the tasks of an ECS service."""
        return f"service/{short(self.cluster)}/{self.identity}"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service and all that runs for it, be it the rest of a move."""

    name: str
    compute: Compute
    url: str
    traffic: Mapping[str, int]
    parts: tuple[Part, ...]

    def part(self, kind: Kind, compute: Compute | None = None) -> Part:
        """Return the part of a kind, on the compute that the service's mode names unless another is named.

        Raises:
            UserError: there is none.
        """
        wanted = compute or self.compute
        found = next((one for one in self.parts if (one.kind, one.compute) == (kind, wanted)), None)
        if found is None:
            there = "; ".join(f"its {one.kind}, on {one.compute.value}" for one in self.parts) or "nothing"
            raise UserError(f"{self.name} has no {kind} on {wanted.value}.", hint=f"What runs of it: {there}.")
        return found


@dataclass(frozen=True)
class Secret:
    """A secret that people fill: its logical name and its ARN."""

    name: str
    arn: str


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A stack that is up."""

    stack: str
    region: str
    url: str
    services: Mapping[str, Service]
    secrets: tuple[Secret, ...] = ()
    front_logs: str = ""
    """Log group of the front door."""

    def service(self, name: str) -> Service:
        """Return a service by its name.

        Raises:
            UserError: the stack has none of that name.
        """
        if name not in self.services:
            near = nearest(name, self.services)
            hint = f"Did you mean {near}? " if near else ""
            raise UserError(
                f"The stack {self.stack} has no service {name!r}.",
                hint=f"{hint}Its services: {', '.join(sorted(self.services))}.",
            )
        return self.services[name]

    def chosen(self, name: str | None) -> list[Service]:
        """Return the service of a name, or all."""
        return [self.service(name)] if name else [self.services[each] for each in sorted(self.services)]


def short(arn: str) -> str:
    """Return the last part of an ARN: the name, or the number, of what it is."""
    return arn.rsplit("/", 1)[-1]


def stack_up(project: Project, cloud: Cloud) -> str:
    """Return the only stack that has resources, where that can be seen on this machine; else nothing."""
    place = own_state(project, cloud)
    files = {name: place.local_file(project, name) for name in project.stacks()} if place else {}
    up = [name for name, file in files.items() if file and _has_resources(file)]
    return up[0] if len(up) == 1 else ""


def _has_resources(file: Path) -> bool:
    try:
        return bool(checkpoint.read(file).get("resources"))
    except FileNotFoundError:
        return False
    except ValueError:
        # It is damaged: what is in it is for the command about that stack to say.
        return True


def read_deployed(session: Session) -> Deployed:
    """Return what the last state of a stack says.

    Raises:
        UserError: the state cannot be read, or the stack is not up.
    """
    answer = session.engine.query("stack", "export", "--stack", session.stack)
    if answer.code != 0:
        raise UserError(f"The state of {session.stack} cannot be read.", hint=answer.stderr.strip(), code=Exit.FAILED)
    return deployed_in(session.stack, (json.loads(answer.stdout).get("deployment") or {}).get("resources") or [])


def deployed_in(stack: str, resources: Sequence[Resource]) -> Deployed:
    """Return what the resources of a state say.

    Raises:
        UserError: the stack is not up.
    """
    there: list[Resource] = [{"outputs": {}, **one} for one in resources if not one.get("delete")]
    outputs: Mapping[str, Any] = next((one["outputs"] for one in there if one["type"] == _STACK), {})
    facts: Mapping[str, Any] = outputs.get("services") or {}
    if not facts:
        raise UserError(f"The stack {stack} is not up.", hint=f"modeshift up --stack {stack}")
    children: dict[str, list[Resource]] = {}
    for one in there:
        children.setdefault(str(one.get("parent", "")), []).append(one)
    parts = [
        _part(one, stack, facts, children.get(one["urn"], []), str(outputs.get("cluster") or ""))
        for one in there
        if one["type"] in _COMPONENTS
    ]
    order: list[tuple[Kind, Compute]] = list(_COMPONENTS.values())
    ordered = sorted((one for one in parts if one is not None), key=lambda one: order.index((one.kind, one.compute)))
    services = {
        name: Service(
            name=name,
            compute=Compute(said["compute"]),
            url=str(said.get("url", "")),
            traffic=said.get("traffic") or {},
            parts=tuple(one for one in ordered if one.service == name),
        )
        for name, said in facts.items()
    }
    return Deployed(
        stack=stack,
        region=str(outputs.get("region", "")),
        url=str(outputs.get("url", "")),
        services=services,
        secrets=tuple(_secrets(there, children)),
        front_logs=str((outputs.get("logGroups") or {}).get("access", "")),
    )


def _part(
    component: Resource, stack: str, services: Iterable[str], children: Sequence[Resource], eks_cluster: str
) -> Part | None:
    """Return what a component runs; None when it belongs to no service that the stack still has."""
    name = _logical(component)
    kind, compute = _COMPONENTS[component["type"]]
    service = name.removeprefix(f"{stack}-")
    if kind != "server":
        service = service.removesuffix(f"-{kind}")
    if service not in services:
        return None
    of = _Children(children)
    running, function, release = of.first(_SERVICE), of.first(_FUNCTION), of.first(_RELEASE)
    scaling: Resource = (release.get("values") or {}).get("autoscaling") or {}
    replicas = (int(scaling["minReplicas"]), int(scaling["maxReplicas"])) if scaling.get("enabled") else None
    eks = compute is Compute.EKS
    return Part(
        service=service,
        kind=kind,
        compute=compute,
        name=name,
        identity=str((running or function or release).get("name", "")),
        # Pods of all services share the group of their cluster.
        log_group=f"/aws/containerinsights/{eks_cluster}/application" if eks else str(of.first(_LOGS).get("name", "")),
        alarms=tuple(sorted(str(one["name"]) for one in of.every(_ALARM) if one.get("name"))),
        groups=tuple(str(one["arn"]) for one in of.every(_GROUP)),
        cluster=eks_cluster if eks else str(running.get("cluster", "")),
        definition=str(running.get("taskDefinition", "")),
        scaled=bool(of.first(_LIMITS)),
        exec=bool(running.get("enableExecuteCommand")),
        alias=str(of.first(_ALIAS).get("name", "")),
        namespace=str(release.get("namespace", "")),
        replicas=replicas,
    )


class _Children:
    """The outputs of what a component made itself."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._resources = resources

    def every(self, kind: str) -> list[Resource]:
        return [one["outputs"] for one in self._resources if one["type"] == kind]

    def first(self, kind: str) -> Resource:
        return next(iter(self.every(kind)), {})


def _secrets(there: Sequence[Resource], children: Mapping[str, Sequence[Resource]]) -> Iterable[Secret]:
    for one in there:
        if one["type"] == _SECRET_COMPONENT:
            arn = _Children(children.get(one["urn"], [])).first(_SECRET).get("arn")
            if arn:
                yield Secret(_logical(one), str(arn))


def _logical(resource: Resource) -> str:
    return str(resource["urn"]).rsplit("::", 1)[-1]
