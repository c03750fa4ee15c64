"""What the internet reaches that it did not before, and the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from automation.plan.diffs import at
from automation.plan.model import Change, Op, Plan
from automation.plan.remarks.remark import Gravity, Quoted, Remark, kind
from automation.plan.values import Hidden

Inputs = Mapping[str, Any]

_WORLD = frozenset({"0.0.0.0/0", "::/0"})
_ALL_PROTOCOLS = "-1"


def _ports(rule: Inputs) -> str:
    protocol, low, high = str(rule.get("ipProtocol") or rule.get("protocol")), rule.get("fromPort"), rule.get("toPort")
    if protocol == _ALL_PROTOCOLS or low is None:
        return "every port"
    return f"port {low}" if low == high else f"ports {low} to {high}"


def _sources(rule: Inputs) -> set[str]:
    blocks = (
        rule.get("cidrIpv4"),
        rule.get("cidrIpv6"),
        *_items(rule.get("cidrBlocks")),
        *_items(rule.get("ipv6CidrBlocks")),
    )
    return {str(block) for block in blocks if block}


def _opened(*rules: Inputs) -> Iterator[str]:
    yield from (f"lets the whole internet in on {_ports(rule)}" for rule in rules if _sources(rule) & _WORLD)


def _group_rule(inputs: Inputs) -> Iterator[str]:
    if inputs.get("type") == "ingress":
        yield from _opened(inputs)


def _load_balancer(inputs: Inputs) -> Iterator[str]:
    if inputs.get("internal") is not True:
        yield "faces the internet"


def _api(inputs: Inputs) -> Iterator[str]:
    if inputs.get("disableExecuteApiEndpoint") is not True:
        yield "answers the internet at its own address"


def _rest_api(inputs: Inputs) -> Iterator[str]:
    types = str(at(inputs, "endpointConfiguration.types") or "")
    if "PRIVATE" not in types:
        yield from _api(inputs)


def _function_url(inputs: Inputs) -> Iterator[str]:
    if inputs.get("authorizationType") == "NONE":
        yield "lets anybody call its function, without signing in"


def _permission(inputs: Inputs) -> Iterator[str]:
    if inputs.get("principal") == "*" and not inputs.get("principalOrgId") and not inputs.get("sourceArn"):
        yield "lets any AWS account call its function"


_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _access_block(inputs: Inputs) -> Iterator[str]:
    if not all(inputs.get(name) is True for name in _BLOCKS):
        yield "lets its bucket be opened to the public"


def _acl(inputs: Inputs) -> Iterator[str]:
    if str(inputs.get("acl", "")).startswith("public-"):
        yield "opens its bucket to the public"


def _database(inputs: Inputs) -> Iterator[str]:
    if inputs.get("publiclyAccessible") is True:
        yield "has a public address"


def _ecs_service(inputs: Inputs) -> Iterator[str]:
    if at(inputs, "networkConfiguration.assignPublicIp") is True:
        yield "gives its tasks public addresses; its security group says who reaches them"


def _cluster(inputs: Inputs) -> Iterator[str]:
    access = inputs.get("vpcConfig") or {}
    blocks = set(_items(access.get("publicAccessCidrs"))) or _WORLD
    if access.get("endpointPublicAccess", True) is True and blocks & _WORLD:
        yield "has a control plane that the whole internet reaches"


_RECOGNISERS: Mapping[str, Callable[[Inputs], Iterator[str]]] = {
    "aws:apigateway/restApi:RestApi": _rest_api,
    "aws:apigatewayv2/api:Api": _api,
    "aws:ec2/securityGroup:SecurityGroup": lambda inputs: _opened(*_items(inputs.get("ingress"))),
    "aws:ec2/securityGroupRule:SecurityGroupRule": _group_rule,
    "aws:ecs/service:Service": _ecs_service,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:lambda/functionUrl:FunctionUrl": _function_url,
    "aws:lambda/permission:Permission": _permission,
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:rds/instance:Instance": _database,
    "aws:s3/bucket:Bucket": _acl,
    "aws:s3/bucketAcl:BucketAcl": _acl,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _access_block,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _opened,
}
# Made to be reached, or a detail of what is.
_EXPECTED = frozenset({"aws:apigatewayv2/api:Api", "aws:apigateway/restApi:RestApi", "aws:ecs/service:Service"})
_READ: Mapping[str, tuple[str, ...]] = {
    "aws:ec2/securityGroup:SecurityGroup": ("ingress",),
    "aws:ec2/securityGroupRule:SecurityGroupRule": ("cidrBlocks", "ipv6CidrBlocks"),
    "aws:lb/loadBalancer:LoadBalancer": ("internal",),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ("cidrIpv4", "cidrIpv6"),
}


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield what opens and what closes, resource by resource."""
    for change in plan.changed():
        examine = _RECOGNISERS.get(change.type)
        if examine is None:
            continue
        before = set() if change.op is Op.CREATE else set(examine(change.before))
        after = set() if change.op is Op.DELETE else set(examine(change.after))
        for what in sorted(after - before):
            yield _remark(change, f" {what}.", Gravity.NOTE if change.type in _EXPECTED else Gravity.WARNING)
        for what in sorted(before - after):
            yield _remark(change, f" no longer {what}.", Gravity.NOTE)
        if change.op is not Op.DELETE and any(_unknown(change.after.get(name)) for name in _READ.get(change.type, ())):
            yield _remark(change, ": who reaches it is known after apply.", Gravity.WARNING)


def _remark(change: Change, words: str, gravity: Gravity) -> Remark:
    return Remark("exposure", gravity, (f"{kind(change.type)} ", Quoted(change.name), words), [change.urn])


def _unknown(value: object) -> bool:
    if isinstance(value, list):
        return any(_unknown(item) for item in value)
    if isinstance(value, Mapping):
        return any(_unknown(item) for item in value.values())
    return value is Hidden.UNKNOWN


def _items(value: Any) -> list[Any]:  # noqa: ANN401 JSON
    return value if isinstance(value, list) else []
