"""The app, put together from core and services."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import __version__
from app.core import health, problems, secrets
from app.core.settings import Settings
from app.services import netprobe


def create_app(environ: MutableMapping[str, str] = os.environ) -> FastAPI:
    """Return the app for an environment; raises `SettingsError` when a setting is wrong."""
    settings = Settings.from_environ(environ)
    readiness = health.Readiness()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        secrets.load(environ)
        readiness.ready = True
        yield
        readiness.ready = False

    app = FastAPI(
        title="Modeshift",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,
    )
    problems.install(app)
    app.include_router(health.router(settings, readiness))
    app.include_router(netprobe.router(environ), prefix="/v1")
    return app
