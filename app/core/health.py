"""Who may send traffic here, and what runs here."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from app import __version__
from app.core.problems import ProblemError, documented
from app.core.settings import Settings

_ARCHITECTURES = {"aarch64": "arm64"}
_PATIENCE = 2
_LOG = logging.getLogger(__name__)


class Status(BaseModel):
    """The process lives, or is ready for requests."""

    status: Literal["ok", "ready"]


class Version(BaseModel):
    """What runs here."""

    name: str
    version: str
    commit: str
    architecture: str


Check = Callable[[], Awaitable[bool]]


@dataclass
class Readiness:
    """Whether start-up is done, shutdown has not begun, and what the services depend on is there."""

    checks: Mapping[str, Check] = field(default_factory=dict[str, Check])
    ready: bool = False

    async def missing(self) -> list[str]:
        """Return the checks that fail, or do not answer within what a load balancer waits."""
        answers = await asyncio.gather(*(_passes(check) for check in self.checks.values()))
        return [name for name, passed in zip(self.checks, answers, strict=True) if not passed]


async def _passes(check: Check) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await check()
    except Exception:  # noqa: BLE001 whatever a check raises, it did not pass
        # What went wrong is for the log; the caller learns which check it was.
        _LOG.exception("A readiness check failed")
        return False


def router(settings: Settings, readiness: Readiness) -> APIRouter:
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
    async def ready() -> Status:
        """Tell whether requests may be sent here."""
        if not readiness.ready:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "Not started yet, or about to stop.")
        if missing := await readiness.missing():
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"Waiting for {', '.join(missing)}.")
        return Status(status="ready")

    @routes.get("/version")
    async def what_runs() -> Version:
        """Tell what runs here."""
        return version

    return routes
