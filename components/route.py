"""The production rule of one service: which requests of the front door it gets."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import assert_never

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.fargate_traffic import PROBE_PRIORITIES
from components.front_door import FrontDoor
from components.load_balancer import LoadBalancer
from components.rest_api import STAGE
from components.rest_definition import Gate, RestRoute
from components.service import IpTarget, LambdaTarget, Target, Weighted

DEEPEST_PATH = 8
"""Most segments that the path of a route may have."""

_BAND = 3_700
_FIRST = PROBE_PRIORITIES.stop
_LAST = 50_000
_LONGEST_INTEGRATION = 30
_BY_BALANCER = "balancer"
"""Suffix of the permission that a load balancer needs beside that of an API while a function is on its way."""


def priority(path: str) -> int:
    """Return the listener priority of a path: the same whatever other paths there are, and deeper paths first.

    Each depth has a band of numbers in which a path's place is its hash, so adding a service moves no other. Two paths
    of one depth may want the same place; whoever knows all paths refuses that.

    Raises:
        ValueError: The path has too many segments.

    """
    depth = len([segment for segment in path.split("/") if segment])
    if depth > DEEPEST_PATH:
        msg = f"The route {path} has {depth} segments; a route may have {DEEPEST_PATH}. Shorten it."
        raise ValueError(msg)
    if depth == 0:
        return _LAST
    return _FIRST + (DEEPEST_PATH - depth) * _BAND + zlib.crc32(path.encode()) % _BAND


class Route(Component):
    """Sends what starts with `path` to one service, whatever its computes and their shares.

    | front door | one function   | anything else                                             |
    |------------|----------------|-----------------------------------------------------------|
    | `http-api` | an integration | VPC link to a rule of the internal load balancer           |
    | `rest-api` | an integration | VPC link to a rule of the internal load balancer           |
    | `alb`      | a rule         | a rule                                                     |

    The rule, the routes of an API and its link are called the same for every compute, so that a move changes them
    in place: first the new compute is there and steady (`depends_on`), then they point to it, then the old one goes.
    What differs by compute, such as the permission to invoke a function, comes and goes with it. Shares are nothing but
    weights of the rule.

    Services see the whole path. A route is free.

    Example:
        >>> targets = [Weighted(target=users.target)]
        >>> Route("dev-users", front_door=door, path="/users", targets=targets, depends_on=[users])

    """

    def __init__(
        self,
        name: str,
        *,
        front_door: FrontDoor,
        path: str,
        targets: Sequence[Weighted],
        rule_tags: Mapping[str, str] | None = None,
        by_ecs: bool = False,
        timeout: int = 28,
        gate: Gate | None = None,
        depends_on: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the rule.

        Args:
            name: Logical name (`naming.py` has its limit); children are called after it.
            front_door: Where requests come in.
            path: What they start with; `/` gets all that no other route does.
            targets: What answers them: one, or several that share the traffic by weight. One function at most.
            rule_tags: What people should be able to read at the rule of the load balancer, if there is one.
            by_ecs: ECS moves the traffic between the targets: the weights are those to begin with.
            timeout: Longest request, seconds; an HTTP API gives up after 30, a REST API after 29.
            gate: What a REST API does with requests before the service gets them.
            depends_on: The computes, so that traffic moves only once they are steady.
            opts: Options of the component.

        """
        super().__init__("Route", name, opts)
        self.path = path
        self._front_door = front_door
        self._targets = targets
        self._rule_tags = rule_tags
        self._by_ecs = by_ecs
        self._gate = gate or Gate()
        self._made: aws.lb.ListenerRule | None = None
        self._depends_on = list(depends_on)
        if front_door.api is not None:
            self._through_api(front_door.api, min(timeout, _LONGEST_INTEGRATION) * 1000)
        elif front_door.kind == "rest-api":
            front_door.add(self._rest_route(timeout))
        else:
            self._rule(self._balancer())
        self.register_outputs({"path": path})

    @property
    def url(self) -> pulumi.Output[str]:
        """Return what the service is reached by, once the front door is published."""
        return pulumi.Output.concat(self._front_door.url, self.path.rstrip("/"))

    @property
    def production_rule(self) -> aws.lb.ListenerRule:
        """Return the rule of the load balancer."""
        if self._made is None:
            msg = f"{self.name} goes straight to a function, without a load balancer."
            raise ValueError(msg)
        return self._made

    def _rest_route(self, timeout: int) -> RestRoute:
        match self._targets:
            case [Weighted(target=LambdaTarget() as target)]:
                ready = self._depends_on
            case _:
                target, ready = self._front_door.behind, [self._rule(self._balancer())]
        return RestRoute(name=self.name, path=self.path, target=target, timeout=timeout, gate=self._gate, ready=ready)

    def _through_api(self, api: aws.apigatewayv2.Api, milliseconds: int) -> None:
        match self._targets:
            case [Weighted(target=LambdaTarget() as function)]:
                integration, ready = self._function_integration(api, function, milliseconds)
            case _:
                integration, ready = self._private_integration(api, milliseconds)
        for suffix, key in _route_keys(self.path):
            aws.apigatewayv2.Route(
                self.child_name(suffix),
                api_id=api.id,
                route_key=key,
                target=pulumi.Output.concat("integrations/", integration.id),
                authorization_type="NONE",
                opts=self.opts(depends_on=[ready]),
            )

    def _function_integration(
        self, api: aws.apigatewayv2.Api, target: LambdaTarget, milliseconds: int
    ) -> tuple[aws.apigatewayv2.Integration, pulumi.Resource]:
        source = pulumi.Output.concat(api.execution_arn, "/*")
        allowed = self._permission("", "apigateway.amazonaws.com", target, source)
        integration = aws.apigatewayv2.Integration(
            self.child_name("lambda"),
            api_id=api.id,
            integration_type="AWS_PROXY",
            integration_method="POST",
            integration_uri=target.invoke_arn,
            payload_format_version="2.0",
            timeout_milliseconds=milliseconds,
            opts=self.opts(depends_on=self._depends_on),
        )
        return integration, allowed

    def _private_integration(
        self, api: aws.apigatewayv2.Api, milliseconds: int
    ) -> tuple[aws.apigatewayv2.Integration, pulumi.Resource]:
        balancer = self._balancer()
        rule = self._rule(balancer)
        integration = aws.apigatewayv2.Integration(
            self.child_name("link"),
            api_id=api.id,
            integration_type="HTTP_PROXY",
            integration_method="ANY",
            integration_uri=balancer.listener.arn,
            connection_type="VPC_LINK",
            connection_id=self._front_door.vpc_link_id,
            payload_format_version="1.0",
            timeout_milliseconds=milliseconds,
            opts=self.opts(depends_on=[rule]),
        )
        return integration, rule

    def _group(self, target: Target) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        """Return the target group of a target, and what has to be there before it gets requests."""
        match target:
            case IpTarget():
                return target.target_group_arn, []
            case LambdaTarget():
                return self._function_group(target)
            case _:
                assert_never(target)

    def _function_group(self, target: LambdaTarget) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        group = aws.lb.TargetGroup(
            self.child_name(),
            target_type="lambda",
            # Without it a repeated header or parameter reaches the app once.
            lambda_multi_value_headers_enabled=True,
            tags=self.tags(),
            opts=self.opts(),
        )
        allowed = self._permission(_BY_BALANCER, "elasticloadbalancing.amazonaws.com", target, group.arn)
        attached = aws.lb.TargetGroupAttachment(
            self.child_name(),
            target_group_arn=group.arn,
            target_id=target.alias_arn,
            # Lambda refuses to be registered by who may not call it.
            opts=self.opts(depends_on=[allowed]),
        )
        return group.arn, [attached]

    def _permission(
        self, suffix: str, principal: str, target: LambdaTarget, source_arn: pulumi.Input[str]
    ) -> aws.lambda_.Permission:
        return aws.lambda_.Permission(
            self.child_name(suffix),
            action="lambda:InvokeFunction",
            function=target.function_name,
            qualifier=target.alias_name,
            principal=principal,
            source_arn=source_arn,
            opts=self.opts(),
        )

    def _rule(self, balancer: LoadBalancer) -> aws.lb.ListenerRule:
        groups = [self._group(weighted.target) for weighted in self._targets]
        shares = [
            aws.lb.ListenerRuleActionForwardTargetGroupArgs(arn=arn, weight=weighted.weight)
            for weighted, (arn, _) in zip(self._targets, groups, strict=True)
        ]
        stage = STAGE if self._front_door.kind == "rest-api" else ""
        self._made = aws.lb.ListenerRule(
            self.child_name(),
            listener_arn=balancer.listener.arn,
            priority=priority(self.path),
            conditions=[
                aws.lb.ListenerRuleConditionArgs(
                    path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=_patterns(self.path, stage))
                )
            ],
            transforms=_without(stage) if stage else None,
            actions=[
                aws.lb.ListenerRuleActionArgs(
                    type="forward",
                    # A list of weights even for one, so that a shift between two computes changes it in place.
                    forward=aws.lb.ListenerRuleActionForwardArgs(target_groups=shares),
                )
            ],
            tags=self.tags(extra=self._rule_tags),
            opts=self.opts(
                depends_on=[*self._depends_on, *(each for _, ready in groups for each in ready)],
                ignore_changes=["actions"] if self._by_ecs else [],
            ),
        )
        return self._made

    def _balancer(self) -> LoadBalancer:
        if self._front_door.load_balancer is None:
            msg = f"{self.name}: {self._front_door.name} has no load balancer; create it with `containers`."
            raise ValueError(msg)
        return self._front_door.load_balancer


