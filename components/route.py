"""The production rule of one service: which requests of the front door it gets."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import assert_never

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.fargate_traffic import PROBE_PRIORITIES
from components.front_door import FrontDoor
from components.load_balancer import LoadBalancer
from components.service import IpTarget, LambdaTarget, Target

DEEPEST_PATH = 8
"""Most segments that the path of a route may have."""

_BAND = 3_700
_FIRST = PROBE_PRIORITIES.stop
_LAST = 50_000
_ALL_TRAFFIC = 100
_LONGEST_INTEGRATION = 30


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
    """Sends what starts with `path` to one service, whatever its compute.

    The rule of a load balancer and the routes of an HTTP API are called the same for every compute, so that a move
    changes them in place: first the new compute is there and steady (`depends_on`), then they point to it, then the old
    one goes. What differs by compute, such as the permission to invoke a function, comes and goes with it.

    Services see the whole path. A route is free.

    Example:
        >>> Route("dev-users", front_door=door, path="/users", target=users.target, depends_on=[users])

    """

    def __init__(
        self,
        name: str,
        *,
        front_door: FrontDoor,
        path: str,
        target: Target,
        timeout: int = 28,
        depends_on: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the rule.

        Args:
            name: Logical name (`naming.py` has its limit); children are called after it.
            front_door: Where requests come in.
            path: What they start with; `/` gets all that no other route does.
            target: What answers them.
            timeout: Longest request, seconds; an HTTP API gives up after 30.
            depends_on: The compute, so that traffic moves only once it is steady.
            opts: Options of the component.

        """
        super().__init__("Route", name, opts)
        self.path = path
        self._front_door = front_door
        self._depends_on = list(depends_on)
        if front_door.api is not None:
            self._through_api(front_door.api, target, min(timeout, _LONGEST_INTEGRATION) * 1000)
        else:
            self._through_load_balancer(target)
        self.url: pulumi.Output[str] = pulumi.Output.concat(front_door.url, path.rstrip("/"))
        self.register_outputs({"url": self.url})

    def _through_api(self, api: aws.apigatewayv2.Api, target: Target, milliseconds: int) -> None:
        match target:
            case LambdaTarget():
                integration, ready = self._function_integration(api, target, milliseconds)
            case IpTarget():
                integration, ready = self._private_integration(api, target, milliseconds)
            case _:
                assert_never(target)
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
        allowed = self._permission("apigateway.amazonaws.com", target, pulumi.Output.concat(api.execution_arn, "/*"))
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
        self, api: aws.apigatewayv2.Api, target: IpTarget, milliseconds: int
    ) -> tuple[aws.apigatewayv2.Integration, pulumi.Resource]:
        balancer = self._balancer()
        rule = self._rule(balancer, target.target_group_arn, self._depends_on)
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

    def _through_load_balancer(self, target: Target) -> None:
        match target:
            case IpTarget():
                self._rule(self._balancer(), target.target_group_arn, self._depends_on)
            case LambdaTarget():
                group, ready = self._function_group(target)
                self._rule(self._balancer(), group.arn, [*self._depends_on, ready])
            case _:
                assert_never(target)

    def _function_group(self, target: LambdaTarget) -> tuple[aws.lb.TargetGroup, pulumi.Resource]:
        group = aws.lb.TargetGroup(
            self.child_name(),
            target_type="lambda",
            # Without it a repeated header or parameter reaches the app once.
            lambda_multi_value_headers_enabled=True,
            tags=self.tags(),
            opts=self.opts(),
        )
        allowed = self._permission("elasticloadbalancing.amazonaws.com", target, group.arn)
        attached = aws.lb.TargetGroupAttachment(
            self.child_name(),
            target_group_arn=group.arn,
            target_id=target.alias_arn,
            # Lambda refuses to be registered by who may not call it.
            opts=self.opts(depends_on=[allowed]),
        )
        return group, attached

    def _permission(
        self, principal: str, target: LambdaTarget, source_arn: pulumi.Input[str]
    ) -> aws.lambda_.Permission:
        return aws.lambda_.Permission(
            self.child_name(),
            action="lambda:InvokeFunction",
            function=target.function_name,
            qualifier=target.alias_name,
            principal=principal,
            source_arn=source_arn,
            opts=self.opts(),
        )

    def _rule(
        self, balancer: LoadBalancer, target_group_arn: pulumi.Input[str], depends_on: Sequence[pulumi.Resource]
    ) -> aws.lb.ListenerRule:
        return aws.lb.ListenerRule(
            self.child_name(),
            listener_arn=balancer.listener.arn,
            priority=priority(self.path),
            conditions=[
                aws.lb.ListenerRuleConditionArgs(
                    path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=_patterns(self.path))
                )
            ],
            actions=[
                aws.lb.ListenerRuleActionArgs(
                    type="forward",
                    # A list of weights even for one, so that a shift between two computes changes it in place.
                    forward=aws.lb.ListenerRuleActionForwardArgs(
                        target_groups=[
                            aws.lb.ListenerRuleActionForwardTargetGroupArgs(arn=target_group_arn, weight=_ALL_TRAFFIC)
                        ]
                    ),
                )
            ],
            tags=self.tags(),
            opts=self.opts(depends_on=depends_on),
        )

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


def _patterns(path: str) -> list[str]:
    """Return the path patterns of a load balancer that together match a prefix."""
    return ["/*"] if path == "/" else [path, f"{path}/*"]
