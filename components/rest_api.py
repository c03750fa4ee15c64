"""The REST API of a stack: what an HTTP API is at 3.5 times the price, and what web ACLs and API keys attach to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.api_logs import access_log_group
from components.base import Component
from components.http_api import Throttle
from components.load_balancer import LoadBalancer
from components.service import LambdaTarget

STAGE = "live"
"""The API's one stage. AWS puts it first in the path of the API's own address."""

LONGEST_INTEGRATION = 29
"""Seconds after which a REST API gives up, unless the account's quota was raised."""

_TLS_POLICY = "SecurityPolicy_TLS13_1_2_2021_06"
_EVERY_TYPE = ["*/*"]
_ACCESS_LOG = json.dumps(
    {
        "requestId": "$context.requestId",
        "time": "$context.requestTime",
        "ip": "$context.identity.sourceIp",
        "userAgent": "$context.identity.userAgent",
        "protocol": "$context.protocol",
        "method": "$context.httpMethod",
        "path": "$context.path",
        "route": "$context.resourcePath",
        "status": "$context.status",
        "bytes": "$context.responseLength",
        "milliseconds": "$context.responseLatency",
        "integrationMilliseconds": "$context.integration.latency",
        "integrationStatus": "$context.integration.status",
        "webAcl": "$context.waf.status",
        "error": "$context.error.message",
    }
)


@dataclass(frozen=True, kw_only=True)
class Behind:
    """The internal load balancer that a REST API reaches by a VPC link."""

    load_balancer: LoadBalancer
    link_id: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class RestRoute:
    """One service's part of a REST API: all requests whose path starts with `path`.

    `target` is the function that answers them, or the load balancer that knows who does. They are sent there once
    everything in `ready` is there.
    """

    name: str
    path: str
    target: LambdaTarget | Behind
    timeout: int
    ready: Sequence[pulumi.Resource] = ()


