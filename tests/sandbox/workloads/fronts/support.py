"""An account with APIs, and what would be behind them: functions and load balancers that a test answers for."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sandbox.control.account import Resource
from sandbox.workloads.context import Context
from sandbox.workloads.fronts.manager import Fronts
from sandbox.workloads.http.messages import Request, Response
from sandbox.workloads.snapshot import Snapshot
from sandbox.workloads.surfaces import Invocation, Verdict

PATIENCE = 30
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:dev-netprobe-920bbfb:live"
LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/dev-front-door-7fdcd5e/1038/e4b2"
HTTP_API = "bpeviwlwnh"
HTTP_ARN = f"arn:aws:apigateway:us-east-1::/apis/{HTTP_API}"
GROUP = "/aws/vendedlogs/apis/dev-front-door"


def resource(kind: str, name: str, identity: str, /, **outputs: Any) -> Resource:
    """Return a resource as the account keeps it."""
    urn = f"urn:pulumi:dev::modeshift::{kind}::{name}"
    return Resource(1, kind, "us-east-1", identity, urn, dict(outputs), {"region": "us-east-1", **outputs})


def invoke_uri(function: str = FUNCTION) -> str:
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"


def http_api(
    *,
    routes: dict[str, dict[str, Any]] | None = None,
    stage: str = "$default",
    api: dict[str, Any] | None = None,
    log: str = "",
    **settings: Any,
) -> list[Resource]:
    """Return an HTTP API as our stacks have it: routes by their key, with what their integrations say."""
    made = [
        resource(
            "aws:apigatewayv2/api:Api",
            "dev-front-door",
            HTTP_API,
            protocolType="HTTP",
            name="dev-front-door-b9b3dbb",
            apiEndpoint=f"https://{HTTP_API}.execute-api.us-east-1.amazonaws.com",
            arn=HTTP_ARN,
            executionArn=f"arn:aws:execute-api:us-east-1:123456789012:{HTTP_API}",
            **{"disableExecuteApiEndpoint": False, **(api or {})},
        )
    ]
    access = {"destinationArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}", "format": log}
    stages = {"autoDeploy": True, "defaultRouteSettings": {}, **({"accessLogSettings": access} if log else {})}
    made.append(
        resource(
            "aws:apigatewayv2/stage:Stage",
            "dev-front-door",
            stage,
            **{**stages, **settings},
            apiId=HTTP_API,
            name=stage,
            arn=f"{HTTP_ARN}/stages/{stage}",
            invokeUrl=f"https://{HTTP_API}.execute-api.us-east-1.amazonaws.com/{stage.removeprefix('$default')}",
        )
    )
    for number, (key, integration) in enumerate((routes or {"$default": {}}).items()):
        made += _route(number, key, dict(integration))
    return made


def _route(number: int, key: str, values: dict[str, Any]) -> list[Resource]:
    authorization = values.pop("authorizationType", "NONE")
    function = {
        "integrationType": "AWS_PROXY",
        "connectionType": "INTERNET",
        "payloadFormatVersion": "2.0",
        "integrationUri": invoke_uri(),
        "integrationMethod": "POST",
        "timeoutMilliseconds": 28_000,
    }
    identity = f"integration{number}"
    route = {"target": f"integrations/{identity}", "routeKey": key, "authorizationType": authorization}
    return [
        resource(
            "aws:apigatewayv2/integration:Integration",
            f"dev-{number}",
            identity,
            apiId=HTTP_API,
            **{**function, **values},
        ),
        resource("aws:apigatewayv2/route:Route", f"dev-{number}", f"route{number}", apiId=HTTP_API, **route),
    ]


def link(**values: Any) -> dict[str, Any]:
    """Return an integration through a link."""
    return {
        "integrationType": "HTTP_PROXY",
        "connectionType": "VPC_LINK",
        "integrationMethod": "ANY",
        "payloadFormatVersion": "1.0",
        "integrationUri": LISTENER,
        **values,
    }


@dataclass
class Behind:
    """Functions and load balancers that answer what a test says, and remember what they were asked."""

    returned: Any = field(default_factory=lambda: {"statusCode": 200, "body": "hello"})
    invocation: Invocation | None = None
    response: Response | None = None
    seconds: float = 0
    fails: Exception | None = None
    verdict: Verdict | None = None
    handler: Callable[[dict[str, Any]], Awaitable[Any]] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    invoked: list[str] = field(default_factory=list)
    forwarded: list[tuple[str, Request]] = field(default_factory=list)
    ended: int = 0

    def has(self, arn: str) -> bool:
        return True

    async def invoke(
        self, arn: str, payload: bytes, *, kind: Literal["RequestResponse", "Event"] = "RequestResponse"
    ) -> Invocation:
        assert kind == "RequestResponse"
        self.invoked.append(arn)
        self.events.append(json.loads(payload))
        await asyncio.sleep(self.seconds)
        self.ended += 1
        if self.handler is not None:
            return Invocation(200, json.dumps(await self.handler(self.events[-1])).encode())
        return self.invocation or Invocation(200, json.dumps(self.returned).encode())

    async def forward(self, listener_arn: str, request: Request) -> Response:
        self.forwarded.append((listener_arn, request))
        await asyncio.sleep(self.seconds)
        self.ended += 1
        if self.fails is not None:
            raise self.fails
        return self.response or Response(200, [("content-type", "text/plain")], b"from behind")

    def judge(self, resource_arn: str, request: Request) -> Verdict | None:
        return self.verdict


@dataclass(frozen=True)
class Answer:
    """What came over the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """APIs that are open, and what is behind them."""

    fronts: Fronts
    behind: Behind
    context: Context
    name: str = "dev"
    """The stack, or the ARN of the API that is asked."""

    @property
    def url(self) -> str:
        return self.fronts.urls()[self.name]

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].split("/")[0])

    async def apply(self, resources: list[Resource]) -> None:
        await self.fronts.apply(Snapshot(resources))

    async def ask(
        self, target: str = "/", method: str = "GET", headers: list[tuple[str, str]] | None = None, body: bytes = b""
    ) -> Answer:
        """Send a request over a socket, byte for byte as it is said here."""
        return await asyncio.to_thread(_ask, self.port, method, target, headers or [], body)

    def statistic(self, name: str, stat: str = "Sum", **dimensions: str) -> float:
        series = self.context.metrics.statistics(
            "AWS/ApiGateway", name, dimensions, 0, 1 << 40, period=1 << 32, stat=stat
        )
        return series[0][1] if series else 0.0


