"""What stops answering while the change is made, or for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from automation.plan.model import Change, Op, Plan
from automation.plan.remarks.remark import Gravity, Quoted, Remark, because, kind

# What is missed while it is gone.
_WITHOUT: Mapping[str, str] = {
    "aws:apigatewayv2/api:Api": "no request gets in",
    "aws:apigatewayv2/apiMapping:ApiMapping": "requests by the stack's name fail",
    "aws:apigatewayv2/integration:Integration": "the requests it carries fail",
    "aws:apigatewayv2/route:Route": "requests to its path fail",
    "aws:apigatewayv2/stage:Stage": "no request gets in",
    "aws:apigatewayv2/vpcLink:VpcLink": "requests to containers fail",
    "aws:apigateway/restApi:RestApi": "no request gets in",
    "aws:apigateway/stage:Stage": "no request gets in",
    "aws:ec2/natGateway:NatGateway": "nothing private reaches the internet",
    "aws:ecs/cluster:Cluster": "no container runs",
    "aws:ecs/service:Service": "its service does not answer",
    "aws:eks/cluster:Cluster": "no pod runs",
    "aws:elasticache/replicationGroup:ReplicationGroup": "the cache does not answer",
    "aws:lambda/alias:Alias": "its service does not answer",
    "aws:lambda/function:Function": "its service does not answer",
    "aws:lambda/permission:Permission": "calls of its function are refused",
    "aws:lb/listener:Listener": "no request gets in",
    "aws:lb/listenerRule:ListenerRule": "requests to its path go elsewhere",
    "aws:lb/loadBalancer:LoadBalancer": "no request gets in",
    "aws:lb/targetGroup:TargetGroup": "its service does not answer",
    "aws:rds/instance:Instance": "the database does not answer",
}
NETWORK = "aws:ec2/vpc:Vpc"
_Restart = tuple[str, str, Callable[[Any], bool], str]
_RESTARTS: tuple[_Restart, ...] = (
    *(
        ("aws:rds/instance:Instance", name, lambda _: True, "restarts, at once or in its maintenance window")
        for name in ("engineVersion", "instanceClass", "parameterGroupName", "storageType")
    ),
    *(
        ("aws:elasticache/replicationGroup:ReplicationGroup", name, lambda _: True, "moves to new nodes")
        for name in ("engineVersion", "nodeType")
    ),
    ("aws:ecs/service:Service", "desiredCount", lambda value: value == 0, "is scaled to nothing and stops answering"),
    ("aws:lambda/function:Function", "reservedConcurrentExecutions", lambda value: value == 0, "refuses every call"),
)


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield each interruption that the plan shows."""
    for change in plan.changed():
        named = (f"{kind(change.type)} ", Quoted(change.name))
        if change.deleted_first and (effect := _WITHOUT.get(change.type)):
            words = (*named, f" is deleted before its successor is there: in between, {effect}.")
            yield Remark("downtime", Gravity.DANGER, words, [change.urn])
        elif change.op is Op.REPLACE and change.type == NETWORK:
            end = ": everything in the network moves or is made anew."
            words = (*named, " is replaced", *because(change.causes), end)
            yield Remark("downtime", Gravity.WARNING, words, [change.urn])
        for effect in _restarts(change):
            yield Remark("downtime", Gravity.WARNING, (*named, f" {effect}."), [change.urn])


def _restarts(change: Change) -> Iterator[str]:
    if change.op is not Op.UPDATE:
        return
    roots = {one.root for one in change.diff}
    told = dict.fromkeys(
        effect
        for token, name, when, effect in _RESTARTS
        if token == change.type and name in roots and when(change.after.get(name))
    )
    yield from told