class RestApi(Component):
    """A regional REST API with one stage, throttled, traced, one log line per request.

    Its definition is one OpenAPI document, so that a service that moves changes it in place. What callers meet is a
    deployment, a copy that AWS makes of it: each new definition gets one, made when everything it leads to is there,
    and the stage turns to it at once. Id and stage, and so the URL, never change while it stands.

    Paths below a route are handed on unread: requests are validated by the service, which knows its own document.

    A log needs a role that AWS has once for an account and region; the bootstrap program sets it (docs/bootstrap.md).

    Cost: 3.50 USD per million requests, nothing when idle; logs 0.50 per GB (AWS price list: AmazonApiGateway).
    """

    def __init__(
        self,
        name: str,
        *,
        routes: Sequence[RestRoute],
        throttle: Throttle,
        own_endpoint: bool = True,
        access_logs: bool = True,
        log_retention_days: int = 7,
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the API with everything that it leads to.

        Args:
            name: Logical name; children are called after it.
            routes: What its paths lead to; at least one.
            throttle: Its limits.
            own_endpoint: Answer at the address that AWS gives; off for an API that has a name.
            access_logs: Record each request.
            log_retention_days: How long these records are kept.
            key_arn: KMS key of the log; unset, CloudWatch uses its own.
            opts: Options of the component.

        """
        super().__init__("RestApi", name, opts)
        definition = pulumi.Output.json_dumps(_definition(name, routes), sort_keys=True)
        self.api = aws.apigateway.RestApi(
            self.child_name(),
            body=definition,
            endpoint_configuration=aws.apigateway.RestApiEndpointConfigurationArgs(types="REGIONAL"),
            disable_execute_api_endpoint=not own_endpoint,
            # Bodies are never read as text here; without it, what is no text reaches services and callers as base64.
            binary_media_types=_EVERY_TYPE,
            # The basic mode looks at nothing but what the policy says; without a policy TLS 1.0 is enough.
            security_policy=_TLS_POLICY,
            endpoint_access_mode="BASIC",
            tags=self.tags(),
            opts=self.opts(),
        )
        # Not the log of an HTTP API, so that a change of kind finds the name free.
        log_group = access_log_group(self, f"{name}-rest", log_retention_days, key_arn) if access_logs else None
        self.log_group_name = None if log_group is None else log_group.name
        deployment = aws.apigateway.Deployment(
            self.child_name(),
            rest_api=self.api.id,
            triggers={"definition": definition.apply(_digest), "ownEndpoint": str(own_endpoint).lower()},
            opts=self.opts(depends_on=[*self._permissions(routes), *(one for route in routes for one in route.ready)]),
        )
        self.stage = aws.apigateway.Stage(
            self.child_name(),
            rest_api=self.api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            xray_tracing_enabled=True,
            access_log_settings=None
            if log_group is None
            else aws.apigateway.StageAccessLogSettingsArgs(destination_arn=log_group.arn, format=_ACCESS_LOG),
            tags=self.tags(),
            opts=self.opts(),
        )
        aws.apigateway.MethodSettings(
            self.child_name(),
            rest_api=self.api.id,
            stage_name=self.stage.stage_name,
            method_path="*/*",
            settings=aws.apigateway.MethodSettingsSettingsArgs(
                throttling_rate_limit=throttle.rate,
                throttling_burst_limit=throttle.burst,
            ),
            opts=self.opts(),
        )
        # As the stage would have it, but known before the stage is there.
        region = aws.get_region_output(opts=pulumi.InvokeOptions(parent=self)).region
        suffix = aws.get_partition_output(opts=pulumi.InvokeOptions(parent=self)).dns_suffix
        self.url: pulumi.Output[str] = pulumi.Output.concat(
            "https://", self.api.id, ".execute-api.", region, ".", suffix, f"/{STAGE}"
        )
        self.register_outputs({"url": self.url, "apiId": self.api.id})

    def _permissions(self, routes: Sequence[RestRoute]) -> list[aws.lambda_.Permission]:
        return [
            aws.lambda_.Permission(
                self.child_name(route.name),
                action="lambda:InvokeFunction",
                function=route.target.function_name,
                qualifier=route.target.alias_name,
                principal="apigateway.amazonaws.com",
                source_arn=pulumi.Output.concat(self.api.execution_arn, "/*"),
                opts=self.opts(),
            )
            for route in routes
            if isinstance(route.target, LambdaTarget)
        ]


def _digest(definition: str) -> str:
    return hashlib.sha256(definition.encode()).hexdigest()


def _definition(name: str, routes: Sequence[RestRoute]) -> dict[str, object]:
    """Return the OpenAPI document that AWS makes the API of."""
    paths: dict[str, object] = {}
    for route in routes:
        base = route.path.rstrip("/")
        paths[base or "/"] = {"x-amazon-apigateway-any-method": _method(route, base or "/")}
        paths[f"{base}/{{proxy+}}"] = {
            "x-amazon-apigateway-any-method": {
                "parameters": [{"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}],
                **_method(route, f"{base}/{{proxy}}", below=True),
            }
        }
    return {
        "openapi": "3.0.1",
        "info": {"title": name, "version": "1"},
        "paths": paths,
        # Said here as well, since a definition overwrites what the API had.
        "x-amazon-apigateway-security-policy": _TLS_POLICY,
        "x-amazon-apigateway-endpoint-access-mode": "BASIC",
    }


def _method(route: RestRoute, path: str, *, below: bool = False) -> dict[str, object]:
    target = route.target
    return {
        "responses": {"default": {"description": "What the service answers"}},
        "x-amazon-apigateway-integration": {
            **(_invoke(target) if isinstance(target, LambdaTarget) else _forward(target, path, below=below)),
            "passthroughBehavior": "when_no_match",
            "timeoutInMillis": min(route.timeout, LONGEST_INTEGRATION) * 1000,
        },
    }


def _invoke(target: LambdaTarget) -> dict[str, object]:
    return {"type": "aws_proxy", "httpMethod": "POST", "uri": target.invoke_arn}


def _forward(target: Behind, path: str, *, below: bool) -> dict[str, object]:
    parameters = {"requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"}}
    return {
        "type": "http_proxy",
        "httpMethod": "ANY",
        "uri": pulumi.Output.concat("http://", target.load_balancer.load_balancer.dns_name, path),
        "connectionType": "VPC_LINK",
        "connectionId": target.link_id,
        "integrationTarget": target.load_balancer.load_balancer.arn,
        **(parameters if below else {}),
    }
