"""Containers: task definitions are revisions, services hang on what they run and where they listen."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sandbox.control import paths
from sandbox.control.diff import Difference
from sandbox.control.errors import Refusal
from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.wire import UNKNOWN, Value, Values

_TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
_TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
_CAPACITY = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
_LISTENING = frozenset({"aws:lb/listener:Listener", "aws:lb/listenerRule:ListenerRule"})
_ROLLING = "ROLLING"
_CONFIGURATIONS = {"CANARY": "canaryConfiguration", "LINEAR": "linearConfiguration"}
_GIB = 1024
# Task CPU in units to the memory in MiB that Fargate offers with it.
_FARGATE: dict[int, range | tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: range(1 * _GIB, 4 * _GIB + 1, _GIB),
    1024: range(2 * _GIB, 8 * _GIB + 1, _GIB),
    2048: range(4 * _GIB, 16 * _GIB + 1, _GIB),
    4096: range(8 * _GIB, 30 * _GIB + 1, _GIB),
    8192: range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB),
    16384: range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB),
}
_CONTAINER_DEFAULTS: Values = {"essential": True, "cpu": 0}


class TaskDefinition(Hook):
    def diff(self, difference: Difference, old: Values, new: Values) -> None:
        path = ("containerDefinitions",)
        if path in difference.changes and _containers(old) == _containers(new):
            del difference.changes[path]
            difference.replaces.discard(path)

    def create(self, operation: Operation) -> None:
        self._judge(operation)
        family = str(operation.inputs["family"])
        operation.outputs["revision"] = operation.account.count_up(f"{operation.region}/task-definition/{family}")

    def identity(self, outputs: Values) -> str | None:
        # All revisions of a family have its name for an id.
        arn = outputs.get("arn")
        return arn if isinstance(arn, str) else None

    def _judge(self, operation: Operation) -> None:
        inputs = operation.inputs
        containers = _parsed(inputs)
        if not containers:
            raise operation.error("ClientException", "Container list cannot be empty.")
        for container in containers:
            for name in ("name", "image"):
                if not container.get(name):
                    raise operation.error("ClientException", f"Container.{name} should not be null or empty.")
        fargate = "FARGATE" in _list(inputs.get("requiresCompatibilities"))
        if fargate:
            _judge_fargate(operation)
        if "executionRoleArn" in inputs:
            return
        for container in containers:
            demand = _demand(container, fargate=fargate)
            if demand:
                raise operation.error("ClientException", demand)


def _judge_fargate(operation: Operation) -> None:
    inputs = operation.inputs
    if inputs.get("networkMode") != "awsvpc":
        mode = inputs.get("networkMode", "bridge")
        message = f"Fargate only supports network mode 'awsvpc', this task definition has '{mode}'."
        raise operation.error("ClientException", message)
    cpu, memory = str(inputs.get("cpu", "")), str(inputs.get("memory", ""))
    if not cpu or not memory:
        raise operation.error(
            "ClientException", "Fargate requires that 'cpu' and 'memory' be defined at the task level."
        )
    offered = _FARGATE.get(int(cpu), ()) if cpu.isdigit() else ()
    if not memory.isdigit() or int(memory) not in offered:
        message = f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
        hint = f" With {cpu} CPU the memory may be {_spoken(offered)} MiB." if offered else _known_cpus()
        raise operation.error("ClientException", message + hint)


def _spoken(offered: range | tuple[int, ...]) -> str:
    if isinstance(offered, range):
        return f"{offered[0]} to {offered[-1]} in steps of {offered.step}"
    return ", ".join(map(str, offered))


def _known_cpus() -> str:
    return f" CPU may be {', '.join(map(str, _FARGATE))}."


def _demand(container: Values, *, fargate: bool) -> str | None:
    """Return what AWS says of a container that needs an execution role."""
    if container.get("secrets"):
        return "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
    if not fargate:
        return None
    driver = paths.first(container, ("logConfiguration", "logDriver"))
    if driver == "awslogs":
        return "Fargate requires task definition to have execution role ARN to support log driver awslogs."
    if ".dkr.ecr." in str(container.get("image")):
        return "Fargate requires task definition to have execution role ARN to support ECR images."
    return None


def _parsed(inputs: Values) -> list[Values]:
    source = inputs.get("containerDefinitions")
    if not isinstance(source, str) or source == UNKNOWN:
        return []
    parsed: list[Values] = json.loads(source)
    return parsed


def _containers(inputs: Values) -> Value:
    """Return container definitions as ECS keeps them: defaults gone, order where it means nothing gone."""
    if inputs.get("containerDefinitions") == UNKNOWN:
        return UNKNOWN
    network = inputs.get("networkMode")
    return [_container(one, network) for one in _parsed(inputs)]


def _container(container: Values, network: Value) -> Value:
    known: Values = {}
    for key, value in container.items():
        if value in ([], {}, None) or _CONTAINER_DEFAULTS.get(key) == value:
            continue
        if key in {"environment", "secrets"} and isinstance(value, list):
            known[key] = sorted(value, key=lambda item: json.dumps(item, sort_keys=True))
        elif key == "portMappings" and isinstance(value, list):
            known[key] = [_port(item, network) for item in value if isinstance(item, dict)]
        else:
            known[key] = value
    return known


def _port(mapping: Values, network: Value) -> Value:
    implied: Values = {"protocol": "tcp"}
    if network == "awsvpc":
        implied["hostPort"] = mapping.get("containerPort")
    return {key: value for key, value in mapping.items() if implied.get(key) != value}


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


class EcsService(Hook):
    def diff(self, difference: Difference, old: Values, new: Values) -> None:
        del old
        if "capacityProviderStrategies" in difference.roots and new.get("forceNewDeployment") is not True:
            message = (
                "force_new_deployment should be true when capacity_provider_strategy is being updated. "
                "Set forceNewDeployment on the service."
            )
            raise Refusal(message)

    def create(self, operation: Operation) -> None:
        self._judge(operation)

    def update(self, operation: Operation) -> None:
        self._judge(operation)

    def _judge(self, operation: Operation) -> None:
        inputs = operation.inputs
        if "launchType" in inputs and inputs.get("capacityProviderStrategies"):
            message = "Specifying both a launch type and capacity provider strategy is not supported."
            raise operation.error("InvalidParameterException", message)
        _judge_capacity(operation)
        for problem in (*_unheard(operation), *_strategy(inputs)):
            raise operation.error("InvalidParameterException", problem)
        definition = operation.find(_TASK_DEFINITION, inputs.get("taskDefinition"))
        if definition:
            for problem in _mismatches(inputs, definition.inputs):
                raise operation.error("InvalidParameterException", problem)


def _unheard(operation: Operation) -> Iterable[str]:
    """Yield the target groups of a service that no listener knows."""
    for pattern in ("loadBalancers[].targetGroupArn", "loadBalancers[].advancedConfiguration.alternateTargetGroupArn"):
        for _, arn in paths.find(operation.inputs, paths.parse(pattern)):
            group = operation.find(_TARGET_GROUP, arn)
            if group and not any(one.type in _LISTENING for one in operation.account.dependants(group.key)):
                yield f"The target group with targetGroupArn {arn} does not have an associated load balancer."


def _strategy(service: Values) -> Iterable[str]:
    """Yield what keeps ECS from moving a service's traffic as its strategy says."""
    strategy = str(paths.first(service, ("deploymentConfiguration", "strategy")) or _ROLLING)
    if strategy == _ROLLING:
        return
    wanted = _CONFIGURATIONS.get(strategy)
    if wanted and not paths.first(service, ("deploymentConfiguration", wanted)):
        yield f"{wanted} is required for the deployment strategy {strategy}."
    for balancer in _list(service.get("loadBalancers")):
        advanced = balancer.get("advancedConfiguration") if isinstance(balancer, dict) else None
        if not isinstance(advanced, dict):
            yield f"advancedConfiguration of loadBalancers is required for the deployment strategy {strategy}."
            continue
        rules = {name: advanced.get(name) for name in ("productionListenerRule", "testListenerRule")}
        for name, arn in rules.items():
            if isinstance(arn, str) and arn != UNKNOWN and ":listener-rule/" not in arn:
                yield f"{name} has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: {arn}"
        production, test = rules.values()
        if production == test != UNKNOWN:
            yield f"The following rules cannot be used as both production and test listener rules: {production}"