@asynccontextmanager
async def running(folder: Path, resources: list[Resource], behind: Behind | None = None):
    """Open the APIs of an account."""
    behind = behind or Behind()
    context = Context.of(folder, folder)
    fronts = Fronts(context, behind, behind, behind)
    try:
        await fronts.apply(Snapshot(resources))
        yield Running(fronts, behind, context)
    finally:
        await fronts.close()
        context.logs.close()


def _ask(port: int, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in [*headers, *([] if any(n.lower() == "host" for n, _ in headers) else [("Host", "here")])]:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


REST_API = "x1c6ubbroj"
REST_ARN = f"arn:aws:apigateway:us-east-1::/restapis/{REST_API}"
REST_NAME = "dev-front-door-a6d8b4b"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/dev-front-door-9e262a7/d4afb7c1"


def rest_api(
    document: dict[str, Any],
    *,
    settings: dict[str, dict[str, Any]] | None = None,
    deployment: str = "d7ecpc",
    log: str = "",
    api: dict[str, Any] | None = None,
    **stage: Any,
) -> list[Resource]:
    """Return a REST API as our stacks have it: one document, one stage, settings by the path of a method."""
    access = {"destinationArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}", "format": log}
    host = f"https://{REST_API}.execute-api.us-east-1.amazonaws.com"
    values = {"name": REST_NAME, "disableExecuteApiEndpoint": False, "binaryMediaTypes": ["*/*"], **(api or {})}
    made = [
        resource(
            "aws:apigateway/restApi:RestApi",
            "dev-front-door",
            REST_API,
            **values,
            body=json.dumps(document),
            arn=REST_ARN,
            rootResourceId="r00tr00t00",
            executionArn=f"arn:aws:execute-api:us-east-1:123456789012:{REST_API}",
        ),
        resource(
            "aws:apigateway/stage:Stage",
            "dev-front-door",
            f"ags-{REST_API}-live",
            **{**({"accessLogSettings": access} if log else {}), **stage},
            deployment=deployment,
            stageName="live",
            restApi=REST_API,
            arn=f"{REST_ARN}/stages/live",
            invokeUrl=f"{host}/live",
        ),
        resource(
            "aws:lb/listener:Listener",
            "dev-front-door-http",
            LISTENER,
            loadBalancerArn=BALANCER,
            port=80,
            protocol="HTTP",
            arn=LISTENER,
        ),
    ]
    made += [
        resource(
            "aws:apigateway/methodSettings:MethodSettings",
            "dev-front-door",
            path,
            restApi=REST_API,
            stageName="live",
            methodPath=path,
            settings=each,
        )
        for path, each in (settings or {}).items()
    ]
    return made


def client(name: str, value: str, **plan: Any) -> list[Resource]:
    """Return somebody who has a key of the REST API."""
    stages = [{"apiId": REST_API, "stage": "live"}]
    return [
        resource("aws:apigateway/apiKey:ApiKey", name, f"key-{name}", value=value, enabled=True),
        resource("aws:apigateway/usagePlan:UsagePlan", name, f"plan-{name}", apiStages=stages, **plan),
        resource(
            "aws:apigateway/usagePlanKey:UsagePlanKey",
            name,
            f"key-{name}",
            keyId=f"key-{name}",
            usagePlanId=f"plan-{name}",
            value=value,
        ),
    ]
