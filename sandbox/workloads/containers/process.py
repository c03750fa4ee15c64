"""One container: a process in a session of its own, with its log, its health and its end."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.data import ports
from sandbox.workloads.containers import measure
from sandbox.workloads.containers.confine import MARK, confined
from sandbox.workloads.containers.spec import (
    OUT_OF_MEMORY,
    CannotStartError,
    ContainerSpec,
    Ended,
    Finished,
    HealthStatus,
    Usage,
)

if TYPE_CHECKING:
    from sandbox.workloads.logs import Logs

_LONGEST_LINE = 16 * 1024
_BURST = 256 * 1024
_BREATH = 0.05
_OUTPUT = 64 * 1024
_LAST_WORDS_SECONDS = 2
_KILL_SECONDS = 10


class Container:
    """A container that was started."""

    def __init__(self, spec: ContainerSpec, started: Started, environment: Mapping[str, str], folder: Path) -> None:
        process = started.process
        self.spec = spec
        self.pid = process.pid
        self.host = ports.HOST
        self.port = int(environment["PORT"]) if spec.serves else 0
        self.started_at = time.time()
        self.health: HealthStatus = "UNKNOWN"
        self.ended: Ended | None = None
        self._process = process
        self._output = started.output
        self._pipe = started.pipe
        self.environment = environment
        self.folder = folder
        self._meter = measure.Meter(process.pid)
        self._reason = ""

    @property
    def usage(self) -> Usage:
        """What it was measured to use last."""
        return self._meter.usage

    async def wait(self) -> Ended:
        """Wait until it has ended, with all its processes."""
        code = await self._process.wait()
        if self.ended is None:
            await asyncio.to_thread(measure.end, self.pid, self.environment[MARK])
            # A shell writes 128 and the number of the signal; so do ECS and Kubernetes.
            self.ended = self.ended or Ended(code if code >= 0 else 128 - code, self._reason)
        return self.ended

    async def stop(self, timeout: float | None = None) -> Ended:  # noqa: ASYNC109 - the container's, not the caller's
        """Ask it to end, and end it by force when it takes longer than it may, in real seconds."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM) if self._process.returncode is None else None
        try:
            await asyncio.wait_for(asyncio.shield(self.wait()), self.spec.stop_timeout if timeout is None else timeout)
        except TimeoutError:
            self.kill()
        return await self.wait()

    def kill(self, reason: str = "") -> None:
        """End it by force; the reason, if any, is what becomes known of it."""
        if self._process.returncode is None:
            self._reason = self._reason or reason
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)

    def measured(self, pids: Sequence[int], *, cpu: bool) -> None:
        """Take a measurement, and end what has more than it may."""
        usage = self._meter.read(pids, cpu=cpu)
        if self.spec.memory is not None and usage.memory > self.spec.memory:
            self.kill(OUT_OF_MEMORY)
        elif usage.processes > self.spec.processes:
            self.kill(f"Container killed: it had more than the {self.spec.processes} processes that the sandbox allows")

    async def execute(self, command: Sequence[str], timeout: float) -> Finished:  # noqa: ASYNC109 - ends the command
        """Run a command beside it, told what it is told, and end it when it takes too long."""
        started = await spawn(command, self.environment, self.folder, self.spec.processes)
        process = started.process
        reading = asyncio.ensure_future(_read_all(started.output))
        try:
            code = await asyncio.wait_for(process.wait(), timeout)
        except TimeoutError:
            code = None
        finally:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(reading), _LAST_WORDS_SECONDS)
        reading.cancel()
        started.pipe.close()
        output = reading.result() if reading.done() and not reading.cancelled() else b""
        return Finished(None if code is None else code if code >= 0 else 128 - code, output.decode(errors="replace"))

    async def log(self, logs: Logs) -> None:
        """Hand on what it writes, line by line, until nobody is left who could write."""
        write: Callable[[bytes], None] = lambda line: logs.write(  # noqa: E731 - one of two
            self.spec.log_group, self.spec.log_stream, line.decode(errors="replace")
        )
        await _lines(self._output, write if self.spec.log_group else lambda _: None, self.wait)
        self._pipe.close()
        if self.spec.log_group:
            logs.end(self.spec.log_group, self.spec.log_stream)


@dataclass(frozen=True)
class Started:
    """A process and what it writes; its end is known whoever else still holds its output."""

    process: asyncio.subprocess.Process
    output: asyncio.StreamReader
    pipe: asyncio.ReadTransport


async def spawn(command: Sequence[str], environment: Mapping[str, str], folder: Path, limit: int) -> Started:
    """Start a command as a container's, in a session of its own.

    Call it on the main thread: the process ends with the thread that started it.

    Raises:
        CannotStartError: There is no such command.

    """
    if not command or not shutil.which(command[0], path=environment.get("PATH")):
        word = command[0] if command else ""
        message = (
            "CannotStartContainerError: failed to create shim task: OCI runtime create failed: runc create failed: "
            f'unable to start container process: exec: "{word}": executable file not found in $PATH: unknown'
        )
        raise CannotStartError(message)
    # Not a pipe of asyncio's own: with that, a process has ended only when nobody else holds it any more.
    read, write = os.pipe()
    output = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read, "rb", 0)
    )
    try:
        process = await asyncio.create_subprocess_exec(
            *confined(limit),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=write,
            stderr=write,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    except OSError as error:
        message = f"CannotStartContainerError: {error.strerror}: {error.filename or command[0]}"
        pipe.close()
        raise CannotStartError(message) from error
    finally:
        os.close(write)
    return Started(process, output, pipe)


async def _lines(
    stream: asyncio.StreamReader, write: Callable[[bytes], None], ended: Callable[[], Awaitable[Ended]]
) -> None:
    """Read lines as a log driver does: long ones in pieces, and so slowly that a flood holds up only who writes it."""
    rest, burst = b"", 0
    end = asyncio.ensure_future(ended())
    while True:
        chunk = await _chunk(stream, end)
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) >= _LONGEST_LINE or (rest and not chunk):
            lines, rest = [*lines, rest], b""
        for line in lines:
            for start in range(0, max(len(line), 1), _LONGEST_LINE):
                write(line[start : start + _LONGEST_LINE])
        if not chunk:
            break
        burst += len(chunk)
        if burst > _BURST:
            burst = 0
            await asyncio.sleep(_BREATH)
    await end


async def _chunk(stream: asyncio.StreamReader, end: asyncio.Future[Ended]) -> bytes:
    """Read what there is; what holds on to the output of a container that ended is not waited for."""
    reading = asyncio.ensure_future(stream.read(_LONGEST_LINE))
    await asyncio.wait([reading, end], return_when=asyncio.FIRST_COMPLETED)
    if not reading.done():
        await asyncio.wait([reading], timeout=_LAST_WORDS_SECONDS)
    if not reading.done():
        reading.cancel()
        return b""
    return reading.result()


async def _read_all(stream: asyncio.StreamReader) -> bytes:
    """Read to the end, keeping no more than the last of it."""
    kept = b""
    while chunk := await stream.read(_OUTPUT):
        kept = (kept + chunk)[-_OUTPUT:]
    return kept
