"""Small stacks for tests of costs: resources by hand, usage by a profile with changes."""

from __future__ import annotations

from typing import Any

from automation.cost.estimate import Estimate, estimate
from automation.cost.money import Range
from automation.cost.resources import Resource
from automation.cost.usage import Usage, profile
from stacks.layers import merge
from stacks.prices.sheet import load_sheet

SHEET = load_sheet("us-east-1")

FUNCTION = "aws:lambda/function:Function"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
TARGET = "aws:appautoscaling/target:Target"


def component(kind: str, name: str) -> Resource:
    """Return one of our components, directly under the stack."""
    token = f"modeshift:components:{kind}"
    return Resource(f"urn:pulumi:dev::modeshift::{token}::dev-{name}", token, {}, "", custom=False)


def resource(kind: str, name: str = "thing", parent: Resource | None = None, **inputs: Any) -> Resource:
    """Return a resource, in a component if one is given."""
    above = f"{parent.type}$" if parent else ""
    urn = f"urn:pulumi:dev::modeshift::{above}{kind}::dev-{name}"
    return Resource(urn, kind, inputs, parent.urn if parent else "")


def function(name: str = "api", **inputs: Any) -> list[Resource]:
    """Return a Lambda service that writes no metrics."""
    parent = component("LambdaService", name)
    quiet = {"variables": {"METRICS": "off"}}
    return [parent, resource(FUNCTION, name, parent, **{"memorySize": 1024, "environment": quiet, **inputs})]


def tasks(
    name: str = "api",
    *,
    cpu: int = 1024,
    memory: int = 8192,
    processor: str = "X86_64",
    bounds: tuple[int, int] | None = (1, 1),
    task: dict[str, Any] | None = None,
    **inputs: Any,
) -> list[Resource]:
    """Return a Fargate service."""
    parent = component("FargateService", name)
    strategy = [{"capacityProvider": "FARGATE", "base": 1, "weight": 100}]
    definition = {"cpu": str(cpu), "memory": str(memory), "runtimePlatform": {"cpuArchitecture": processor}}
    found = [
        parent,
        resource(TASK, name, parent, **{**definition, **(task or {})}),
        resource(SERVICE, name, parent, **{"capacityProviderStrategies": strategy, **inputs}),
    ]
    if bounds:
        found.append(resource(TARGET, name, parent, minCapacity=bounds[0], maxCapacity=bounds[1]))
    return found


def usage(base: str = "small", **changes: Any) -> Usage:
    """Return a profile with changes, in the form of a usage file."""
    tree = profile(base).model_dump(mode="json", by_alias=True)
    return Usage.model_validate(merge(tree, changes), by_alias=True, by_name=False)


def price(*resources: Resource, **changes: Any) -> Estimate:
    """Return what resources cost with the small profile and changes."""
    return estimate(resources, usage(**changes), SHEET)


def cost_of(estimated: Estimate, *whats: str) -> Range:
    """Return the cost of the lines so called, of all lines without any."""
    return Range.total(item.cost for item in estimated.items if item.what in whats or not whats)
