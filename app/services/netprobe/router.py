"""NetProbe's routes. What a probe needs is imported by the first one: a cold start answers without it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter

from app.core.problems import InvalidField, ProblemError, documented
from app.services.netprobe.guard import Guard
from app.services.netprobe.models import HttpRequest, HttpResult, TcpRequest, TcpResult
from app.services.netprobe.settings import NetprobeSettings


def router(environ: Mapping[str, str]) -> APIRouter:
    """Return the routes for an environment; raises `SettingsError` when a setting is wrong."""
    settings = NetprobeSettings.from_environ(environ)
    guard = settings.guard(settings.limits())
    routes = APIRouter(prefix="/v1/probe", tags=["netprobe"], responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY))

    @routes.post("/tcp")
    async def tcp(request: TcpRequest) -> TcpResult:
        """Try to open a TCP connection and time it."""
        _check_port(guard, request.port, "body.port")
        from app.services.netprobe.probes import probe_tcp  # noqa: PLC0415

        return await probe_tcp(request, guard)

    @routes.post("/http")
    async def http(request: HttpRequest) -> HttpResult:
        """Send a GET or HEAD and time every phase until the body is read."""
        _check_port(guard, request.target.port, "body.url")
        from app.services.netprobe.probes import probe_http  # noqa: PLC0415

        return await probe_http(request, guard)

    return routes


def _check_port(guard: Guard, port: int, field: str) -> None:
    if port not in guard.ports:
        message = f"port {port} may not be probed; these may: {guard.ports}"
        errors = [InvalidField(field=field, message=message)]
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "1 part of the request cannot be used.", errors)
