"""The worker of a container, in this process: what it does with its queues while all is well, and while it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from app.core import pulling, queues
from app.core.messages import Message, Rejected
from app.core.pulling import pull
from app.core.workers import Worker, open_worker
from tests.app.worker.desk import Desk

PATIENCE = 30

Act = Callable[[Worker], Awaitable[None]]


def work(desk: Desk, act: Act, **environ: str) -> None:
    """Run a worker for as long as a test acts, and stop it as SIGTERM does."""

    async def go() -> None:
        stop = asyncio.Event()
        async with open_worker({**desk.environ, **environ}, "prometheus") as worker:
            running = asyncio.create_task(pull(worker.settings, worker.queues, worker.work, stop))
            try:
                await asyncio.wait_for(act(worker), PATIENCE)
            finally:
                stop.set()
                await asyncio.wait_for(running, PATIENCE)

    asyncio.run(go())


def until(condition: Callable[[], object]) -> Act:
    async def wait(_: Worker) -> None:
        while not condition():  # noqa: ASYNC110 what is waited for is in another process as far as a test can tell
            await asyncio.sleep(0.05)

    return wait


def jobs(parcels: ModuleType) -> list[int]:
    return sorted(message.body["job"] for message in parcels.TAKEN)


@dataclass
class Failing:
    """A client of SQS whose calls fail for a while; passes all else on."""

    sqs: Any
    error: Exception
    times: int
    calls: tuple[str, ...] = ("receive_message",)

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.sqs, name)

        def call(**request: Any) -> Any:
            if name in self.calls and self.times:
                self.times -= 1
                raise self.error
            return real(**request)

        return call


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, times: int, *calls: str) -> Iterator[None]:
    """Let calls to SQS fail so many times, with no time lost in between."""
    monkeypatch.setattr(pulling, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(pulling, "_LONGEST_PAUSE", 0.01)
    real = queues.Queues.__init__

    def init(self: Any, settings: Any, sqs: Any) -> None:
        real(self, settings, Failing(sqs, error, times, *([calls] if calls else [])))

    monkeypatch.setattr(queues.Queues, "__init__", init)
    yield


def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pulling, queues):
        monkeypatch.setattr(module, "LEASE", 1)


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "ReceiveMessage")


def test_messages_of_all_triggers_are_taken_and_forgotten(desk: Desk, parcels: ModuleType) -> None:
    due = {"schedule": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/h", "time": "2026-11-21T12:00:00Z"}
    desk.send(*({"job": job} for job in range(12)))
    desk.send(due, due, trigger="hourly")
    work(desk, until(lambda: len(parcels.TAKEN) == 13 and desk.waiting("hourly") == (0, 0) == desk.waiting()))
    assert sorted(message.trigger for message in parcels.TAKEN) == ["hourly"] + ["jobs"] * 12
    assert not parcels.STATE["open"], "what the service opened is closed again"


def test_no_more_than_allowed_are_worked_on_at_once(desk: Desk, parcels: ModuleType) -> None:
    under_way, most = 0, 0

    async def act(_: Message) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.05)
        under_way -= 1

    parcels.act = act
    desk.send(*({"job": job} for job in range(9)))
    work(desk, until(lambda: len(parcels.TAKEN) == 9), WORKER_CONCURRENCY="3")
    assert most == 3


def test_what_can_never_be_done_is_parked_and_what_fails_is_tried_again(desk: Desk, parcels: ModuleType) -> None:
    async def act(message: Message) -> None:
        if message.body["job"] == 1:
            raise Rejected("the parcel is open")
        if message.attempts < 3:
            raise ConnectionError("the road is closed")

    parcels.act = act
    desk.send({"job": 1}, {"job": 2})
    work(desk, until(lambda: parcels.TAKEN and desk.waiting() == (0, 0)))
    assert [(message.body["job"], message.attempts) for message in parcels.TAKEN] == [(2, 3)]
    assert [told["reason"] for _, told in desk.parked()] == ["the parcel is open"]


def test_a_consumer_that_hangs_is_cut_off_and_its_message_tried_again(desk: Desk, parcels: ModuleType) -> None:
    async def act(message: Message) -> None:
        if message.attempts == 1:
            await asyncio.sleep(3600)

    parcels.act = act
    desk.send({"job": 1})
    work(desk, until(lambda: parcels.TAKEN), WORKER_TIMEOUT="1")
    assert [message.attempts for message in parcels.TAKEN] == [2]


def test_a_message_is_kept_hidden_while_it_is_worked_on(
    desk: Desk, parcels: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_lease(monkeypatch)
    begun: list[int] = []

    async def act(message: Message) -> None:
        begun.append(message.attempts)
        await asyncio.sleep(3)

    parcels.act = act
    desk.send({"job": 1})
    work(desk, until(lambda: parcels.TAKEN), WORKER_CONCURRENCY="2")
    assert begun == [1]


def test_when_told_to_stop_it_ends_what_is_under_way_and_gives_back_the_rest(desk: Desk, parcels: ModuleType) -> None:
    begun: list[int] = []

    async def act(message: Message) -> None:
        begun.append(message.body["job"])
        await asyncio.sleep(1 if message.body["job"] == 1 else 3600)

    parcels.act = act
    desk.send({"job": 1}, {"job": 2})
    work(desk, until(lambda: len(begun) == 2), STOP_SECONDS="3")
    assert jobs(parcels) == [1]
    assert desk.waiting() == (1, 0), "job 2 can be taken at once"
    assert [record["status"]["S"] for record in desk.records()] == ["COMPLETED"]
    work(desk, until(lambda: len(begun) == 3))
    assert begun[2] == 2


@pytest.mark.parametrize(
    "error",
    [
        refused("ExpiredToken", "The security token included in the request is expired"),
        refused("AccessDenied", "User is not authorized to perform: sqs:receivemessage"),
        EndpointConnectionError(endpoint_url="https://sqs.us-east-1.amazonaws.com/"),
    ],
)
def test_a_queue_that_cannot_be_read_is_told_and_tried_again(
    desk: Desk,
    parcels: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    desk.send({"job": 1})
    with failing(monkeypatch, error, 3):
        work(desk, until(lambda: parcels.TAKEN))
    told = [record for record in caplog.records if record.name == "app.core.pulling"]
    assert len(told) == 3
    for record in told:
        assert "cannot be read, next try in" in record.getMessage()
        assert str(error) in record.getMessage()
        assert not record.exc_info


@pytest.mark.parametrize("call", ["delete_message", "change_message_visibility", "send_message"])
def test_nothing_is_lost_when_the_queue_is_gone_in_between(
    desk: Desk, parcels: ModuleType, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    short_lease(monkeypatch)

    async def act(message: Message) -> None:
        if message.body["job"] == 2:
            raise Rejected("the parcel is open")
        if message.body["job"] == 3 and message.attempts == 1:
            raise RuntimeError("the van broke down")

    parcels.act = act
    desk.send(*({"job": job} for job in (1, 2, 3)))
    with failing(monkeypatch, refused("ServiceUnavailable", "try again"), 1, call):
        work(desk, until(lambda: len(parcels.TAKEN) == 2 and desk.waiting() == (0, 0)))
    assert jobs(parcels) == [1, 3]
    assert {told["reason"] for _, told in desk.parked()} == {"the parcel is open"}


def test_a_worker_shows_that_it_lives(desk: Desk, tmp_path: Any) -> None:
    beat = tmp_path / "heartbeat"
    work(desk, until(beat.exists), HEARTBEAT_PATH=str(beat))


def test_messages_that_arrive_with_the_signal_go_back(
    desk: Desk, parcels: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, came = queues.Queues.take, asyncio.Event()

    async def late(self: Any, trigger: str, most: int) -> Any:
        found = await real(self, trigger, most)
        if found:
            came.set()
            # The signal comes while the answer does.
            await asyncio.sleep(0.2)
        return found

    async def act(_: Worker) -> None:
        await came.wait()

    monkeypatch.setattr(queues.Queues, "take", late)
    desk.send({"job": 1})
    work(desk, act)
    assert parcels.TAKEN == []
    assert desk.waiting() == (1, 0)
