"""Opens a port for every API of the account, and keeps it open while the API is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.data.ports import HOST
from sandbox.workloads.fronts.http_api import HttpApi
from sandbox.workloads.fronts.integrations import HEAD_BYTES, MOST_BYTES, Integrations
from sandbox.workloads.fronts.paths import Base
from sandbox.workloads.fronts.rest_api import RestApi
from sandbox.workloads.http.server import Limits, Server, serve
from sandbox.workloads.snapshot import name_of, stack_of

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.context import Context
    from sandbox.workloads.fronts.exchange import Ledger
    from sandbox.workloads.http.connection import Fault
    from sandbox.workloads.http.messages import Request, Response
    from sandbox.workloads.snapshot import Snapshot
    from sandbox.workloads.surfaces import Balancers, Firewall, Invoker

_HTTP = "aws:apigatewayv2/api:Api"
_HTTP_STAGE = "aws:apigatewayv2/stage:Stage"
_REST = "aws:apigateway/restApi:RestApi"
_REST_STAGE = "aws:apigateway/stage:Stage"
_ROOT_STAGE = "$default"
# Connections that nobody uses are closed (quotas of HTTP APIs: 60 s for an idle connection).
_LIMITS = Limits(line=HEAD_BYTES, header=HEAD_BYTES, headers=HEAD_BYTES, body=MOST_BYTES, idle=60.0)


class Front(Protocol):
    """One stage of an API."""

    kind: str
    subject: str
    port: int
    ledger: Ledger

    async def handle(self, request: Request) -> Response: ...

    def refuse(self, fault: Fault) -> Response: ...

    def document(self) -> dict[str, Any]: ...


@dataclass
class _Open:
    """A stage, and the server that answers for it; without one `reason` says why."""

    front: Front
    api: Resource
    stage: str
    base: str
    server: Server | None = None
    reason: str = ""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.front.port}{self.base}" if self.server is not None else ""


class Fronts:
    """The APIs of an account: a port of this machine for each stage."""

    def __init__(
        self, context: Context, invoker: Invoker, balancers: Balancers, firewall: Firewall | None = None
    ) -> None:
        self._context = context
        self._firewall = firewall
        self._integrations = Integrations(invoker, balancers)
        self._open: dict[tuple[str, str], _Open] = {}

    async def apply(self, snapshot: Snapshot) -> None:
        """Open, change and close APIs as the account says."""
        wanted = {(api.id, stage): (api, make) for api, stage, make in self._wanted(snapshot)}
        for key in [key for key in self._open if key not in wanted]:
            await self._close(key)
        for api, make in wanted.values():
            try:
                await make()
            except Exception as problem:  # noqa: BLE001 - one API must not end the others
                said = f"{type(problem).__name__}: {problem}"
                self._context.events.add(name_of(api), "front", said, level="error")

    def urls(self) -> dict[str, str]:
        """Return where APIs answer, by their ARN and by the name of their stack."""
        found: dict[str, str] = {}
        for each in self._open.values():
            if each.server is not None:
                found[str(each.api.outputs["arn"])] = each.url
                found.setdefault(stack_of(each.api), each.url)
        return found

    def describe(self) -> dict[str, Any]:
        """Return what is open, where it leads, and what it has answered."""
        return {"apis": [_described(each) for each in self._open.values()]}

    async def close(self) -> None:
        """Close every port."""
        for key in list(self._open):
            await self._close(key)
        await self._integrations.close()

    def _wanted(self, snapshot: Snapshot) -> Iterator[tuple[Resource, str, Callable[[], Awaitable[None]]]]:
        mappings = _mappings(snapshot)
        apis = {api.id: api for api in (*snapshot.of(_HTTP), *snapshot.of(_REST))}
        for stage in (*snapshot.of(_HTTP_STAGE), *snapshot.of(_REST_STAGE)):
            is_http = stage.type == _HTTP_STAGE
            api = apis.get(str(stage.outputs["apiId" if is_http else "restApi"]))
            if api is None or (is_http and api.outputs.get("protocolType") != "HTTP"):
                continue
            name = str(stage.outputs["name" if is_http else "stageName"])
            host = str(stage.outputs["invokeUrl"]).partition("://")[2].split("/", 1)[0]
            own = Base("" if name == _ROOT_STAGE else f"/{name}", host, own=True)
            bases = [*mappings[api.id, name], *([] if api.outputs.get("disableExecuteApiEndpoint") else [own])]
            make = self._http if is_http else self._rest
            yield api, name, partial(make, snapshot, api, stage, bases)

    async def _http(self, snapshot: Snapshot, api: Resource, stage: Resource, bases: Sequence[Base]) -> None:
        name = str(stage.outputs["name"])
        opened = self._open.get((api.id, name))
        front = opened.front if opened else HttpApi(self._context, self._integrations, api, stage)
        assert isinstance(front, HttpApi)
        integrations = {each.id: each for each in snapshot.of("aws:apigatewayv2/integration:Integration")}
        routes = [
            (route, integrations.get(str(route.outputs.get("target", "")).rpartition("/")[2]))
            for route in snapshot.of("aws:apigatewayv2/route:Route")
            if route.outputs["apiId"] == api.id
        ]
        front.follow(api, stage, bases, routes)
        await self._serve(front, api, name, bases)

    async def _rest(self, snapshot: Snapshot, api: Resource, stage: Resource, bases: Sequence[Base]) -> None:
        name = str(stage.outputs["stageName"])
        opened = self._open.get((api.id, name))
        front = opened.front if opened else RestApi(self._context, self._integrations, self._firewall, api, stage)
        assert isinstance(front, RestApi)
        front.follow(snapshot, api, stage, bases)
        await self._serve(front, api, name, bases)

    async def _serve(self, front: Front, api: Resource, stage: str, bases: Sequence[Base]) -> None:
        base = bases[0].path if bases else ""
        opened = self._open.get((api.id, stage))
        if opened is None:
            opened = self._open[api.id, stage] = _Open(front, api, stage, base)
        opened.api, opened.base = api, base
        if opened.server is not None:
            return
        try:
            port = self._context.ports.named(f"front-{name_of(api)}-{stage}")
            opened.server = await serve(front.handle, port, limits=_LIMITS, refuse=front.refuse)
        except OSError as problem:
            opened.reason = str(problem)
            self._context.events.add(front.subject, "front", f"No port is open: {problem}", level="error")
            return
        front.port, opened.reason = opened.server.port, ""
        self._context.events.add(front.subject, "front", f"Answers at {opened.url}.")

    async def _close(self, key: tuple[str, str]) -> None:
        opened = self._open.pop(key)
        if opened.server is not None:
            await opened.server.close()
            self._context.events.add(opened.front.subject, "front", "Answers no more.")


def _mappings(snapshot: Snapshot) -> dict[tuple[str, str], list[Base]]:
    """Return the names that lead to APIs, by API and stage."""
    found: dict[tuple[str, str], list[Base]] = defaultdict(list)
    for each in snapshot.of("aws:apigatewayv2/apiMapping:ApiMapping"):
        key = str(each.outputs.get("apiMappingKey") or "")
        base = Base(f"/{key}" if key else "", str(each.outputs["domainName"]), own=False)
        found[str(each.outputs["apiId"]), str(each.outputs["stage"])].append(base)
    return found


def _described(each: _Open) -> dict[str, Any]:
    tally = each.front.ledger.tally
    return {
        "subject": each.front.subject,
        "stack": stack_of(each.api),
        "id": each.api.id,
        "arn": str(each.api.outputs["arn"]),
        "kind": each.front.kind,
        "stage": each.stage,
        "url": each.url,
        "state": "open" if each.server is not None else "failed",
        "reason": each.reason,
        "requests": tally.requests,
        "errors_4xx": tally.client_errors,
        "errors_5xx": tally.server_errors,
        "throttled": tally.throttled,
        "under_way": tally.under_way,
        "connections": each.server.connections if each.server is not None else 0,
        **each.front.document(),
    }
