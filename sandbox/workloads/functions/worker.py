"""One execution environment: a process with a function's code, Lambda's client and the Runtime API that it asks."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from sandbox.workloads.containers import measure
from sandbox.workloads.containers.confine import MARK, confined
from sandbox.workloads.functions import answers
from sandbox.workloads.functions.output import Output
from sandbox.workloads.functions.package import Code
from sandbox.workloads.functions.runtime_api import Event, Reply, RuntimeApi

State = Literal["init", "snapshot", "idle", "busy", "ended"]
Kind = Literal["on-demand", "provisioned-concurrency", "snap-start"]

_ENTRY = Path(__file__).with_name("runtime") / "entry.py"
_PROCESSES = 1024
_TERM_SECONDS = 0.5
_MB = 1024 * 1024
_MOMENT = 0.05
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Launch:
    """How the workers of a version are started."""

    code: Code
    client: Path
    """What Lambda's runtime brings."""
    handler: str
    environment: Mapping[str, str]
    memory: int
    kind: Kind = "on-demand"
    mark: str = ""
    """What its processes are known by."""


@dataclass(frozen=True)
class Ending:
    """Why there is no answer: the process ended, or time was up."""

    code: int | None
    """The exit code of the process; None when its time was up."""
    payload: bytes | None = None
    """What it said of the reason."""


_TIME_UP = Ending(None)


