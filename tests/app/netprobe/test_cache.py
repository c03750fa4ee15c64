"""Many who ask the same cause one probe."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest

from app.services.netprobe import cache as module
from app.services.netprobe.cache import Answer, Cache


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Search:
    """Counts how often it is asked for an answer; `gate` holds the answer back."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def __call__(self) -> str:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.error:
            raise self.error
        return f"answer {number}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache[str]:
    return Cache(5, keep=lambda _: True, clock=clock)


def run(scenario: Callable[[Search], Awaitable[None]]) -> Search:
    async def start() -> Search:
        search = Search()
        await scenario(search)
        return search

    return asyncio.run(start())


def test_an_answer_is_given_again_for_some_seconds(cache: Cache[str], clock: Clock) -> None:
    async def scenario(search: Search) -> None:
        assert await cache.get("a", search) == Answer("answer 1", 0)
        clock.now += 4.5
        assert await cache.get("a", search) == Answer("answer 1", 4.5)
        assert await cache.get("b", search) == Answer("answer 2", 0)
        clock.now += 0.5
        assert await cache.get("a", search) == Answer("answer 3", 0)

    assert run(scenario).asked == 3


def test_fifty_who_ask_at_once_cause_one_search(cache: Cache[str]) -> None:
    async def scenario(search: Search) -> None:
        search.gate.clear()
        asking = [asyncio.create_task(cache.get("a", search)) for _ in range(50)]
        await asyncio.sleep(0)
        search.gate.set()
        assert set(await asyncio.gather(*asking)) == {Answer("answer 1", 0)}

    assert run(scenario).asked == 1


def test_the_first_may_leave_while_others_wait(cache: Cache[str]) -> None:
    async def scenario(search: Search) -> None:
        search.gate.clear()
        first, second = (asyncio.create_task(cache.get("a", search)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        search.gate.set()
        assert await second == Answer("answer 1", 0)
        assert first.cancelled()

    assert run(scenario).asked == 1


def test_what_kept_one_from_an_answer_is_not_held_against_others(cache: Cache[str]) -> None:
    async def refused() -> str:
        await asyncio.sleep(0)
        raise PermissionError("the first one's limit")

    async def scenario(search: Search) -> None:
        first = asyncio.create_task(cache.get("a", refused))
        await asyncio.sleep(0)
        second = asyncio.create_task(cache.get("a", search))
        with pytest.raises(PermissionError):
            await first
        assert await second == Answer("answer 1", 0)

    assert run(scenario).asked == 1


def test_an_error_is_never_remembered(cache: Cache[str]) -> None:
    async def scenario(search: Search) -> None:
        search.error = RuntimeError("a mistake")
        for _ in range(2):
            with pytest.raises(RuntimeError):
                await cache.get("a", search)
        search.error = None
        assert (await cache.get("a", search)).value == "answer 3"

    assert run(scenario).asked == 3


def test_an_error_that_nobody_waits_for_disturbs_nobody(cache: Cache[str]) -> None:
    complaints: list[object] = []

    async def scenario(search: Search) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        search.gate.clear()
        search.error = RuntimeError("a mistake")
        asking = asyncio.create_task(cache.get("a", search))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.sleep(0)
        search.gate.set()
        await asyncio.sleep(0.01)
        gc.collect()

    run(scenario)
    assert complaints == []


def test_what_is_not_worth_keeping_is_searched_anew(clock: Clock) -> None:
    cache = Cache[str](5, keep=lambda answer: answer != "answer 1", clock=clock)

    async def scenario(search: Search) -> None:
        assert [(await cache.get("a", search)).value for _ in range(3)] == ["answer 1", "answer 2", "answer 2"]

    run(scenario)


def test_zero_seconds_turn_it_off(clock: Clock) -> None:
    cache = Cache[str](0, keep=lambda _: True, clock=clock)

    async def scenario(search: Search) -> None:
        search.gate.clear()
        asking = [asyncio.create_task(cache.get("a", search)) for _ in range(3)]
        await asyncio.sleep(0)
        search.gate.set()
        await asyncio.gather(*asking)

    assert run(scenario).asked == 3


def test_memory_is_bounded(cache: Cache[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ANSWERS", 3)

    async def scenario(search: Search) -> None:
        for key in "abcd":
            await cache.get(key, search)
        assert [(await cache.get(key, search)).age for key in "bcd"] == [0, 0, 0]
        assert search.asked == 4
        await cache.get("a", search)
        assert search.asked == 5

    run(scenario)
    assert len(cache._answers) == 3
    assert not cache._searches