def _route_keys(path: str) -> list[tuple[str, str]]:
    """Return suffix and key of each route of an HTTP API that together match a prefix."""
    if path == "/":
        return [("", "$default")]
    return [("", f"ANY {path}"), ("below", f"ANY {path}/{{proxy+}}")]


def _patterns(path: str, stage: str) -> list[str]:
    """Return the path patterns of a load balancer that together match a prefix, with the stage before it or without."""
    if path == "/":
        return ["/*"]
    starts = [path, f"/{stage}{path}"] if stage else [path]
    return [pattern for start in starts for pattern in (start, f"{start}/*")]


def _without(stage: str) -> list[aws.lb.ListenerRuleTransformArgs]:
    """Return what takes the stage from the beginning of a path.

    AWS says that a REST API sends its stage along through a link, and shows examples in which it does not. A service
    sees the same path either way.
    """
    rewrite = aws.lb.ListenerRuleTransformUrlRewriteConfigRewriteArgs(regex=f"^/{stage}(?:/|$)(.*)$", replace="/$1")
    return [
        aws.lb.ListenerRuleTransformArgs(
            type="url-rewrite",
            url_rewrite_config=aws.lb.ListenerRuleTransformUrlRewriteConfigArgs(rewrite=rewrite),
        )
    ]
