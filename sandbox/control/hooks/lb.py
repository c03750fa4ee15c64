"""Load balancers: zones, protection, and rules in an order."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.control import paths
from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.wire import Value, Values

_SUBNET = "aws:ec2/subnet:Subnet"
_RULE = "aws:lb/listenerRule:ListenerRule"
_ZONES_OF_APPLICATION = 2
_ENCRYPTED = frozenset({"HTTPS", "TLS"})


class LoadBalancer(Hook):
    def create(self, operation: Operation) -> None:
        _judge_zones(operation)

    def update(self, operation: Operation) -> None:
        _judge_zones(operation)

    def delete(self, operation: Operation) -> None:
        if operation.outputs.get("enableDeletionProtection") is True:
            arn = operation.outputs.get("arn")
            message = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            raise operation.error("OperationNotPermitted", message)


def _judge_zones(operation: Operation) -> None:
    if operation.inputs.get("loadBalancerType", "application") != "application":
        return
    subnets = operation.inputs.get("subnets")
    if not isinstance(subnets, list):
        return
    found = [operation.find(_SUBNET, subnet) for subnet in subnets]
    zones: list[Value] = [one.outputs.get("availabilityZone") for one in found if one]
    if len(set(map(str, zones))) < len(zones):
        raise operation.error(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        )
    if len(zones) < _ZONES_OF_APPLICATION:
        message = "At least two subnets in two different Availability Zones must be specified"
        raise operation.error("ValidationError", message)


class TargetGroup(Hook):
    def check(self, inputs: Values) -> Iterable[tuple[paths.Path, str]]:
        target = inputs.get("targetType")
        if target == "lambda":
            return
        for name in ("port", "protocol", "vpcId"):
            if name not in inputs:
                yield (name,), f'"{paths.snake((name,))}" should be set when target type is "{target}"'


class Listener(Hook):
    def check(self, inputs: Values) -> Iterable[tuple[paths.Path, str]]:
        for at, action in _forwards(inputs.get("defaultActions")):
            yield ("defaultActions", at, "targetGroupArn"), _unaimed("default_action", at, action)

    def create(self, operation: Operation) -> None:
        _judge_certificate(operation)

    def update(self, operation: Operation) -> None:
        _judge_certificate(operation)


def _judge_certificate(operation: Operation) -> None:
    if operation.inputs.get("protocol") in _ENCRYPTED and "certificateArn" not in operation.inputs:
        message = f"A certificate must be specified for {operation.inputs['protocol']} listeners"
        raise operation.error("ValidationError", message)


class ListenerRule(Hook):
    def check(self, inputs: Values) -> Iterable[tuple[paths.Path, str]]:
        for at, action in _forwards(inputs.get("actions")):
            yield ("actions", at, "targetGroupArn"), _unaimed("action", at, action)

    def create(self, operation: Operation) -> None:
        operation.outputs.setdefault("priority", _next_priority(operation))

    def update(self, operation: Operation) -> None:
        if "priority" not in operation.outputs and operation.old:
            operation.outputs["priority"] = operation.old.outputs["priority"]


def _next_priority(operation: Operation) -> int:
    listener = operation.inputs["listenerArn"]
    rules = operation.account.of_type(_RULE, operation.region)
    used = [rule.outputs["priority"] for rule in rules if rule.inputs["listenerArn"] == listener]
    return max((number for number in used if isinstance(number, int)), default=0) + 1


def _forwards(actions: Value) -> Iterable[tuple[str, Values]]:
    """Yield the forward actions that name no target."""
    for at, action in enumerate(actions if isinstance(actions, list) else []):
        if (
            isinstance(action, dict)
            and action.get("type") == "forward"
            and not {"targetGroupArn", "forward"} & set(action)
        ):
            yield str(at), action


def _unaimed(block: str, at: str, action: Values) -> str:
    return (
        f'Either "target_group_arn" or "forward" must be specified in {block}[{at}] when its type is "{action["type"]}"'
    )
