"""Who may send traffic here, and what runs here."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app import __version__
from app.core.problems import ProblemError, documented
from app.core.settings import Settings
from app.core.state import state_of

_ARCHITECTURES = {"aarch64": "arm64"}


class Status(BaseModel):
    """The process lives, or is ready for requests."""

    status: Literal["ok", "ready"]


class Version(BaseModel):
    """What runs here."""

    name: str
    version: str
    commit: str
    architecture: str


def router(settings: Settings) -> APIRouter:
    """Return the routes for load balancers, orchestrators and people."""
    routes = APIRouter(tags=["health"])
    machine = os.uname().machine
    version = Version(
        name="modeshift",
        version=__version__,
        commit=settings.commit,
        architecture=_ARCHITECTURES.get(machine, machine),
    )

    @routes.get(settings.health_path)
    async def live() -> Status:
        """Tell that the process lives; depends on nothing else, so that no outage elsewhere restarts it."""
        return Status(status="ok")

    @routes.get("/ready", responses=documented(HTTPStatus.SERVICE_UNAVAILABLE))
    async def ready(request: Request) -> Status:
        """Tell whether requests may be sent here."""
        state = state_of(request.scope)
        if state is None or not state["readiness"].ready:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "Not started yet, or about to stop.")
        if missing := await state["readiness"].missing():
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"Waiting for {', '.join(missing)}.")
        return Status(status="ready")

    @routes.get("/version")
    async def what_runs() -> Version:
        """Tell what runs here."""
        return version

    return routes
