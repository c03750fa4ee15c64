"""Answers of the last few seconds, so that many who ask the same cause one probe."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_MOST_ANSWERS = 1_000

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What was found out, and how many seconds ago."""

    value: T
    age: float


@dataclass
class Cache(Generic[T]):
    """Remembers answers for some seconds, and lets those who ask meanwhile wait for the one that is being found.

    `keep` says which answers are worth remembering: a mistake of ours is none.
    """

    seconds: float
    keep: Callable[[T], bool]
    clock: Callable[[], float] = time.monotonic
    _answers: OrderedDict[str, tuple[float, T]] = field(default_factory=OrderedDict[str, tuple[float, T]])
    _searches: dict[str, asyncio.Task[T]] = field(default_factory=dict[str, "asyncio.Task[T]"])

    async def get(self, key: str, find: Callable[[], Awaitable[T]]) -> Answer[T]:
        """Return a remembered answer, or the one that `find` returns."""
        if not self.seconds:
            return Answer(await find(), 0)
        known = self._answers.get(key)
        if known is not None and (age := self.clock() - known[0]) < self.seconds:
            return Answer(known[1], age)
        search = self._searches.get(key)
        if search is not None:
            return await self._joined(search, find)
        search = asyncio.create_task(self._found(key, find))
        search.add_done_callback(_noted)
        self._searches[key] = search
        # Shielded: whoever asked first may leave while others wait for the same answer.
        return Answer(await asyncio.shield(search), 0)

    async def _joined(self, search: asyncio.Task[T], find: Callable[[], Awaitable[T]]) -> Answer[T]:
        try:
            return Answer(await asyncio.shield(search), 0)
        except Exception:  # noqa: BLE001 what kept the first from an answer, its own limits for one, need not keep us
            return Answer(await find(), 0)

    async def _found(self, key: str, find: Callable[[], Awaitable[T]]) -> T:
        try:
            value = await find()
        finally:
            del self._searches[key]
        if self.keep(value):
            self._answers.pop(key, None)
            self._answers[key] = (self.clock(), value)
            while len(self._answers) > _MOST_ANSWERS:
                self._answers.popitem(last=False)
        return value


def _noted(search: asyncio.Task[T]) -> None:
    # Those who asked may all have left; an error that nobody sees would be reported as forgotten.
    if not search.cancelled():
        search.exception()
