"""The HTTP API of a stack: costs nothing while nobody calls, reaches Lambda directly and containers by a VPC link."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.api_logs import access_log_group
from components.base import Component
from components.load_balancer import LoadBalancer
from components.network import Network

_ACCESS_LOG = json.dumps(
    {
        "requestId": "$context.requestId",
        "time": "$context.requestTime",
        "ip": "$context.identity.sourceIp",
        "userAgent": "$context.identity.userAgent",
        "protocol": "$context.protocol",
        "method": "$context.httpMethod",
        "path": "$context.path",
        "route": "$context.routeKey",
        "status": "$context.status",
        "bytes": "$context.responseLength",
        "milliseconds": "$context.responseLatency",
        "integrationMilliseconds": "$context.integrationLatency",
        "integrationStatus": "$context.integrationStatus",
        "error": "$context.integrationErrorMessage",
    }
)


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """What the API lets through for all callers together: requests per second, and how many at once."""

    rate: int = 100
    burst: int = 200


class HttpApi(Component):
    """An HTTP API with one stage at its root, deployed with every change, throttled, one log line per request.

    Its id and so its URL never change while it stands.

    Cost: 1.00 USD per million requests, nothing when idle; logs 0.50 per GB (AWS price list: AmazonApiGateway).
    """

    def __init__(
        self,
        name: str,
        *,
        throttle: Throttle,
        own_endpoint: bool = True,
        access_logs: bool = True,
        log_retention_days: int = 7,
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the API.

        Args:
            name: Logical name; children are called after it.
            throttle: Its limits.
            own_endpoint: Answer at the address that AWS gives; off for an API that has a name.
            access_logs: Record each request.
            log_retention_days: How long these records are kept.
            key_arn: KMS key of the log; unset, CloudWatch uses its own.
            opts: Options of the component.

        """
        super().__init__("HttpApi", name, opts)
        self.api = aws.apigatewayv2.Api(
            self.child_name(),
            protocol_type="HTTP",
            disable_execute_api_endpoint=not own_endpoint,
            tags=self.tags(),
            opts=self.opts(),
        )
        log_group = access_log_group(self, name, log_retention_days, key_arn) if access_logs else None
        self.log_group_name = None if log_group is None else log_group.name
        self.stage = aws.apigatewayv2.Stage(
            self.child_name(),
            api_id=self.api.id,
            name="$default",
            auto_deploy=True,
            access_log_settings=None
            if log_group is None
            else aws.apigatewayv2.StageAccessLogSettingsArgs(destination_arn=log_group.arn, format=_ACCESS_LOG),
            default_route_settings=aws.apigatewayv2.StageDefaultRouteSettingsArgs(
                throttling_rate_limit=throttle.rate,
                throttling_burst_limit=throttle.burst,
            ),
            tags=self.tags(),
            opts=self.opts(),
        )
        self.url: pulumi.Output[str] = self.api.api_endpoint
        self.register_outputs({"url": self.url, "apiId": self.api.id})


class PrivateLink(Component):
    """The way from an HTTP API into the VPC: a VPC link that reaches one internal load balancer and nothing else.

    Cost: a VPC link of an HTTP API is free.
    """

    def __init__(
        self,
        name: str,
        *,
        network: Network,
        load_balancer: LoadBalancer,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the link.

        Args:
            name: Logical name; children are called after it.
            network: Where its ends stand.
            load_balancer: What it leads to.
            opts: Options of the component.

        """
        super().__init__("PrivateLink", name, opts)
        group = aws.ec2.SecurityGroup(
            self.child_name(),
            vpc_id=network.vpc_id,
            description="VPC link of the API: to its load balancer only.",
            tags=self.tags(),
            opts=self.opts(),
        )
        front = load_balancer.security_group
        aws.vpc.SecurityGroupEgressRule(
            self.child_name(),
            security_group_id=group.id,
            description="Requests to the load balancer",
            ip_protocol="tcp",
            from_port=80,
            to_port=80,
            referenced_security_group_id=front.id,
            tags=self.tags(),
            opts=self.opts(),
        )
        aws.vpc.SecurityGroupIngressRule(
            self.child_name(),
            security_group_id=front.id,
            description="Requests from the API",
            ip_protocol="tcp",
            from_port=80,
            to_port=80,
            referenced_security_group_id=group.id,
            tags=self.tags(),
            opts=self.opts(),
        )
        link = aws.apigatewayv2.VpcLink(
            self.child_name(),
            security_group_ids=[group.id],
            subnet_ids=network.private_subnet_ids,
            tags=self.tags(),
            opts=self.opts(),
        )
        self.id: pulumi.Output[str] = link.id
        self.register_outputs({"id": self.id})
