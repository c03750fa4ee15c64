"""What the account says of load balancers, in the words of this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from sandbox.workloads.balancers.conditions import Condition, condition
from sandbox.workloads.snapshot import Snapshot, name_of, stack_of

if TYPE_CHECKING:
    from sandbox.control.account import Resource

LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
RULE = "aws:lb/listenerRule:ListenerRule"
GROUP = "aws:lb/targetGroup:TargetGroup"
ATTACHMENT = "aws:lb/targetGroupAttachment:TargetGroupAttachment"

Document = Mapping[str, Any]
_LAST = 1_000_000


@dataclass(frozen=True)
class Check:
    """How targets of a group are checked; seconds are AWS's."""

    enabled: bool = True
    path: str = "/"
    port: str = "traffic-port"
    matcher: str = "200"
    interval: float = 30
    timeout: float = 5
    healthy: int = 5
    unhealthy: int = 2

    def passes(self, status: int) -> bool:
        """Whether a status is among those that the matcher names, as in `200,202` or `200-299`."""
        for word in self.matcher.split(","):
            low, _, high = word.strip().partition("-")
            if low.isdecimal() and int(low) <= status <= int(high or low):
                return True
        return False


@dataclass(frozen=True)
class GroupSpec:
    """A target group as it should be."""

    arn: str
    suffix: str
    subject: str
    stack: str
    kind: str
    check: Check
    delay: float
    algorithm: str
    multi_value: bool
    sticky_seconds: int
    functions: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    """What a rule does with a request."""

    kind: str
    order: int
    groups: tuple[tuple[str, int], ...] = ()
    sticky_seconds: int = 0
    detail: Document = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class RuleSpec:
    """A rule; a listener's default one has the last priority and no conditions."""

    arn: str
    subject: str
    priority: int
    conditions: tuple[Condition, ...]
    actions: tuple[Action, ...]
    rewrites: tuple[tuple[str, str, str], ...] = ()
    """Kind, regular expression and replacement of each transform."""


@dataclass(frozen=True)
class ListenerSpec:
    """A listener with its rules in the order in which they are looked at."""

    arn: str
    subject: str
    port: int
    protocol: str
    server_header: bool
    rules: tuple[RuleSpec, ...]


@dataclass(frozen=True)
class BalancerSpec:
    """An application load balancer."""

    arn: str
    suffix: str
    name: str
    subject: str
    stack: str
    dns_name: str
    idle: float
    internal: bool
    drops_invalid: bool
    forwarded_for: str
    client_port: bool
    listeners: tuple[ListenerSpec, ...]

    @property
    def groups(self) -> set[str]:
        """Return the target groups that some rule names."""
        rules = [rule for listener in self.listeners for rule in listener.rules]
        return {arn for rule in rules for action in rule.actions for arn, _ in action.groups}


def balancers(snapshot: Snapshot) -> list[BalancerSpec]:
    """Return the application load balancers of an account."""
    made = [one for one in snapshot.of(LOAD_BALANCER) if one.outputs.get("loadBalancerType") == "application"]
    return [_balancer(one, snapshot) for one in made]


def groups(snapshot: Snapshot) -> dict[str, GroupSpec]:
    """Return the target groups of an account by their ARNs."""
    functions: dict[str, list[str]] = {}
    for one in snapshot.of(ATTACHMENT):
        functions.setdefault(str(one.outputs["targetGroupArn"]), []).append(str(one.outputs["targetId"]))
    made = [_group(one, functions) for one in snapshot.of(GROUP)]
    return {one.arn: one for one in made}


def _balancer(made: Resource, snapshot: Snapshot) -> BalancerSpec:
    values = cast("dict[str, Any]", made.outputs)
    rules: dict[str, list[RuleSpec]] = {}
    for one in snapshot.of(RULE):
        rules.setdefault(str(one.outputs["listenerArn"]), []).append(_rule(one))
    listeners = [one for one in snapshot.of(LISTENER) if one.outputs.get("loadBalancerArn") == values["arn"]]
    return BalancerSpec(
        arn=values["arn"],
        suffix=values["arnSuffix"],
        name=values["name"],
        subject=name_of(made),
        stack=stack_of(made),
        dns_name=values["dnsName"],
        idle=float(values.get("idleTimeout", 60)),
        internal=bool(values.get("internal")),
        drops_invalid=bool(values.get("dropInvalidHeaderFields")),
        forwarded_for=values.get("xffHeaderProcessingMode", "append"),
        client_port=bool(values.get("enableXffClientPort")),
        listeners=tuple(_listener(one, rules.get(str(one.outputs["arn"]), [])) for one in listeners),
    )


