"""A REST API: it looks at a request as its definition says, and hands it to a function or through a link.

Sources: developer guide of API Gateway on REST APIs (usage plans, validation, caching, throttling, quotas, gateway
responses); that a throttled function is a 500 and a malformed answer a 502 is recorded.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sandbox.workloads.fronts.exchange import Exchange, Ledger, Names, identifier
from sandbox.workloads.fronts.http_event import ReplyError
from sandbox.workloads.fronts.integrations import (
    HEAD_BYTES,
    LINK_CLIENT,
    Integrations,
    TimedOutError,
    UnreachableError,
    head_bytes,
)
from sandbox.workloads.fronts.limits import Bucket
from sandbox.workloads.fronts.paths import Base, Found, base_of
from sandbox.workloads.fronts.rest_cache import Cache
from sandbox.workloads.fronts.rest_definition import Definition, Link, parameter
from sandbox.workloads.fronts.rest_event import RestIdentity, Taken, added, answer, event, remapped
from sandbox.workloads.fronts.rest_keys import Keys
from sandbox.workloads.fronts.rest_refusals import INTERNAL, Refusals, RestRefusedError
from sandbox.workloads.http.messages import Request, Response
from sandbox.workloads.snapshot import name_of

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.context import Context
    from sandbox.workloads.http.connection import Fault
    from sandbox.workloads.snapshot import Snapshot
    from sandbox.workloads.surfaces import Firewall, Verdict

_EVERY = "*/*"
_TOO_LARGE, _THROTTLED = 413, 429
_FAULTS: Mapping[Fault, tuple[int, str]] = {
    "malformed": (400, "Bad Request"),
    "timeout": (408, "Request Timeout"),
    "target-too-long": (414, "URI Too Long"),
    "headers-too-large": (431, "Request Header Fields Too Large"),
    "failed": (500, INTERNAL),
}


@dataclass(frozen=True)
class _Deployed:
    """What callers meet: a copy of the API, made when it was deployed."""

    id: str
    definition: Definition
    binary: Sequence[str]


class RestApi:
    """One stage of a REST API."""

    kind = "rest-api"

    def __init__(
        self, context: Context, integrations: Integrations, firewall: Firewall | None, api: Resource, stage: Resource
    ) -> None:
        self._context = context
        self._integrations = integrations
        self._firewall = firewall
        self.subject = name_of(api)
        self.port = 0
        self._arn = str(stage.outputs["arn"])
        name, account = str(stage.outputs["stageName"]), str(api.outputs["executionArn"]).split(":")[4]
        self._identity = RestIdentity(account, api.id, name)
        of = {"ApiName": str(api.outputs["name"])}
        names = Names(
            client_errors="4XXError",
            server_errors="5XXError",
            dimensions=(of, {**of, "Stage": name}),
            log={"apiId": api.id, "accountId": account, "stage": name},
        )
        self.ledger = Ledger(context, names)
        self._deployed: _Deployed | None = None
        self._bases: Sequence[Base] = ()
        self._listeners: Mapping[tuple[str, int], str] = {}
        self._settings: Mapping[str, Mapping[str, Any]] = {}
        self._buckets: dict[str, Bucket] = {}
        self._keys = Keys()
        self._cache: Cache | None = None

    def follow(self, snapshot: Snapshot, api: Resource, stage: Resource, bases: Sequence[Base]) -> None:
        """Be as the account says. A definition counts from the moment that a deployment of it is the stage's."""
        outputs: dict[str, Any] = stage.outputs
        self._bases = bases
        deployment = str(outputs["deployment"])
        if self._deployed is None or self._deployed.id != deployment:
            self._deployed = _deployed(deployment, api)
        self._identity = replace(self._identity, deployment=deployment, variables=dict(outputs.get("variables") or {}))
        self.ledger.follow(outputs.get("accessLogSettings"))
        self._keys.follow(snapshot, api.id, self._identity.stage)
        self._settings = {
            str(each.outputs["methodPath"]): _mapping(each.outputs, "settings")
            for each in snapshot.of("aws:apigateway/methodSettings:MethodSettings")
            if (each.outputs["restApi"], each.outputs["stageName"]) == (api.id, self._identity.stage)
        }
        self._listeners = {
            (str(each.outputs["loadBalancerArn"]), int(str(each.outputs["port"]))): str(each.outputs["arn"])
            for each in snapshot.of("aws:lb/listener:Listener")
        }
        self._cache = (self._cache or Cache()) if outputs.get("cacheClusterEnabled") else None

    def document(self) -> dict[str, Any]:
        """Return what it leads to and who has keys, as JSON."""
        methods = self._deployed.definition.methods if self._deployed else []
        return {
            "deployment": self._identity.deployment,
            "routes": [method.document() for method in methods],
            "keys": self._keys.document(),
        }

    async def handle(self, request: Request) -> Response:
        """Answer a request."""
        exchange = Exchange(request, str(uuid.uuid4()), extended_id=identifier())
        self.ledger.tally.under_way += 1
        try:
            response = await self._answer(exchange)
        except RestRefusedError as refused:
            response = self._refusals.response(refused, exchange)
            self.ledger.tally.throttled += refused.kind in {"THROTTLED", "QUOTA_EXCEEDED"}
        finally:
            self.ledger.tally.under_way -= 1
        return self._closed(exchange, response)

    def refuse(self, fault: Fault) -> Response:
        """Answer what is no request, or more than an API takes."""
        exchange = Exchange(Request("-", "-"), str(uuid.uuid4()), extended_id=identifier())
        if fault == "body-too-large":
            response = self._refusals.response(RestRefusedError("REQUEST_TOO_LARGE"), exchange)
        else:
            status, text = _FAULTS[fault]
            response = _message(status, text)
        return self._closed(exchange, response)

    def _closed(self, exchange: Exchange, response: Response) -> Response:
        response.headers += [("x-amzn-RequestId", exchange.request_id), ("x-amz-apigw-id", exchange.extended_id)]
        self.ledger.close(exchange, response)
        return response

    @property
    def _refusals(self) -> Refusals:
        return self._deployed.definition.refusals if self._deployed else Refusals({})

    async def _answer(self, exchange: Exchange) -> Response:
        request = exchange.request
        if head_bytes(request) > HEAD_BYTES:
            return _message(*_FAULTS["headers-too-large"])
        verdict = self._firewall.judge(self._arn, request) if self._firewall else None
        if verdict is not None:
            exchange.waf_status = verdict.status if verdict.action == "block" else 200
            if verdict.action == "block":
                return _blocked(verdict)
        base = base_of(self._bases, request.path)
        if base is None or self._deployed is None:
            return _message(403, "Forbidden")
        exchange.domain = base.domain
        taken = self._taken(request, base, self._deployed.definition)
        exchange.route = taken.method.resource
        self._admit(exchange, taken)
        taken.method.checks.refuse(request)
        if taken.method.missing:
            return _message(501, f"Not simulated: {taken.method.missing}.")
        if (delay := self._context.faults.delay(self.subject)) > 0:
            await asyncio.sleep(delay)
        return await self._remembered(exchange, taken, self._deployed)

    def _taken(self, request: Request, base: Base, definition: Definition) -> Taken:
        path = request.path.removeprefix(base.path) or "/"
        found = definition.paths.find(request.method, path)
        if not isinstance(found, Found):
            raise RestRefusedError("MISSING_AUTHENTICATION_TOKEN")
        # The stage is no part of what functions see; what a name is mapped to is.
        return Taken(found.leaf, path if base.own else request.path, found.parameters, self.port)

    def _admit(self, exchange: Exchange, taken: Taken) -> None:
        if taken.method.needs_key:
            exchange.key = exchange.request.header("x-api-key")
            exchange.key_id = self._keys.admit(exchange.key)
        settings = self._setting(taken.method.settings_path(exchange.request.method))
        wanted, name = Bucket.of(settings), taken.method.settings_path(taken.method.name)
        bucket = self._buckets.setdefault(name, wanted)
        if not bucket.same(wanted):
            bucket = self._buckets[name] = wanted
        if not bucket.take() or self._context.faults.throttled(self.subject):
            raise RestRefusedError("THROTTLED")

    def _setting(self, path: str) -> Mapping[str, Any]:
        return self._settings.get(path) or self._settings.get(_EVERY) or {}

    async def _remembered(self, exchange: Exchange, taken: Taken, deployed: _Deployed) -> Response:
        request, method = exchange.request, taken.method
        settings = self._setting(method.settings_path(request.method))
        if self._cache is None or request.method != "GET" or not settings.get("cachingEnabled"):
            return await self._integrated(exchange, taken, deployed)
        values = [parameter(request, taken.parameters, source) for source in method.cache_keys]
        key = (method.cache_namespace, *values)
        kept = self._cache.find(key)
        exchange.cached = kept is not None
        if kept is not None:
            return kept
        response = await self._integrated(exchange, taken, deployed)
        self._cache.keep(key, response, float(settings.get("cacheTtlInSeconds") or 0))
        return response

    async def _integrated(self, exchange: Exchange, taken: Taken, deployed: _Deployed) -> Response:
        try:
            if taken.method.link is not None:
                return await self._forward(exchange, taken, taken.method.link)
            return await self._invoke(exchange, taken, deployed.binary)
        except TimedOutError:
            raise RestRefusedError("INTEGRATION_TIMEOUT") from None
        except UnreachableError:
            raise RestRefusedError("INTEGRATION_FAILURE") from None

    async def _invoke(self, exchange: Exchange, taken: Taken, binary: Sequence[str]) -> Response:
        made = event(exchange, self._identity, taken, binary)
        invocation = await self._integrations.invoke(exchange, taken.method.function, made, taken.method.seconds)
        if invocation.status == _TOO_LARGE:
            raise RestRefusedError("REQUEST_TOO_LARGE")
        if invocation.status != 200:  # noqa: PLR2004 - Lambda's only success
            exchange.error = "Rate Exceeded." if invocation.status == _THROTTLED else ""
            raise RestRefusedError("API_CONFIGURATION_ERROR")
        try:
            if invocation.error:
                message = "Lambda execution failed"
                raise ReplyError(message)
            response = answer(invocation.payload, exchange.request, binary)
        except ReplyError as problem:
            exchange.error = str(problem)
            raise RestRefusedError("DEFAULT_5XX") from None
        exchange.integration_status = response.status
        response.headers.append(("X-Amzn-Trace-Id", exchange.trace))
        return response

    async def _forward(self, exchange: Exchange, taken: Taken, link: Link) -> Response:
        request = exchange.request
        passed = [(name, value) for name, value in added(exchange, self.port) if name.lower() != "host"]
        sent = replace(
            request,
            target=link.target(taken.parameters, request.query),
            headers=[("Host", link.host), *passed, ("x-amzn-apigateway-api-id", self._identity.api_id)],
            client=LINK_CLIENT,
            scheme="http",
            version="1.1",
        )
        listener = self._listeners.get((link.balancer, link.port), "")
        response = await self._integrations.forward(exchange, listener, sent, taken.method.seconds)
        return replace(response, headers=remapped(response.headers))


def _deployed(deployment: str, api: Resource) -> _Deployed:
    binary = api.outputs.get("binaryMediaTypes")
    root = str(api.outputs.get("rootResourceId", ""))
    types = [str(each).lower() for each in binary] if isinstance(binary, list) else []
    return _Deployed(deployment, Definition(str(api.inputs.get("body") or "{}"), root), types)


def _blocked(verdict: Verdict) -> Response:
    if verdict.body is None:
        raise RestRefusedError("WAF_FILTERED")
    return Response(verdict.status, list(verdict.headers), verdict.body)


def _mapping(outputs: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return outputs.get(name) or {}


def _message(status: int, text: str) -> Response:
    return Response(status, [("Content-Type", "application/json")], f'{{"message":"{text}"}}'.encode())
