"""The workers of one version: cold ones are started, warm ones called again, idle ones ended."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Protocol

from sandbox.data.errors import DataError
from sandbox.workloads.functions import answers, report
from sandbox.workloads.functions.call import Done, handled, never_begun
from sandbox.workloads.functions.worker import Ending, Kind, Launch, Worker

if TYPE_CHECKING:
    from sandbox.workloads.functions.room import Room
    from sandbox.workloads.functions.settings import Version

INIT_SECONDS = 10.0
RESTORE_SECONDS = 10.0
_LONG_INIT_SECONDS = 900.0
"""What provisioned concurrency may take to start."""
_SNAPSHOT_SECONDS = 130.0
_LOOK_SECONDS = 0.05

Prepare = Callable[[Kind], Awaitable[Launch]]


class Lines(Protocol):
    """Where lines of logs go."""

    def write(self, group: str, stream: str, text: str) -> None:
        """Add a line."""
        ...

    def end(self, group: str, stream: str) -> None:
        """Say that no more come."""
        ...


class _NotNeededError(Exception):
    """A worker does not have to be started."""


class Pool:
    """All workers of one version of a function."""

    def __init__(self, version: Version, prepare: Prepare, room: Room, logs: Lines) -> None:
        self.version = version
        self.provisioned = 0
        """Workers that are to be ready before anybody calls."""
        self.problem = ""
        """Why the last one that was to be ready is not."""
        self.cold_starts = 0
        self.workers: list[Worker] = []
        self._prepare = prepare
        self._room = room
        self._logs = logs
        self._idle: list[Worker] = []
        self._waiting: deque[asyncio.Future[Worker | Ending]] = deque()
        self._starting = 0
        self._planned = 0
        self._finishing = 0
        self._preparing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._retired = False
        self._closed = False
        room.pools.append(self)

    @property
    def size(self) -> int:
        """How many processes there are or will be at once."""
        return sum(one.state != "ended" for one in self.workers) + self._planned

    @property
    def waiting(self) -> int:
        """How many calls wait for a worker."""
        return len(self._waiting)

    @property
    def available(self) -> int:
        """How many of the workers that were to be ready are."""
        return sum(one.kind == "provisioned-concurrency" and one.state in {"idle", "busy"} for one in self.workers)

    async def call(self, arn: str, payload: bytes) -> Done:
        """Have an event handled by the worker that was used last, or by one that is started for it."""
        worker = self._take()
        if worker is None:
            waiter: asyncio.Future[Worker | Ending] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            self.grow()
            got = await waiter
            if isinstance(got, Ending):
                return await self._call_again(arn, payload)
            worker = got
        return await self._handle(worker, arn, payload, self.version.timeout)

    def grow(self) -> None:
        """Start workers for those calls that no worker will soon be there for."""
        while not self._closed and len(self._waiting) > self._starting + self._finishing:
            spare = next((one for one in self.workers if one.state == "snapshot"), None)
            if spare is not None:
                spare.state = "init"
                self._starting += 1
                self._go(self._restored(spare))
            elif self._room.has_place():
                self._starting += 1
                self._planned += 1
                self._go(self._started("snap-start" if self.version.snap_start else "on-demand"))
            else:
                return

    def ensure(self) -> None:
        """Have as many workers ready as there are to be, and a snapshot where one belongs."""
        if self._retired or self._closed:
            return
        self.problem = ""
        ready = self._provisioned_workers()
        for worker in ready[self.provisioned :]:
            if worker in self._idle:
                self._end(worker)
        if len(ready) < self.provisioned and not self._preparing:
            self._go(self._make_ready())
        snapshots = self.version.snap_start and not any(one.state in {"snapshot", "init"} for one in self.workers)
        if snapshots and not self._preparing:
            self._go(self._snapshot())

    def idle_since(self) -> float | None:
        """Return since when the worker is idle that is so for longest, None when none may be ended."""
        return min((one.used for one in self._endable()), default=None)

    def end_oldest(self) -> None:
        """End the worker that was idle for longest."""
        self._end(min(self._endable(), key=lambda worker: worker.used))

    def tick(self, seconds: float) -> None:
        """Measure what works, and end what has died or was idle for longer than this."""
        for worker in list(self.workers):
            if worker.state == "busy":
                worker.measure()
            elif worker.state in {"idle", "snapshot"} and not worker.alive:
                self._end(worker)
        for worker in self._endable():
            if time.monotonic() - worker.used > seconds:
                self._end(worker)

    def kill_one(self) -> bool:
        """Kill a worker, a busy one if there is any; return whether there was one."""
        alive = sorted((one for one in self.workers if one.alive), key=lambda one: one.state != "busy")
        for worker in alive[:1]:
            worker.kill()
            if worker in self._idle:
                self._end(worker)
        return bool(alive)

    async def retire(self) -> None:
        """End the workers, each when it has nothing to do any more."""
        self._retired = True
        for worker in list(self._idle):
            self._end(worker)
        while self._waiting or self._tasks or any(one.state == "busy" for one in self.workers):
            await asyncio.wait(self._tasks, timeout=1) if self._tasks else await asyncio.sleep(_LOOK_SECONDS)
        await self.close()

    async def close(self) -> None:
        """End all workers now."""
        self._closed = True
        if self in self._room.pools:
            self._room.pools.remove(self)
        for task in list(self._tasks):
            task.cancel()
        for waiter in self._waiting:
            waiter.cancel()
        await asyncio.gather(*(worker.close() for worker in list(self.workers)))
        self.workers.clear()

    def _take(self) -> Worker | None:
        self._idle.sort(key=lambda worker: (worker.kind == "provisioned-concurrency", worker.used))
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._end(worker)
        return None

    def _endable(self) -> list[Worker]:
        return [one for one in self._idle if one.kind != "provisioned-concurrency"]

    async def _handle(self, worker: Worker, arn: str, payload: bytes, seconds: float, spent: float = 0) -> Done:
        done, outlived = await handled(worker, self.version, arn, payload, seconds=seconds, spent=spent)
        if outlived:
            self._finishing += 1
            self._go(self._finish(worker))
        else:
            self._end(worker, gently=False)
        return done

    async def _call_again(self, arn: str, payload: bytes) -> Done:
        """Initialise once more as part of the call, and within its time, as Lambda does when that failed before."""
        began = time.monotonic()
        self._planned += 1
        try:
            worker, ending = await self._launched("on-demand", self.version.timeout)
        except DataError as error:
            answer = answers.failure("Sandbox.Unavailable", str(error))
            self._logs.write(self.version.log_group, "sandbox", str(error))
            return Done(answer, failed=True, seconds=time.monotonic() - began, cold=True, log_tail="")
        spent = time.monotonic() - began
        if ending is None and worker.state == "snapshot":
            ending = await worker.restore(RESTORE_SECONDS)
        if ending is None:
            left = max(self.version.timeout - (spent - worker.starved), 0.001)
            return await self._handle(worker, arn, payload, left, spent)
        done = never_begun(worker, self.version, arn, ending, spent)
        self._end(worker, gently=False)
        return done

    async def _launched(self, kind: Kind, seconds: float, *, for_waiting: bool = False) -> tuple[Worker, Ending | None]:
        """Start a worker, and return why it could not be initialised.

        Lambda has a processor for each; here some wait for one, so that those that are there can go on working.

        Raises:
            _NotNeededError: Whoever waited for it has got another one meanwhile.

        """
        try:
            launch = await self._prepare(kind)
        except DataError:
            self._planned -= 1
            raise
        async with self._room.starting:
            if for_waiting and not self._waiting:
                self._planned -= 1
                raise _NotNeededError
            stream = report.stream(self.version.number)
            worker = Worker(launch, stream, lambda line: self._logs.write(self.version.log_group, stream, line))
            self.workers.append(worker)
            self._planned -= 1
            self.cold_starts += 1
            worker.output.line(f"INIT_START Runtime Version: {self.version.runtime or 'image'}")
            for note in launch.code.notes:
                worker.output.line(f"[sandbox] {note}")
            initialising = asyncio.ensure_future(worker.initialise(seconds))
            # Who takes longer than a call may does not hold up others.
            await asyncio.wait((initialising,), timeout=INIT_SECONDS)
        ending = await initialising
        if ending is not None:
            status = "timeout" if ending.code is None else "error"
            worker.output.line(report.init_report(worker.init or 0, "init", status))
        return worker, ending

    async def _started(self, kind: Kind) -> None:
        """Start a worker for whoever waits."""
        seconds = INIT_SECONDS if kind == "on-demand" else max(_SNAPSHOT_SECONDS, self.version.timeout)
        try:
            worker, ending = await self._launched(kind, seconds, for_waiting=True)
            if ending is None and worker.state == "snapshot":
                ending = await worker.restore(RESTORE_SECONDS)
        except _NotNeededError:
            self._room.left()
            return
        except DataError as error:
            worker, ending = None, Ending(1, answers.failure("Sandbox.Unavailable", str(error)))
        finally:
            self._starting -= 1
        self._settle(worker, ending)

    async def _restored(self, worker: Worker) -> None:
        try:
            ending = await worker.restore(RESTORE_SECONDS)
        finally:
            self._starting -= 1
        self._settle(worker, ending)
        self.ensure()

    def _settle(self, worker: Worker | None, ending: Ending | None) -> None:
        """Give a worker that has started to who waits; one that has not is the end of one wait."""
        if worker is not None and ending is None:
            self._free(worker)
            return
        if worker is not None:
            self._end(worker, gently=False)
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(ending or Ending(1))
                return

    async def _make_ready(self) -> None:
        while len(self._provisioned_workers()) < self.provisioned:
            worker = await self._prepared("provisioned-concurrency", _LONG_INIT_SECONDS)
            if worker is None:
                return
            self._free(worker)

    async def _snapshot(self) -> None:
        if await self._prepared("snap-start", max(_SNAPSHOT_SECONDS, self.version.timeout)) is not None:
            self.grow()

    async def _prepared(self, kind: Kind, seconds: float) -> Worker | None:
        """Start a worker that nobody waits for yet; when that does not work, `problem` says why."""
        if not self._room.has_place():
            self.problem = f"The sandbox runs {self._room.most} workers on this machine at most."
            return None
        self._planned += 1
        self._preparing = True
        try:
            worker, ending = await self._launched(kind, seconds)
        except DataError as error:
            self.problem = str(error)
            return None
        finally:
            self._preparing = False
        if ending is None:
            return worker
        said = ending.payload.decode(errors="replace") if ending.payload else ""
        self.problem = f"FUNCTION_ERROR_INIT_FAILURE {said}".strip()
        self._end(worker, gently=False)
        return None

    def _provisioned_workers(self) -> list[Worker]:
        return [one for one in self.workers if one.kind == "provisioned-concurrency" and one.state != "ended"]

    async def _finish(self, worker: Worker) -> None:
        """Have a worker back that has answered, once it asks for more."""
        try:
            rested = await worker.rest()
        finally:
            self._finishing -= 1
        if rested:
            self._free(worker)
        else:
            self._end(worker, gently=False)

    def _free(self, worker: Worker) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(worker)
                return
        if self._retired or self._closed:
            self._end(worker)
            return
        self._idle.append(worker)
        self._room.left()

    def _end(self, worker: Worker, *, gently: bool = True) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.state == "ended":
            return
        worker.state = "ended"
        self._go(self._closed_worker(worker, gently=gently))

    async def _closed_worker(self, worker: Worker, *, gently: bool) -> None:
        await worker.close(gently=gently)
        if worker in self.workers:
            self.workers.remove(worker)
        self._logs.end(self.version.log_group, worker.stream)
        self._room.left()
        if worker.kind != "on-demand" and not self.problem:
            self.ensure()

    def _go(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
