"""A worker in a container: it takes messages from its queues, as many at once as it may, until it is told to stop.

Each message is hidden for a lease that is renewed while it is worked on, so that what a dead worker held comes back
soon. When told to stop it takes no more, ends what is under way, and gives back what that takes too long for.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from time import monotonic

from app.core.queues import AWS_ERRORS, LEASE, Delivery, Queues
from app.core.work import Work
from app.core.worker_settings import WorkerSettings

_BEAT = 10
"""Seconds between signs of life."""
_FIRST_PAUSE = 1
_LONGEST_PAUSE = 60

_log = logging.getLogger(__name__)


async def pull(settings: WorkerSettings, queues: Queues, work: Work, stop: asyncio.Event) -> None:
    """Work on the messages of all queues until told to stop."""
    beating = asyncio.create_task(_beat(settings.heartbeat_path))
    pullers = [_Puller(trigger, settings, queues, work, stop) for trigger in sorted(settings.queues)]
    try:
        async with asyncio.TaskGroup() as group:
            for puller in pullers:
                group.create_task(puller.run())
    finally:
        beating.cancel()


class _Puller:
    """Takes the messages of one queue."""

    def __init__(self, trigger: str, settings: WorkerSettings, queues: Queues, work: Work, stop: asyncio.Event) -> None:
        self._trigger = trigger
        self._settings = settings
        self._queues = queues
        self._work = work
        self._stop = stop
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take messages until told to stop; return when none is under way any more."""
        stopped = asyncio.create_task(self._stopped_at())
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            if not (room := self._settings.worker_concurrency - len(self._under_way)):
                await asyncio.wait({stopped, *self._under_way}, return_when=asyncio.FIRST_COMPLETED)
                continue
            try:
                deliveries = await self._queues.take(self._trigger, room)
            except AWS_ERRORS as error:
                seconds = random.uniform(pause / 2, pause)  # noqa: S311 nothing secret
                _log.error("The queue of %s cannot be read, next try in %.0f s: %s", self._trigger, seconds, error)
                await asyncio.wait({stopped}, timeout=seconds)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            for delivery in deliveries:
                task = asyncio.create_task(self._take(delivery))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        if self._under_way:
            await self._leave(await stopped + self._settings.stop_seconds)

    async def _stopped_at(self) -> float:
        await self._stop.wait()
        return monotonic()

    async def _leave(self, by: float) -> None:
        _, late = await asyncio.wait(self._under_way, timeout=max(0, by - monotonic()))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _take(self, delivery: Delivery) -> None:
        if self._stop.is_set():
            await self._tell(self._queues.hide(delivery, 0), "given back")
            return
        renewing = asyncio.create_task(self._renew(delivery))
        try:
            verdict = await self._work.do(delivery, self._settings.worker_timeout)
        except asyncio.CancelledError:
            await self._tell(self._queues.hide(delivery, 0), "given back")
            raise
        finally:
            renewing.cancel()
        if verdict.over:
            await self._tell(self._queues.delete(delivery), "deleted")
        else:
            await self._tell(self._queues.hide(delivery, verdict.retry_after), "put off")

    async def _renew(self, delivery: Delivery) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            await self._tell(self._queues.hide(delivery, LEASE), "kept hidden")

    async def _tell(self, call: Awaitable[None], what: str) -> None:
        """Wait for a call that may fail: the message comes back by itself, and what was done of it is known."""
        try:
            await call
        except AWS_ERRORS as error:
            _log.warning("A message of %s could not be %s: %s", self._trigger, what, error)


async def _beat(path: str) -> None:
    while path:
        _touch(path)
        await asyncio.sleep(_BEAT)


def _touch(path: str) -> None:
    with suppress(OSError):
        Path(path).touch()
