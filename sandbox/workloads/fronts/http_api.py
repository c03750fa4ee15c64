"""An HTTP API: it finds the route of a request, and hands it to a function or through a link.

Sources: developer guide of API Gateway on HTTP APIs (routes, integrations, throttling, quotas), and answers that
others recorded: 404, 429, 500 and 503 with one message each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox.workloads.fronts.cors import Cors
from sandbox.workloads.fronts.exchange import Exchange, Ledger, Names, identifier
from sandbox.workloads.fronts.http_event import Identity, ReplyError, answer, event
from sandbox.workloads.fronts.http_routes import Route, Routes
from sandbox.workloads.fronts.integrations import (
    HEAD_BYTES,
    LINK_CLIENT,
    Integrations,
    TimedOutError,
    UnreachableError,
    head_bytes,
)
from sandbox.workloads.fronts.paths import Base, Found, base_of
from sandbox.workloads.http.messages import Headers, Request, Response, end_to_end
from sandbox.workloads.snapshot import name_of

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.context import Context
    from sandbox.workloads.http.connection import Fault

_FAULTS: Mapping[Fault, tuple[int, str]] = {
    "malformed": (400, "Bad Request"),
    "timeout": (408, "Request Timeout"),
    "body-too-large": (413, "Request Entity Too Large"),
    "target-too-long": (414, "URI Too Long"),
    "headers-too-large": (431, "Request Header Fields Too Large"),
    "failed": (500, "Internal Server Error"),
}
_FORWARDED = "x-forwarded-"
_TOO_LARGE, _THROTTLED = 413, 429
_UNAVAILABLE = (503, "Service Unavailable")


class RefusedError(Exception):
    """The API answers itself."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    def response(self) -> Response:
        """Return the answer: one message."""
        body = f'{{"message":"{self}"}}'.encode()
        return Response(self.status, [("content-type", "application/json")], body)


