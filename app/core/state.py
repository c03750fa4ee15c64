"""What start-up hands to every request: the lifespan yields it, the server puts it into each scope."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.api_keys import ApiKey

Check = Callable[[], Awaitable[bool]]

_PATIENCE = 2
_log = logging.getLogger(__name__)


@dataclass
class Readiness:
    """Whether start-up is done, shutdown has not begun, and what the services depend on is there."""

    checks: Mapping[str, Check] = field(default_factory=dict[str, Check])
    ready: bool = False

    async def missing(self) -> list[str]:
        """Return the checks that fail, or do not answer within what a load balancer waits."""
        answers = await asyncio.gather(*(_passes(check) for check in self.checks.values()))
        return [name for name, passed in zip(self.checks, answers, strict=True) if not passed]


class State(TypedDict):
    """What lives from start-up to shutdown."""

    readiness: Readiness
    api_keys: tuple[ApiKey, ...]


def state_of(scope: Scope) -> State | None:
    """Return the state of the app that answers a request; none before start-up."""
    return cast("State | None", scope.get("state") or None)


def with_state(app: ASGIApp, state: State) -> ASGIApp:
    """Return an app whose start-up has run, for where no server hands its state on."""

    async def started(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {**state}
        await app(scope, receive, send)

    return started


async def _passes(check: Check) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await check()
    except Exception:  # noqa: BLE001 whatever a check raises, it did not pass
        # What went wrong is for the log; the caller learns which check it was.
        _log.exception("A readiness check failed")
        return False