def _judge_capacity(operation: Operation) -> None:
    cluster = operation.field("cluster", "name")
    offered: list[Value] = []
    for one in operation.account.of_type(_CAPACITY, operation.region):
        if one.inputs.get("clusterName") == cluster:
            offered += _list(one.inputs.get("capacityProviders"))
    for _, provider in paths.find(operation.inputs, paths.parse("capacityProviderStrategies[].capacityProvider")):
        if provider not in offered:
            message = (
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated "
                f"with the cluster: {provider}. Associate the capacity provider with the cluster and try again."
            )
            raise operation.error("InvalidParameterException", message)


def _mismatches(service: Values, definition: Values) -> Iterable[str]:
    """Yield where a service does not fit its task definition."""
    if definition.get("networkMode") == "awsvpc" and "networkConfiguration" not in service:
        yield "Network Configuration must be provided when networkMode 'awsvpc' is specified."
    pattern = paths.parse("portMappings[].containerPort")
    ports = {
        str(container.get("name")): [port for _, port in paths.find(container, pattern)]
        for container in _parsed(definition)
    }
    for balancer in _list(service.get("loadBalancers")):
        if not isinstance(balancer, dict):
            continue
        name, port = str(balancer.get("containerName")), balancer.get("containerPort")
        if name not in ports:
            yield f"The container {name} does not exist in the task definition."
        elif port not in ports[name]:
            yield f"The container {name} did not have a container port {port} defined."
