"""The REST API of a stack: what an HTTP API is at 3.5 times the price, and what web ACLs and API keys attach to."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.api_logs import access_log_group
from components.base import Component
from components.http_api import Throttle
from components.rest_definition import BINARY_TYPES, TLS_POLICY, RestRoute, cached, definition, validates
from components.rest_limits import CacheSize
from components.service import LambdaTarget

STAGE = "live"
"""The API's one stage. AWS puts it first in the path of the API's own address."""

_EVERY_TYPE = ("*/*",)
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


Quota = tuple[int, Literal["DAY", "WEEK", "MONTH"]]


@dataclass(frozen=True, kw_only=True)
class Client:
    """Somebody who calls an API with a key: requests per second, how many at once, and how many in a period."""

    throttle: Throttle = field(default_factory=lambda: Throttle(rate=50, burst=100))
    quota: Quota | None = None


class RestApi(Component):
    """A regional REST API with one stage, throttled, traced, one log line per request.

    Its definition is one OpenAPI document, so that a service that moves changes it in place. What callers meet is a
    deployment, a copy that AWS makes of it: each new definition gets one, made when everything it leads to is there,
    and the stage turns to it at once. Id and stage, and so the URL, never change while it stands.

    Paths below a route are handed on unread, but for the operations that a service names: their bodies are held to a
    JSON schema, and their answers may be kept in a cache. What the API refuses itself it says as problem+json, as the
    services do. Routes that need a key take those of `clients`; a client has one key for the whole API, made by AWS and
    read by `aws apigateway get-api-key --include-value`.

    A log needs a role that AWS has once for an account and region; the bootstrap program sets it (docs/bootstrap.md).

    Cost: 3.50 USD per million requests, nothing when idle; logs 0.50 per GB; a cache of 0.5 GB 14.60 a month, of 1.6 GB
    27.74 (AWS price list: AmazonApiGateway).
    """

    def __init__(
        self,
        name: str,
        *,
        routes: Sequence[RestRoute],
        throttle: Throttle,
        clients: Mapping[str, Client] | None = None,
        cache_gb: CacheSize | None = None,
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
            throttle: Its limits, for all callers together.
            clients: Who may call what needs a key, by name, and how much.
            cache_gb: Size of the cache for answers that say for how long they hold; unset, none.
            own_endpoint: Answer at the address that AWS gives; off for an API that has a name.
            access_logs: Record each request.
            log_retention_days: How long these records are kept.
            key_arn: KMS key of the log; unset, CloudWatch uses its own.
            opts: Options of the component.

        """
        super().__init__("RestApi", name, opts)
        clients = clients or {}
        document = pulumi.Output.json_dumps(definition(name, routes), sort_keys=True)
        self.api = aws.apigateway.RestApi(
            self.child_name(),
            body=document,
            endpoint_configuration=aws.apigateway.RestApiEndpointConfigurationArgs(types="REGIONAL"),
            disable_execute_api_endpoint=not own_endpoint,
            # Without it, what is no text reaches services and callers as base64. Bodies that are looked at are text.
            binary_media_types=BINARY_TYPES if validates(routes) else _EVERY_TYPE,
            # The basic mode looks at nothing but what the policy says; without a policy TLS 1.0 is enough.
            security_policy=TLS_POLICY,
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
            triggers={"definition": document.apply(_digest), "ownEndpoint": str(own_endpoint).lower()},
            opts=self.opts(depends_on=[*self._permissions(routes), *(one for route in routes for one in route.ready)]),
        )
        self.stage = aws.apigateway.Stage(
            self.child_name(),
            rest_api=self.api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            cache_cluster_enabled=None if cache_gb is None else True,
            cache_cluster_size=cache_gb,
            xray_tracing_enabled=True,
            access_log_settings=None
            if log_group is None
            else aws.apigateway.StageAccessLogSettingsArgs(destination_arn=log_group.arn, format=_ACCESS_LOG),
            tags=self.tags(),
            opts=self.opts(),
        )
        self._settings("*/*", throttle)
        for path, seconds in cached(routes) if cache_gb is not None else ():
            self._settings(path, throttle, seconds)
        for client, allowed in sorted(clients.items()):
            self._client(client, allowed)
        # As the stage would have it, but known before the stage is there.
        region = aws.get_region_output(opts=pulumi.InvokeOptions(parent=self)).region
        suffix = aws.get_partition_output(opts=pulumi.InvokeOptions(parent=self)).dns_suffix
        self.url: pulumi.Output[str] = pulumi.Output.concat(
            "https://", self.api.id, ".execute-api.", region, ".", suffix, f"/{STAGE}"
        )
        self.register_outputs({"url": self.url, "apiId": self.api.id})

    def _settings(self, path: str, throttle: Throttle, seconds: int | None = None) -> None:
        remembers = None if seconds is None else True
        aws.apigateway.MethodSettings(
            self.child_name("" if path == "*/*" else _words(path)),
            rest_api=self.api.id,
            stage_name=self.stage.stage_name,
            method_path=path,
            settings=aws.apigateway.MethodSettingsSettingsArgs(
                throttling_rate_limit=throttle.rate,
                throttling_burst_limit=throttle.burst,
                caching_enabled=remembers,
                cache_ttl_in_seconds=seconds,
                cache_data_encrypted=remembers,
            ),
            opts=self.opts(),
        )

    def _client(self, client: str, allowed: Client) -> None:
        """Make the key of somebody who calls, and the plan that limits what is done with it."""
        name, tags = self.child_name(client), self.tags(client)
        key = aws.apigateway.ApiKey(name, description=f"Key of {client}.", tags=tags, opts=self.opts())
        plan = aws.apigateway.UsagePlan(
            name,
            description=f"What {client} may do.",
            api_stages=[aws.apigateway.UsagePlanApiStageArgs(api_id=self.api.id, stage=self.stage.stage_name)],
            throttle_settings=aws.apigateway.UsagePlanThrottleSettingsArgs(
                rate_limit=allowed.throttle.rate, burst_limit=allowed.throttle.burst
            ),
            quota_settings=None
            if allowed.quota is None
            else aws.apigateway.UsagePlanQuotaSettingsArgs(limit=allowed.quota[0], period=allowed.quota[1]),
            tags=tags,
            opts=self.opts(),
        )
        aws.apigateway.UsagePlanKey(
            name,
            key_id=key.id,
            key_type="API_KEY",
            usage_plan_id=plan.id,
            # It repeats the key, which the provider hides at the key alone.
            opts=pulumi.ResourceOptions.merge(self.opts(), pulumi.ResourceOptions(additional_secret_outputs=["value"])),
        )

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


def _digest(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def _words(path: str) -> str:
    return "-".join(re.findall(r"[A-Za-z0-9]+", path)).lower()
