"""Finds targets that close idle connections earlier than their load balancer does.

Such a target now and then closes a connection just when a request is sent over it, and the client gets a 502 that no
log of the target tells of: the usual cause of those (ELB user guide: troubleshooting, HTTP 502).
"""

from __future__ import annotations

import asyncio
import contextlib

from sandbox.workloads.balancers.model import GroupSpec
from sandbox.workloads.context import Context
from sandbox.workloads.surfaces import Target

_READ = 65_536


class KeepAlive:
    """Looks once at each target group how long a healthy target of it keeps an idle connection."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._looks: dict[tuple[str, float], asyncio.Task[None]] = {}

    def look(self, target: Target, group: GroupSpec, idle: float) -> None:
        """Hold a connection open as long as the load balancer would, and warn when the target does not."""
        key = group.arn, idle
        if key not in self._looks and group.kind != "lambda":
            self._looks[key] = asyncio.create_task(self._look(target, group, idle), name=f"idle to {target.id}")

    async def close(self) -> None:
        """End every look."""
        looks = list(self._looks.values())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    async def _look(self, target: Target, group: GroupSpec, idle: float) -> None:
        kept = await _kept(target, group.check.path, idle)
        # A target that has just ended closes its connections too.
        if kept is None or await _kept(target, group.check.path, 0) is None:
            return
        text = (
            f"Closes idle connections after {kept:.0f} seconds, the load balancer after {idle:.0f}: now and then a "
            f"request meets a closing connection and is answered with 502. Keep them for more than {idle:.0f} seconds."
        )
        self._context.events.add(target.subject or group.subject, "health", text, stack=group.stack, level="warning")


async def _kept(target: Target, path: str, seconds: float) -> float | None:
    """Return after how many seconds a target closed an idle connection; None if it did not, or keeps none at all.

    For no seconds the answer is 0 when the target still answers.
    """
    try:
        reader, writer = await asyncio.open_connection(target.host, target.port)
    except OSError:
        return None
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {target.id}\r\n\r\n".encode())
        said = await reader.read(_READ)
        if not said or b"\r\nconnection: close" in said.lower():
            return None
        if seconds == 0:
            return 0.0
        return await _silence(reader, seconds)
    except OSError:
        return None
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _silence(reader: asyncio.StreamReader, seconds: float) -> float | None:
    loop = asyncio.get_running_loop()
    last = loop.time()
    while True:
        try:
            async with asyncio.timeout_at(last + seconds):
                said = await reader.read(_READ)
        except TimeoutError:
            return None
        if not said:
            return loop.time() - last
        last = loop.time()