class HttpApi:
    """One stage of an HTTP API."""

    kind = "http-api"

    def __init__(self, context: Context, integrations: Integrations, api: Resource, stage: Resource) -> None:
        self._context = context
        self._integrations = integrations
        self.subject = name_of(api)
        self.port = 0
        name = str(stage.outputs["name"])
        outputs = api.outputs
        self._identity = Identity(
            account=str(outputs["executionArn"]).split(":")[4],
            api_id=api.id,
            stage=name,
        )
        names = Names(
            client_errors="4xx",
            server_errors="5xx",
            dimensions=({"ApiId": api.id}, {"ApiId": api.id, "Stage": name}),
            log={
                "apiId": api.id,
                "accountId": self._identity.account,
                "stage": name,
            },
        )
        self.ledger = Ledger(context, names)
        self._routes = Routes()
        self._bases: Sequence[Base] = ()
        self._cors: Cors | None = None

    def follow(
        self, api: Resource, stage: Resource, bases: Sequence[Base], routes: list[tuple[Resource, Resource | None]]
    ) -> None:
        """Be as the account says: `bases` are what paths begin with, `routes` have their integrations beside them."""
        settings: dict[str, Any] = stage.outputs
        self._bases = bases
        self._identity = replace(self._identity, variables=dict(settings.get("stageVariables") or {}))
        self.ledger.follow(settings.get("accessLogSettings"))
        outputs: dict[str, Any] = api.outputs
        self._cors = Cors(outputs["corsConfiguration"]) if outputs.get("corsConfiguration") else None
        self._routes.follow(routes, settings)

    def document(self) -> dict[str, Any]:
        """Return what it leads to, as JSON."""
        return {"routes": [route.document() for route in self._routes.every]}

    async def handle(self, request: Request) -> Response:
        """Answer a request."""
        exchange = Exchange(request, identifier())
        self.ledger.tally.under_way += 1
        try:
            response = None if self._cors is None else self._cors.preflight(request)
            if response is None:
                response = await self._answered(exchange)
        finally:
            self.ledger.tally.under_way -= 1
        return self._closed(exchange, response)

    def refuse(self, fault: Fault) -> Response:
        """Answer what is no request, or more than an API takes."""
        return self._closed(Exchange(Request("-", "-"), identifier()), RefusedError(*_FAULTS[fault]).response())

    def _closed(self, exchange: Exchange, response: Response) -> Response:
        response.headers.append(("apigw-requestid", exchange.request_id))
        self.ledger.close(exchange, response)
        return response

    async def _answered(self, exchange: Exchange) -> Response:
        try:
            response = await self._answer(exchange)
        except RefusedError as refused:
            response = refused.response()
        if self._cors is not None:
            response.headers = self._cors.told(exchange.request, response.headers)
        return response

    async def _answer(self, exchange: Exchange) -> Response:
        request = exchange.request
        if head_bytes(request) > HEAD_BYTES:
            raise RefusedError(*_FAULTS["headers-too-large"])
        base = base_of(self._bases, request.path)
        if base is None:
            raise RefusedError(404, "Not Found")
        exchange.domain = base.domain
        route, parameters = self._find(request, base)
        exchange.route = route.key
        if not route.bucket.take() or self._context.faults.throttled(self.subject):
            self.ledger.tally.throttled += 1
            raise RefusedError(_THROTTLED, "Too Many Requests")
        if route.missing:
            raise RefusedError(501, f"Not simulated: {route.missing}.")
        if (delay := self._context.faults.delay(self.subject)) > 0:
            await asyncio.sleep(delay)
        try:
            if route.function:
                return await self._invoke(exchange, route, parameters)
            return await self._forward(exchange, route)
        except (TimedOutError, UnreachableError):
            raise RefusedError(*_UNAVAILABLE) from None

    def _find(self, request: Request, base: Base) -> tuple[Route, Mapping[str, str]]:
        found = self._routes.paths.find(request.method, request.path.removeprefix(base.path) or "/")
        if isinstance(found, Found):
            return found.leaf, found.parameters
        if self._routes.default is not None:
            return self._routes.default, {}
        raise RefusedError(404, "Not Found")

    async def _invoke(self, exchange: Exchange, route: Route, parameters: Mapping[str, str]) -> Response:
        made = event(exchange, self._identity, route.key, parameters, self.port)
        invocation = await self._integrations.invoke(exchange, route.function, made, route.seconds)
        if invocation.status == _TOO_LARGE:
            raise RefusedError(*_FAULTS["body-too-large"])
        if invocation.status == _THROTTLED:
            exchange.error = "Rate Exceeded."
            raise RefusedError(*_UNAVAILABLE)
        if invocation.error or invocation.status != 200:  # noqa: PLR2004 - Lambda's only success
            said = invocation.error or f"status {invocation.status}"
            exchange.error = (
                f"The Lambda function returned the following error: {said}. "
                "Check your Lambda function code and try again."
            )
            raise RefusedError(*_FAULTS["failed"])
        try:
            response = answer(invocation.payload)
        except ReplyError as problem:
            exchange.error = (
                f"The response from the Lambda function doesn't match the format that API Gateway expects. {problem}"
            )
            raise RefusedError(*_FAULTS["failed"]) from None
        exchange.integration_status = response.status
        return response

    async def _forward(self, exchange: Exchange, route: Route) -> Response:
        request = exchange.request
        passed = replace(
            request,
            headers=_passed(request, exchange.trace),
            client=LINK_CLIENT,
            scheme="http",
            version="1.1",
        )
        response = await self._integrations.forward(exchange, route.listener, passed, route.seconds)
        return replace(response, headers=end_to_end(response.headers))


def _passed(request: Request, trace: str) -> Headers:
    """Return what goes through a link: the caller is named by `Forwarded`, which replaces what others use for that."""
    headers = [
        (name, value)
        for name, value in end_to_end(request.headers)
        if not name.lower().startswith(_FORWARDED) and name.lower() not in {"forwarded", "via", "x-amzn-trace-id"}
    ]
    elements = [request.header("forwarded")]
    elements += [f"for={each.strip()}" for each in request.header("x-forwarded-for").split(",") if each.strip()]
    host = request.header("host")
    # What has a port is no token (RFC 7239, 4).
    host = f'"{host}"' if ":" in host else host
    elements.append(f"by={LINK_CLIENT};for={request.client};host={host};proto={request.scheme}")
    return [
        *headers,
        ("forwarded", ",".join(element for element in elements if element)),
        ("via", f"HTTP/{request.version} AmazonAPIGateway"),
        ("x-amzn-trace-id", trace),
    ]
