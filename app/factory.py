"""The app, put together from core and the services that the environment names."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from copy import copy

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi.utils import generate_unique_id
from starlette.middleware import Middleware
from starlette.routing import compile_path

from app import __version__
from app.core import docs, faults, health, metrics, openapi, problems, secrets, service, telemetry
from app.core.clients import Proxies
from app.core.cors import Cors
from app.core.envelope import Envelope
from app.core.gate import Gate, Paths
from app.core.running import name_of, running
from app.core.service import Mount
from app.core.settings import Settings, SettingsError
from app.core.state import Readiness, State


def create_app(environ: MutableMapping[str, str] = os.environ, auto_metrics: metrics.Format | None = None) -> FastAPI:
    """Return the app for an environment; raises `SettingsError` when a setting is wrong.

    `auto_metrics` is what METRICS=auto means for the entry that asks; without it, no metrics.
    """
    settings, mounts = _read(environ)
    telemetry.check(settings)
    fault = faults.Faults()
    checks = service.checks(mounts) | ({"faults": fault.none_asked_for} if settings.faults else {})
    recorder = metrics.recorder(settings, name_of(mounts), auto_metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[State]:
        async with running(settings, mounts, recorder, environ):
            state: State = {"readiness": Readiness(checks), "api_keys": Settings.from_environ(environ).api_keys}
            state["readiness"].ready = True
            yield state
            state["readiness"].ready = False

    base = _base(mounts)
    needs_key = bool(settings.api_keys) or "API_KEYS" in secrets.names(environ)
    paths = Paths.of(settings.health_path, base, {mount.prefix: mount.service.keyless for mount in mounts})
    app = FastAPI(
        title="Modeshift",
        version=__version__,
        lifespan=lifespan,
        middleware=list(_middleware(settings, recorder, paths, needs_key=needs_key)),
        responses=problems.any_problem(),
        redirect_slashes=False,
        docs_url=None,
        openapi_url=f"{base}/openapi.json",
        redoc_url=None,
        telemetry={"logs": False, "operation_spans": False, "auto_configure": False},
    )
    problems.install(app)
    openapi.install(app, paths, needs_key=needs_key)
    docs.install(app, base)
    for prefix in sorted({"", *(mount.prefix for mount in mounts)}):
        _add(app, health.router(settings), prefix, described=prefix == base)
    for mount in mounts:
        _add(app, mount.service.router, mount.prefix)
    if settings.faults:
        _add(app, faults.router(fault), base)
    if len(mounts) == 1:
        _describe(app, mounts[0].name)
    return app


def _read(environ: MutableMapping[str, str]) -> tuple[Settings, list[Mount]]:
    """Read the settings of core and services; what is wrong with either is told at once."""
    wrong: dict[str, None] = {}
    settings, mounts = None, None
    try:
        settings = Settings.from_environ(environ)
    except SettingsError as error:
        wrong |= dict.fromkeys(str(error).splitlines())
    try:
        mounts = service.mounts(environ.get("SERVICES", ""), environ)
    except SettingsError as error:
        wrong |= dict.fromkeys(str(error).splitlines())
    if settings is None or mounts is None:
        raise SettingsError("\n".join(wrong))
    return settings, mounts


def _middleware(
    settings: Settings, recorder: metrics.Recorder | None, paths: Paths, *, needs_key: bool
) -> Iterator[Middleware]:
    """Yield what is around the routes, the outermost first. All of it is plain ASGI: no tasks or queues in between."""
    # What follows may answer in its stead; those answers too have an id and the headers, are counted and logged.
    yield Middleware(Envelope, proxies=Proxies(settings.trusted_proxies, settings.proxy_header), recorder=recorder)
    # Before the gate: a browser asks for permission without a key, and must be able to read a refusal.
    if settings.cors_origins:
        yield Middleware(Cors, origins=settings.cors_origins)
    yield Middleware(
        Gate, rate=settings.rate_limit, paths=paths, needs_key=needs_key, longest_body=settings.max_body_bytes
    )
    # Innermost, so that everything outside of it sees a response and no exception.
    yield Middleware(problems.CatchErrors)


def _base(mounts: Sequence[Mount]) -> str:
    """Return where the app's own pages are: a front door hands a lone service nothing but what is below its route."""
    return mounts[0].prefix if len(mounts) == 1 else ""


def _add(app: FastAPI, router: APIRouter, prefix: str, *, described: bool = True) -> None:
    """Add a router's routes below a prefix.

    One by one, where that can be done: FastAPI looks through an included router twice for every request that comes by.
    """
    routes = [copy(route) for route in router.routes if isinstance(route, APIRoute)]
    if len(routes) < len(router.routes):
        app.include_router(router, prefix=prefix, include_in_schema=described)
        return
    for route in routes:
        # FastAPI would serve a service's own `/` at `/users/`; callers ask for `/users`.
        route.path = prefix if prefix and route.path == "/" else prefix + route.path
        route.path_regex, route.path_format, route.param_convertors = compile_path(route.path)
        route.unique_id = route.operation_id or generate_unique_id(route)
        route.responses = problems.any_problem() | route.responses
        route.include_in_schema = route.include_in_schema and described
        app.router.routes.append(route)


def _describe(app: FastAPI, name: str) -> None:
    """Let a lone service's manifest name the OpenAPI document, once somebody asks for it."""
    described = app.openapi

    def openapi() -> dict[str, object]:
        manifest = service.manifest(name)
        app.title, app.description = manifest.title, manifest.summary
        return described()

    app.openapi = openapi
