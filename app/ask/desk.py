"""Where a service takes sources and hands out results, whether at once, after a while or by a worker."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from app.ask.results import HASH, Result, Results, digest
from app.ask.work import Work
from app.core.aws import Aws, AwsError
from app.core.messages import Message, Rejected
from app.core.problems import ProblemError

R = TypeVar("R", bound=Result)

_FIRST_LOOK = 0.1
_LAST_LOOK = 2

_log = logging.getLogger(__name__)


class JobMessage(BaseModel):
    """What the worker is told: whose source it finds among the jobs."""

    hash: str = Field(pattern=HASH)


@dataclass(frozen=True)
class Desk(Generic[R]):
    """Takes sources in; one for an instance.

    `make` makes a result of a source and its hash; it is called once at a time for each hash, by whoever holds the
    lease. `is_quick` tells the sources that need no worker. `queue` is what feeds the worker, and unset there.
    """

    aws: Aws
    results: Results[R]
    work: Work
    make: Callable[[str, str], Awaitable[R]]
    is_quick: Callable[[str], bool]
    queue: str
    wait_seconds: float

    async def take(self, source: str, wait: float | None) -> R | None:
        """Return the result of a source, or nothing when a job was made of it.

        `wait` is what the caller says: seconds to wait for the result, 0 not to, nothing to leave it to us.
        """
        key = digest(source)
        known = await self.known(key)
        if known is not None:
            return known
        longest = min(self.wait_seconds if wait is None else wait, self.wait_seconds)
        if self.is_quick(source) and longest:
            with suppress(TimeoutError):
                async with asyncio.timeout(longest):
                    return await self.once(key, source)
            longest = 0
        await self._send(key, source)
        # A job is long as a rule: who did not ask to wait gets its address at once.
        return await self._appears(key, longest) if wait else None

    async def is_under_way(self, key: str) -> bool:
        """Tell whether somebody works on a source, or will."""
        return await self.work.is_under_way(key)

    async def once(self, key: str, source: str) -> R:
        """Return the result of a source, made here or by whoever is at it already."""
        for pause in _pauses():
            async with self.work.lease(key) as ours:
                # Also after waiting: whoever had the lease before has left a result.
                known = await self.known(key)
                if known is not None:
                    return known
                if ours:
                    async with asyncio.timeout(self.work.seconds):
                        result = await self.make(key, source)
                    await self.results.put(result)
                    return result
            await asyncio.sleep(pause)
        raise AssertionError("the pauses never end")

    async def consume(self, message: Message) -> None:
        """Do a job: the consumer of the trigger `jobs`."""
        key = message.read(JobMessage).hash
        source = await self.work.job(key)
        if source is None:
            if await self.known(key) is None:
                raise Rejected("there is no source for this job: it was done, or is older than a day")
            return
        await self.once(key, source)
        await self.work.drop_job(key)

    async def known(self, key: str) -> R | None:
        """Return a result that was found before."""
        known = await self.results.get(key)
        return known.model_copy(update={"cached": True}) if known is not None else None

    async def _send(self, key: str, source: str) -> None:
        if not self.queue:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE, "This takes a worker, and JOBS_QUEUE names no queue of one."
            )
        if not await self.work.add_job(key, source):
            return
        try:
            await self.aws.call(
                "sqs", "send_message", QueueUrl=self.queue, MessageBody=json.dumps({"hash": key}, separators=(",", ":"))
            )
        except AwsError:
            # The worker was not told, so the caller has to come again and find no job in the way.
            await self.work.drop_job(key)
            raise
        _log.info("Job sent", extra={"fields": {"hash": key, "characters": len(source)}})

    async def _appears(self, key: str, seconds: float) -> R | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for pause in _pauses():
                    known = await self.known(key)
                    if known is not None:
                        return known
                    await asyncio.sleep(pause)
        return None


def _pauses() -> Iterator[float]:
    """Yield ever longer pauses, without end."""
    longest = _FIRST_LOOK
    while True:
        # Not all at the same moment.
        yield random.uniform(longest / 2, longest)  # noqa: S311 no secret
        longest = min(2 * longest, _LAST_LOOK)