def _listener(made: Resource, rules: Sequence[RuleSpec]) -> ListenerSpec:
    values = cast("dict[str, Any]", made.outputs)
    last = RuleSpec(values["arn"], name_of(made), _LAST, (), _actions(values["defaultActions"]))
    return ListenerSpec(
        arn=values["arn"],
        subject=name_of(made),
        port=int(values["port"]),
        protocol=values["protocol"],
        server_header=values.get("routingHttpResponseServerEnabled", True) is not False,
        rules=(*sorted(rules, key=lambda rule: rule.priority), last),
    )


def _rule(made: Resource) -> RuleSpec:
    values = cast("dict[str, Any]", made.outputs)
    return RuleSpec(
        arn=values["arn"],
        subject=name_of(made),
        priority=int(values.get("priority", _LAST - 1)),
        conditions=tuple(condition(one) for one in values.get("conditions", ())),
        actions=_actions(values["actions"]),
        rewrites=tuple(_rewrite(one) for one in values.get("transforms") or ()),
    )


def _rewrite(transform: Document) -> tuple[str, str, str]:
    config = transform.get("urlRewriteConfig") or transform.get("hostHeaderRewriteConfig") or {}
    rewrite = config.get("rewrite", {})
    return transform["type"], rewrite.get("regex", ""), rewrite.get("replace", "")


def _actions(documents: Sequence[Document]) -> tuple[Action, ...]:
    return tuple(sorted((_action(one, order) for order, one in enumerate(documents, 1)), key=lambda one: one.order))


def _action(document: Document, place: int) -> Action:
    kind = document["type"]
    order = int(document.get("order") or place)
    if kind != "forward":
        return Action(kind, order, detail=document.get({"redirect": "redirect"}.get(kind, "fixedResponse")) or {})
    forward = document.get("forward")
    if not forward:
        return Action(kind, order, groups=((document["targetGroupArn"], 1),))
    stickiness = forward.get("stickiness") or {}
    return Action(
        kind,
        order,
        groups=tuple((one["arn"], int(one.get("weight", 1))) for one in forward["targetGroups"]),
        sticky_seconds=int(stickiness.get("duration", 0)) if stickiness.get("enabled") else 0,
    )


def _group(made: Resource, functions: Mapping[str, Sequence[str]]) -> GroupSpec:
    values = cast("dict[str, Any]", made.outputs)
    kind = values.get("targetType", "instance")
    wanted = cast("dict[str, Any]", made.inputs).get("healthCheck") or {}
    check = values.get("healthCheck") or {}
    stickiness = values.get("stickiness") or {}
    return GroupSpec(
        arn=values["arn"],
        suffix=values["arnSuffix"],
        subject=name_of(made),
        stack=stack_of(made),
        kind=kind,
        check=Check(
            # Checks of a function cost invocations, so there are none unless they are asked for.
            enabled=bool(wanted.get("enabled")) if kind == "lambda" else check.get("enabled", True) is not False,
            path=check.get("path", "/"),
            port=str(check.get("port", "traffic-port")),
            matcher=str(check.get("matcher", "200")),
            interval=float(check.get("interval", 30)),
            timeout=float(check.get("timeout", 5)),
            healthy=int(check.get("healthyThreshold", 5)),
            unhealthy=int(check.get("unhealthyThreshold", 2)),
        ),
        delay=float(values.get("deregistrationDelay", 300)),
        algorithm=values.get("loadBalancingAlgorithmType", "round_robin"),
        multi_value=bool(values.get("lambdaMultiValueHeadersEnabled")),
        sticky_seconds=int(stickiness.get("cookieDuration", 86400)) if stickiness.get("enabled") else 0,
        functions=tuple(functions.get(values["arn"], ())),
    )
