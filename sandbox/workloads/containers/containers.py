"""All containers of an account: started, measured, and ended with the process that started them."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sandbox.workloads.containers import health, measure
from sandbox.workloads.containers.confine import environment, folders, mark
from sandbox.workloads.containers.process import Container, spawn
from sandbox.workloads.containers.spec import CannotStartError, ContainerSpec

if TYPE_CHECKING:
    from sandbox.workloads.context import Context

_EVERY = 0.25
_CPU_EVERY = 1.0


class Containers:
    """Starts containers and holds them to their limits.

    What belongs to a container is found by its session, and by a variable that each of its processes has.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._running: dict[str, Container] = {}
        self._taken: dict[str, tuple[int, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._swept: asyncio.Task[None] | None = None
        self._meter: asyncio.Task[None] | None = None

    async def start(self, spec: ContainerSpec) -> Container:
        """Start a container; it goes on until it ends, or is stopped.

        Raises:
            CannotStartError: It never ran: there is no such command, or no such folder.

        """
        await self.sweep()
        own = self._context.folder / "containers" / spec.id
        ports = tuple(self._free() for _ in range(2))
        self._taken[spec.id] = ports
        try:
            folders(spec, own)
            told = environment(
                spec, mark=mark(self._context.account, spec.id), scratch=own, port=ports[0], metrics_port=ports[1]
            )
            folder = spec.folder or self._context.checkout
            container = Container(spec, await spawn(spec.command, told, folder, spec.processes), told, folder)
        except (CannotStartError, OSError) as error:
            self._forget(spec.id)
            raise error if isinstance(error, CannotStartError) else CannotStartError(str(error)) from error
        self._running[spec.id] = container
        self._begin(self._follow(container))
        if self._meter is None or self._meter.done():
            self._meter = asyncio.create_task(self._measure(), name="containers are measured")
        return container

    async def stop(self, container: Container) -> None:
        """Ask a container to end, and end it by force when it takes too long."""
        await container.stop()

    async def sweep(self) -> None:
        """End what containers of an earlier process left behind, once."""
        if self._swept is None:
            self._swept = asyncio.create_task(self._sweep(), name="what an earlier process left is ended")
        # Whoever starts meanwhile waits too: it would be taken for something left behind.
        await asyncio.shield(self._swept)

    async def _sweep(self) -> None:
        for pid in await asyncio.to_thread(measure.marked, mark(self._context.account)):
            await asyncio.to_thread(measure.end, pid)
        await asyncio.to_thread(shutil.rmtree, self._context.folder / "containers", ignore_errors=True)

    def describe(self) -> dict[str, Any]:
        """Return the containers that run, as they were measured last."""
        return {
            name: {
                "subject": one.spec.subject,
                "pid": one.pid,
                "host": one.host,
                "port": one.port,
                "health": one.health,
                "cpu": round(one.usage.cpu, 3),
                "memory": round(one.usage.memory, 1),
                "memoryLimit": one.spec.memory,
                "processes": one.usage.processes,
            }
            for name, one in self._running.items()
        }

    async def close(self) -> None:
        """End every container at once, all of them as politely as each allows."""
        await asyncio.gather(*(container.stop() for container in list(self._running.values())))
        for task in [*self._tasks, *([self._meter] if self._meter else [])]:
            if task is self._meter:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _follow(self, container: Container) -> None:
        """Stay with a container to its end."""
        spec = container.spec
        watching = None
        if spec.health_check is not None:
            watching = asyncio.create_task(health.watch(container, spec.health_check, self._context.clock))
        try:
            await container.log(self._context.logs)
        finally:
            if watching is not None:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
            container.kill()
            self._forget(spec.id)

    async def _measure(self) -> None:
        last = 0.0
        while self._running:
            sessions = await asyncio.to_thread(measure.sessions)
            cpu = time.monotonic() - last >= _CPU_EVERY
            last = time.monotonic() if cpu else last
            for container in list(self._running.values()):
                container.measured(sessions.get(container.pid, [container.pid]), cpu=cpu)
            await asyncio.sleep(_EVERY)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _free(self) -> int:
        """Return a free port that no container has been given: one that starts does not listen yet."""
        taken = {port for ports in self._taken.values() for port in ports}
        while (port := self._context.ports.free()) in taken:
            pass
        return port

    def _forget(self, name: str) -> None:
        self._running.pop(name, None)
        self._taken.pop(name, None)
        shutil.rmtree(self._context.folder / "containers" / name, ignore_errors=True)
