"""NetProbe's routes. What a probe needs is imported by the first one: a cold start answers without it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel

from app.core.exchange import current
from app.core.problems import InvalidField, ProblemError, documented
from app.services.netprobe import examples, models
from app.services.netprobe.guard import AGENT, Guard, PortError
from app.services.netprobe.limits import LimitError
from app.services.netprobe.prober import Prober
from app.services.netprobe.settings import NetprobeSettings

TcpBody = Annotated[models.TcpRequest, Body(openapi_examples=examples.questions("tcp"))]
HttpBody = Annotated[models.HttpRequest, Body(openapi_examples=examples.questions("http"))]
DnsBody = Annotated[models.DnsRequest, Body(openapi_examples=examples.questions("dns"))]
TlsBody = Annotated[models.TlsRequest, Body(openapi_examples=examples.questions("tls"))]
PingBody = Annotated[models.PingRequest, Body(openapi_examples=examples.questions("ping"))]
BatchBody = Annotated[models.BatchRequest, Body(openapi_examples=examples.questions("batch"))]

Q = TypeVar("Q", bound=BaseModel)
R = TypeVar("R", bound=models.Result)

_RESPONSES = documented(HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS)
_RESPONSES[HTTPStatus.TOO_MANY_REQUESTS]["headers"] = {
    "Retry-After": {"description": "Seconds until it is worth asking again.", "schema": {"type": "integer"}}
}


def router(environ: Mapping[str, str]) -> APIRouter:
    """Return the routes for an environment; raises `SettingsError` when a setting is wrong."""
    prober = Prober(NetprobeSettings.from_environ(environ))
    routes = APIRouter(
        prefix="/v1/probes",
        tags=["probes"],
        responses=_RESPONSES,
    )

    _add_posts(routes, prober)
    _add_gets(routes, prober)
    return routes


def _add_posts(routes: APIRouter, prober: Prober) -> None:
    @routes.post("/tcp", operation_id="probe_tcp", responses=examples.answer("tcp"))
    async def tcp(request: TcpBody) -> models.TcpResult:
        """Connect to a port."""
        return await _answered(prober, request)

    @routes.post("/http", operation_id="probe_http", responses=examples.answer("http"))
    async def http(request: HttpBody) -> models.HttpResult:
        """Send a GET or HEAD and time every phase until the body is read."""
        return await _answered(prober, request)

    @routes.post("/dns", operation_id="probe_dns", responses=examples.answer("dns"))
    async def dns(request: DnsBody) -> models.DnsResult:
        """Ask a DNS server for records."""
        return await _answered(prober, request)

    @routes.post("/tls", operation_id="probe_tls", responses=examples.answer("tls"))
    async def tls(request: TlsBody) -> models.TlsResult:
        """Look at the certificates of a server, trusted or not."""
        return await _answered(prober, request)

    @routes.post("/ping", operation_id="probe_ping", responses=examples.answer("ping"))
    async def ping(request: PingBody) -> models.PingResult:
        """Send echo requests, or connect where ICMP is not permitted."""
        return await _answered(prober, request)

    @routes.post("/batch", operation_id="probe_batch", responses=examples.answer("batch"))
    async def batch(request: BatchBody) -> models.BatchResult:
        """Run up to 16 probes, some at a time; each has its own outcome, in the order of the request."""
        _refuse_probes()
        for number, each in enumerate(request.probes):
            _check_ports(prober.guard, each, f"body.probes.{number}")
        from app.services.netprobe.probes.batch import run_all  # noqa: PLC0415

        client = _client()
        return await run_all(request, lambda each: _known(prober, each, client))


def _add_gets(routes: APIRouter, prober: Prober) -> None:
    @routes.get("/tcp", operation_id="get_tcp", responses=examples.answer("tcp"))
    async def get_tcp(query: Annotated[models.TcpQuery, Query()]) -> models.TcpResult:
        """Connect to a port; for a browser or a shell."""
        return await _answered(prober, _asked(models.TcpRequest, query), "query")

    @routes.get("/http", operation_id="get_http", responses=examples.answer("http"))
    async def get_http(query: Annotated[models.HttpQuery, Query()]) -> models.HttpResult:
        """Send a GET or HEAD and time every phase; for a browser or a shell."""
        return await _answered(prober, _asked(models.HttpRequest, query), "query")

    @routes.get("/dns", operation_id="get_dns", responses=examples.answer("dns"))
    async def get_dns(query: Annotated[models.DnsQuery, Query()]) -> models.DnsResult:
        """Ask a DNS server for records; for a browser or a shell."""
        return await _answered(prober, _asked(models.DnsRequest, query), "query")

    @routes.get("/tls", operation_id="get_tls", responses=examples.answer("tls"))
    async def get_tls(query: Annotated[models.TlsQuery, Query()]) -> models.TlsResult:
        """Look at the certificates of a server; for a browser or a shell."""
        return await _answered(prober, _asked(models.TlsRequest, query), "query")

    @routes.get("/ping", operation_id="get_ping", responses=examples.answer("ping"))
    async def get_ping(query: Annotated[models.PingQuery, Query()]) -> models.PingResult:
        """Send echo requests, or connect where ICMP is not permitted; for a browser or a shell."""
        return await _answered(prober, _asked(models.PingRequest, query), "query")


def _refuse_probes() -> None:
    """Refuse what a probe sent: one that is told to probe this service would go round until its URL ends."""
    exchange = current.get()
    if exchange and exchange.headers.get(b"user-agent", b"").startswith(AGENT.partition("/")[0].encode()):
        raise ProblemError(HTTPStatus.FORBIDDEN, "This was sent by a probe; a probe is no way to send another.")


def _asked(kind: type[Q], query: BaseModel) -> Q:
    """Return the request that a link stands for; what it left out stays so, as in a body."""
    return kind.model_construct(**query.model_dump(exclude_unset=True))


async def _answered(prober: Prober, request: models.Question[R], place: str = "body") -> R:
    _refuse_probes()
    _check_ports(prober.guard, request, place)
    try:
        return await _known(prober, request, _client())
    except LimitError as error:
        headers = {"Retry-After": str(error.retry_after)}
        raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, str(error), headers=headers) from None


async def _known(prober: Prober, request: models.Question[R], client: str) -> R:
    answer = await prober.probe(request, client)
    return answer.value.model_copy(update={"age_seconds": round(answer.age, 3)}) if answer.age else answer.value


def _client() -> str:
    exchange = current.get()
    return exchange.client if exchange else ""


def _check_ports(guard: Guard, request: models.Question[R], place: str) -> None:
    errors: list[InvalidField] = []
    for field, port in request.ports.items():
        try:
            guard.check_port(port)
        except PortError as error:
            errors.append(InvalidField(field=f"{place}.{field}", message=str(error)))
    if errors:
        detail = f"{len(errors)} part{'s' if len(errors) > 1 else ''} of the request cannot be used."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors)
