"""The app, put together from core and the services that the environment names."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.routing import Route

from app import __version__
from app.core import faults, health, metrics, problems, secrets, service, telemetry
from app.core.service import Mount
from app.core.settings import Settings


def create_app(environ: MutableMapping[str, str] = os.environ, auto_metrics: metrics.Format | None = None) -> FastAPI:
    """Return the app for an environment; raises `SettingsError` when a setting is wrong.

    `auto_metrics` is what METRICS=auto means for the entry that asks; without it, no metrics.
    """
    settings = Settings.from_environ(environ)
    telemetry.check(settings)
    mounts = service.mounts(settings.services, environ)
    fault = faults.Faults()
    readiness = health.Readiness(
        checks=service.checks(mounts) | ({"faults": fault.none_asked_for} if settings.faults else {})
    )
    name = mounts[0].name if len(mounts) == 1 else "modeshift"
    recorder = metrics.recorder(settings, name, auto_metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        secrets.load(environ)
        async with AsyncExitStack() as opened:
            opened.enter_context(telemetry.exported(settings, name, environ))
            if recorder is not None:
                opened.enter_context(recorder.offered())
            for mount in mounts:
                if mount.service.lifespan is not None:
                    await opened.enter_async_context(mount.service.lifespan())
            readiness.ready = True
            yield
            readiness.ready = False

    base = _base(mounts)
    app = FastAPI(
        title="Modeshift",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=f"{base}/docs",
        openapi_url=f"{base}/openapi.json",
        redoc_url=None,
        telemetry={"logs": False, "operation_spans": False, "auto_configure": False},
    )
    problems.install(app)
    if recorder is not None:
        app.add_middleware(metrics.MetricsMiddleware, recorder=recorder)
    _mount(app, mounts, health.router(settings, readiness), base)
    if settings.faults:
        app.include_router(faults.router(fault), prefix=base)
    return app


def _base(mounts: Sequence[Mount]) -> str:
    """Return where the app's own pages are: a front door hands a lone service nothing but what is below its route."""
    return mounts[0].prefix if len(mounts) == 1 else ""


def _mount(app: FastAPI, mounts: Sequence[Mount], about: APIRouter, base: str) -> None:
    """Include the services below their routes, and what tells about them there and, for target groups, at the root."""
    for prefix in sorted({"", *(mount.prefix for mount in mounts)}):
        app.include_router(about, prefix=prefix, include_in_schema=prefix == base)
    for mount in mounts:
        routes = mount.service.router
        for route in routes.routes:
            # FastAPI would serve a service's own `/` at `/users/`; callers ask for `/users`.
            if mount.prefix and isinstance(route, Route) and route.path == "/":
                route.path = ""
        app.include_router(routes, prefix=mount.prefix)
    if len(mounts) == 1:
        _describe(app, mounts[0].name)


def _describe(app: FastAPI, name: str) -> None:
    """Let a lone service's manifest name the OpenAPI document, once somebody asks for it."""
    described = app.openapi

    def openapi() -> dict[str, object]:
        manifest = service.manifest(name)
        app.title, app.description = str(manifest["title"]), str(manifest["summary"])
        return described()

    app.openapi = openapi
