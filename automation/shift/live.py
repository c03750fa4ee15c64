"""Where a shift stands by the stack's last state: who gets the traffic, through which rule, to which target groups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automation.cloud import Session
from automation.errors import Exit, UserError
from stacks.live_traffic import Traffic, live_in
from stacks.settings import Compute

_RULE = "aws:lb/listenerRule:ListenerRule"
_GROUP = "aws:lb/targetGroup:TargetGroup"
_STACK = "pulumi:pulumi:Stack"
_ROUTE = ":components:Route$"
_COMPONENTS = {
    ":components:LambdaService": Compute.LAMBDA,
    ":components:FargateService": Compute.FARGATE,
    ":components:EksService": Compute.EKS,
}

Resource = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Group:
    """A target group as AWS's API and its metrics name it."""

    arn: str
    name: str
    balancer: str
    """The load balancer's part of its metrics' dimensions, as in `app/dev-1a2b3c4/50dc6c495c0c9188`."""
    is_function: bool


@dataclass(frozen=True, kw_only=True)
class Live:
    """What the last state says about one service."""

    traffic: Traffic
    own: Compute
    """What its mode named when the stack was last brought up in full: where a shift comes from."""
    rule: str = ""
    """The URN of its production rule."""
    groups: Mapping[Compute, Group] = field(default_factory=dict[Compute, Group])
    computes: frozenset[Compute] = frozenset()
    """What there is of computes for it, and be it a rest."""

    @property
    def step(self) -> int:
        """Return the step of the shift that is under way; 0 without one."""
        return self.traffic.step or 0

    @property
    def weights(self) -> dict[Compute, int]:
        """Return who gets how much, in percent, those with nothing included."""
        return {compute: self.traffic.weights[compute] for compute in Compute if compute in self.traffic.weights}


def read_live(session: Session) -> dict[str, Live]:
    """Return what the last state says, by service; nothing for a stack that is not up.

    Raises:
        UserError: the state cannot be read.
    """
    answer = session.engine.query("stack", "export", "--stack", session.stack)
    if answer.code != 0:
        raise UserError(f"The state of {session.stack} cannot be read.", hint=answer.stderr.strip(), code=Exit.FAILED)
    resources: Sequence[Resource] = (json.loads(answer.stdout).get("deployment") or {}).get("resources") or []
    return live_of(session.stack, resources)


def live_of(stack: str, resources: Sequence[Resource]) -> dict[str, Live]:
    """Return what a state's resources say, by service."""
    there: dict[str, Resource] = {one["urn"]: {"outputs": {}, **one} for one in resources if not one.get("delete")}
    traffic = live_in(stack, there)
    services = next((one["outputs"].get("services", {}) for one in there.values() if one["type"] == _STACK), {})
    groups = {one["outputs"].get("arn"): urn for urn, one in there.items() if one["type"] == _GROUP}
    rules = {
        urn.rpartition("::")[2].removeprefix(f"{stack}-"): urn
        for urn, one in there.items()
        if one["type"] == _RULE and _ROUTE in urn
    }
    return {
        name: Live(
            traffic=traffic[name],
            own=Compute(facts["compute"]),
            rule=rules.get(name, ""),
            groups=_groups(there[rules[name]], groups) if name in rules else {},
            computes=_computes(f"{stack}-{name}", there),
        )
        for name, facts in services.items()
    }


def _computes(component: str, there: Mapping[str, Resource]) -> frozenset[Compute]:
    """Return the computes of which a state holds anything at all."""
    parts = {
        compute
        for urn, one in there.items()
        for part, compute in _COMPONENTS.items()
        if one["type"].endswith(part) and urn.endswith(f"::{component}")
    }
    return frozenset(parts)


def _groups(rule: Resource, urns: Mapping[str | None, str]) -> dict[Compute, Group]:
    """Return the target groups that a rule forwards to, by the compute behind each."""
    outputs = rule["outputs"]
    balancer = "/".join(str(outputs.get("listenerArn", "")).rpartition(":")[2].split("/")[1:-1])
    arns: list[str] = []
    for action in outputs.get("actions") or []:
        arns += [one["arn"] for one in (action.get("forward") or {}).get("targetGroups") or []]
    found: dict[Compute, Group] = {}
    for arn in arns:
        # The group of a function is the route's: nothing else sends requests to a function by address.
        owners = {f"{part}$": compute for part, compute in _COMPONENTS.items()} | {_ROUTE: Compute.LAMBDA}
        owner = next((compute for part, compute in owners.items() if part in urns.get(arn, "")), None)
        if owner is not None:
            name = arn.rpartition(":")[2]
            found[owner] = Group(arn=arn, name=name, balancer=balancer, is_function=owner is Compute.LAMBDA)
    return found
