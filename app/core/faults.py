"""Faults on request, so that alarms, rollbacks and retries can be seen at work.

These routes exist where FAULTS is set, which no environment but dev accepts; elsewhere they are an unknown path.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, NoReturn

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator

from app.core.health import Status
from app.core.problems import ProblemError, documented

_EXIT_CODE = 70
"""An internal error of the software, as sysexits.h numbers it; tells it apart from codes that others give."""

_PROBLEM = documented(HTTPStatus.INTERNAL_SERVER_ERROR)[HTTPStatus.INTERNAL_SERVER_ERROR] | {"description": "The fault"}

_log = logging.getLogger(__name__)


def _known(code: int) -> int:
    HTTPStatus(code)
    return code


Seconds = Annotated[float, Query(ge=0, le=60, description="How long to wait.")]
Code = Annotated[int, Path(ge=400, le=599, description="A registered status."), AfterValidator(_known)]


@dataclass
class Faults:
    """What is broken on request."""

    unready: bool = False

    async def none_asked_for(self) -> bool:
        """Answer the readiness check."""
        return not self.unready


def router(faults: Faults) -> APIRouter:
    """Return the routes that break things."""
    routes = APIRouter(prefix="/faults", tags=["faults"], responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY))

    @routes.get("/delay")
    async def delay(seconds: Seconds) -> Status:
        """Answer late; other requests are not held up."""
        await asyncio.sleep(seconds)
        return Status(status="ok")

    @routes.get("/status/{code}", response_model=None, responses={"4XX": _PROBLEM, "5XX": _PROBLEM})
    async def status(code: Code) -> NoReturn:
        """Answer with an error status."""
        raise ProblemError(HTTPStatus(code), "Asked for.")

    @routes.put("/unready")
    async def unready() -> Status:
        """Let /ready answer 503 until this is deleted or the process ends."""
        faults.unready = True
        return Status(status="ok")

    @routes.delete("/unready")
    async def no_longer_unready() -> Status:
        """Let /ready tell the truth again."""
        faults.unready = False
        return Status(status="ok")

    @routes.post("/crash", response_model=None)
    async def crash() -> NoReturn:
        """End the process at once, in the middle of every request; nobody gets an answer."""
        _log.critical("A crash was asked for")
        os._exit(_EXIT_CODE)

    return routes
