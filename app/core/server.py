"""HTTP in a container: uvicorn, and an end that loses no request.

At SIGTERM /ready turns 503 and requests are served on, each answer closing its connection, until whoever sends them
has had the time to notice. Then nothing new is accepted, what is under way finishes, and the exit code is 0.
"""

from __future__ import annotations

import logging
import os
import signal
from time import monotonic
from types import FrameType
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from app.core.settings import Settings
from app.core.state import State

_KEEP_ALIVE = 75
"""Longer than a load balancer keeps a connection idle (60 s); shorter shows as stray 502s."""
_GRACE = 120
"""Seconds for requests under way after the drain, the most that ECS waits. What runs the app kills it earlier, by the
longest request that the service's stack allows."""

_log = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """A server that tells before it goes."""

    def __init__(self, config: uvicorn.Config, drain_seconds: int) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._leaves_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 uvicorn calls it so
        """Begin to leave, or leave at once when asked again or not serving yet."""
        if self._leaves_at is not None:
            _log.warning("Asked again to stop: requests under way are cut off")
            os._exit(128 + sig)
        self._leaves_at = monotonic()
        if not self.started:
            self.should_exit = True
            return
        cast("State", self.lifespan.state)["readiness"].ready = False
        # Whoever presses Ctrl+C sends no more requests.
        if sig == signal.SIGTERM:
            self._leaves_at += self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Tell uvicorn's loop whether to end; it asks ten times a second."""
        if self._leaves_at is not None and monotonic() >= self._leaves_at:
            self.should_exit = True
        return await super().on_tick(counter)


def serve(app: ASGIApp, settings: Settings) -> None:
    """Serve an app until a signal ends it."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        # `Proxies` reads these headers, and believes as many hops as the settings say.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    DrainingServer(config, settings.drain_seconds).run()