class Worker:
    """A process that handles one event at a time."""

    def __init__(self, launch: Launch, stream: str, write: Callable[[str], None]) -> None:
        self.number = next(_numbers)
        self.stream = stream
        self.state: State = "init"
        self.kind = launch.kind
        self.pid = 0
        self.calls = 0
        self.started = time.time()
        self.used = time.monotonic()
        self.init: float | None = None
        """Seconds of its initialisation, once that is over."""
        self.starved = 0.0
        """Seconds of its initialisation in which this machine had no processor for it."""
        self.peak = 0
        """MB, the most that it was measured to use."""
        self.restored: float | None = None
        """Seconds it took to go on from its snapshot, once it has."""
        self._launch = launch
        self._mark = f"{launch.mark}{self.number};"
        self._output = Output(write)
        self._api = RuntimeApi()
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Task[int] | None = None
        self._killed = False
        self._killed_for_memory = False
        self._folder = Path(tempfile.mkdtemp(prefix="modeshift-function-"))
        self._closing: asyncio.Task[None] | None = None

    @property
    def output(self) -> Output:
        """What it writes."""
        return self._output

    async def initialise(self, seconds: float) -> Ending | None:
        """Start the process and wait until it can take events, or is where its snapshot is taken.

        Returns:
            Why it cannot; None when it can.

        """
        began = time.monotonic()
        try:
            await self._start()
        except OSError as error:
            return Ending(1, answers.failure("Runtime.InvalidEntrypoint", f"Error: {error}"))
        ending = await self._until(self._api.ready, seconds)
        # Lambda gives a processor to what starts; here it may have to wait for one, which is not its fault.
        while ending == _TIME_UP and (left := seconds + _starved(self.pid) - (time.monotonic() - began)) > _MOMENT:
            ending = await self._until(self._api.ready, left)
        self.init = time.monotonic() - began
        self.starved = _starved(self.pid)
        if ending is None:
            self.state = "snapshot" if self._api.ready.result() else "idle"
        return ending

    async def restore(self, seconds: float) -> Ending | None:
        """Go on from the snapshot; return why it cannot, None when it can."""
        began = time.monotonic()
        self.state = "init"
        self._api.restore()
        waits = asyncio.ensure_future(self._api.waits.wait())
        ending = await self._until(waits, seconds)
        waits.cancel()
        self.restored = time.monotonic() - began
        if ending is None:
            self.state = "idle"
        return ending

    async def handle(self, event: Event, seconds: float) -> Reply | Ending:
        """Hand over an event and wait for the answer, a given time at most."""
        self.state = "busy"
        self.calls += 1
        reply = self._api.hand(event)
        ending = await self._until(reply, seconds)
        self.measure()
        self._output.drain()
        self.used = time.monotonic()
        return reply.result() if ending is None else ending

    async def rest(self) -> bool:
        """Wait until it asks for the next event; return whether it does."""
        if not self._api.waits.is_set():
            waits = asyncio.ensure_future(self._api.waits.wait())
            ending = await self._until(waits, None)
            waits.cancel()
            if ending is not None:
                return False
        if self.alive:
            self.state = "idle"
        return self.alive

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.state != "ended" and not self._killed and self._exit is not None and not self._exit.done()

    def describe(self, version: str) -> dict[str, Any]:
        """Return what is."""
        return {
            "id": self.stream,
            "pid": self.pid,
            "state": self.state,
            "version": version,
            "provisioned": self.kind == "provisioned-concurrency",
            "started": self.started,
            "calls": self.calls,
            "memory": self.peak,
            "init": self.init,
        }

    def measure(self) -> None:
        """Take its memory; end it when that is more than it may have."""
        used = _memory(self.pid)
        self.peak = max(self.peak, used)
        if used > self._launch.memory and self.alive:
            self._killed_for_memory = True
            self.kill()

    def kill(self) -> None:
        """End the process by force, as if it had died."""
        if self.alive:
            self._killed = True
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)

    async def close(self, *, gently: bool = True) -> None:
        """End it with all its processes, and leave nothing behind."""
        if self._closing is None:
            self.state = "ended"
            self._closing = asyncio.ensure_future(self._close(gently=gently))
        await asyncio.shield(self._closing)

    async def _start(self) -> None:
        try:
            await self._spawn()
        finally:
            self._output.handed_over()

    async def _spawn(self) -> None:
        await self._api.open()
        self._folder.chmod(0o777)
        command = ["-P", *(["-S", "-s"] if self._launch.code.isolated else []), str(_ENTRY), self._launch.handler]
        limits = await asyncio.to_thread(confined, _PROCESSES)
        environment = {
            **self._launch.environment,
            "AWS_LAMBDA_INITIALIZATION_TYPE": self._launch.kind,
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_LOG_STREAM_NAME": self.stream,
            "TMPDIR": str(self._folder),
            MARK: self._mark,
        }
        if self._launch.kind == "snap-start":
            # A snapshot is of more than one stream.
            del environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        client = str(self._launch.client) if self._launch.code.isolated else ""
        self._process = await asyncio.create_subprocess_exec(
            *limits,
            sys.executable,
            *command,
            client,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._output.end,
            stderr=self._output.end,
            env=environment,
            cwd=self._launch.code.root,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._exit = asyncio.ensure_future(self._process.wait())

    async def _until(self, done: asyncio.Future[Any], seconds: float | None) -> Ending | None:
        """Wait for something of the process; return what came instead."""
        exit_ = self._exit
        if exit_ is None:
            return Ending(1)
        await asyncio.wait((done, exit_), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if done.done() and not done.cancelled():
            return None
        if not exit_.done():
            return _TIME_UP
        self._output.drain()
        return Ending(-signal.SIGKILL if self._killed_for_memory else exit_.result(), self._api.problem)

    async def _close(self, *, gently: bool) -> None:
        if self._exit is not None and not self._exit.done() and gently:
            with suppress(OSError):
                os.kill(self.pid, signal.SIGTERM)
            await asyncio.wait((self._exit,), timeout=_TERM_SECONDS)
        if self.pid:
            await asyncio.to_thread(measure.end, self.pid, self._mark)
        if self._exit is not None:
            await self._exit
        await self._api.close()
        self._output.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def _starved(pid: int) -> float:
    """Return the seconds that a process wanted to run and could not, where the system tells (proc_schedstat)."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _memory(pid: int) -> int:
    """Return the MB that a process has used at most; where the system does not say, what it uses."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    except OSError:
        pass
    with suppress(psutil.Error):
        return psutil.Process(pid).memory_info().rss // _MB
    return 0
