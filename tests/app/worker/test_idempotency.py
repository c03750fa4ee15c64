"""The work of a key is done once, whoever asks, and what fails is not done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from app.core import idempotency
from app.core.idempotency import InProgressError, Once
from tests.app.worker.desk import Desk


@pytest.fixture
def once(desk: Desk) -> Once:
    return Once(desk.environ["IDEMPOTENCY_TABLE"], "jobs", desk.dynamodb)


class Work:
    """Counts how often it was done; `fails` or `waits` first where it is told to."""

    def __init__(self, fails: Exception | None = None, waits: asyncio.Event | None = None) -> None:
        self.done = 0
        self.begun = asyncio.Event()
        self.fails, self.waits = fails, waits

    async def __call__(self) -> None:
        self.begun.set()
        if self.waits:
            await self.waits.wait()
        if self.fails:
            raise self.fails
        self.done += 1


def run(act: Callable[[], Awaitable[object]]) -> None:
    async def go() -> None:
        await act()

    asyncio.run(go())


def test_the_second_time_nothing_is_done(once: Once, desk: Desk) -> None:
    work = Work()

    async def act() -> None:
        assert await once.run("a", work, 60)
        assert not await once.run("a", work, 60)
        assert await once.run("b", work, 60)

    run(act)
    assert work.done == 2
    assert {record["status"]["S"] for record in desk.records()} == {"COMPLETED"}
    assert all(record["id"]["S"].startswith("jobs#") for record in desk.records())


def test_a_key_belongs_to_its_trigger(desk: Desk) -> None:
    work = Work()

    async def act() -> None:
        for trigger in ("jobs", "others"):
            assert await Once(desk.environ["IDEMPOTENCY_TABLE"], trigger, desk.dynamodb).run("a", work, 60)

    run(act)
    assert work.done == 2


def test_what_fails_leaves_nothing_and_can_be_tried_again(once: Once, desk: Desk) -> None:
    async def act() -> None:
        with pytest.raises(RuntimeError, match="no way"):
            await once.run("a", Work(fails=RuntimeError("no way")), 60)
        assert desk.records() == []
        assert await once.run("a", Work(), 60)

    run(act)


def test_of_many_at_once_one_does_it_and_the_others_are_told_how_long_it_may_take(once: Once) -> None:
    async def act() -> None:
        gate = asyncio.Event()
        work = Work(waits=gate)
        first = asyncio.create_task(once.run("a", work, 60))
        await work.begun.wait()
        others = await asyncio.gather(*(once.run("a", work, 60) for _ in range(5)), return_exceptions=True)
        assert [type(other) for other in others] == [InProgressError] * 5
        assert all(50 < other.seconds <= 71 for other in others if isinstance(other, InProgressError))
        gate.set()
        assert await first
        assert work.done == 1

    run(act)


def test_what_a_dead_worker_began_can_be_done_when_its_time_is_over(
    once: Once, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "_MARGIN", -10)
    work = Work()

    async def act() -> None:
        # As if killed: begun long ago by its own account, and never ended.
        await asyncio.to_thread(once._store.save_inprogress, {"key": "a"}, -1)
        assert await once.run("a", work, 60)

    run(act)
    assert work.done == 1


def test_what_takes_too_long_is_cancelled_and_not_done(once: Once, desk: Desk) -> None:
    async def act() -> None:
        with pytest.raises(TimeoutError, match="not done within 0 s"):
            await once.run("a", Work(waits=asyncio.Event()), 0.05)
        with pytest.raises(TimeoutError, match="its own"):
            await once.run("a", Work(fails=TimeoutError("its own")), 60)

    run(act)
    assert desk.records() == []


def test_work_that_is_cancelled_is_not_done(once: Once, desk: Desk) -> None:
    async def act() -> None:
        work = Work(waits=asyncio.Event())
        task = asyncio.create_task(once.run("a", work, 60))
        await work.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(act)
    assert desk.records() == []


def test_work_that_is_done_stays_done_when_that_cannot_be_noted(
    once: Once, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    async def lose_the_table() -> None:
        await asyncio.to_thread(desk.dynamodb.delete_table, TableName=desk.environ["IDEMPOTENCY_TABLE"])

    async def act() -> None:
        with caplog.at_level(logging.ERROR):
            assert await once.run("a", lose_the_table, 60)
        with pytest.raises(desk.dynamodb.exceptions.ResourceNotFoundException):
            await once.run("b", Work(), 60)

    run(act)
    assert "that could not be noted" in caplog.text
