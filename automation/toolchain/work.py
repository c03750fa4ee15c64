"""Long work in plain sight: steps with their times, commands that show signs of life, locks that say they wait."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from automation.errors import Exit, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

HEARTBEAT_SECONDS = 5.0
_GRACE_SECONDS = 5.0
_TAIL = 15


def say(text: str) -> None:
    """Tell the person; standard output stays free for results."""
    print(text, file=sys.stderr, flush=True)


def took(seconds: float) -> str:
    """Return a duration as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


class Steps:
    """What was done and how long it took; nothing is said about what was done already."""

    def __init__(self) -> None:
        self.times: list[tuple[str, float]] = []

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        """Announce a step, and keep its time."""
        say(f"→ {name}")
        started = time.monotonic()
        yield
        self.times.append((name, time.monotonic() - started))
        say(f"  done in {took(self.times[-1][1])}")

    def summary(self) -> str:
        """Return one table of all steps, slow or fast; empty when there was nothing to do."""
        if not self.times:
            return ""
        rows = [*self.times, ("set-up", sum(seconds for _, seconds in self.times))]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"  {name:<{width}}  {took(seconds):>12}" for name, seconds in rows)


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    progress: Callable[[Sequence[str]], str] = lambda _: "working",
    timeout: float | None = None,
) -> None:
    """Run a command quietly; say what it is at every few seconds, and show its last lines if it fails.

    The command has its own process group, ended with us whatever ends us but SIGKILL.

    Raises:
        UserError: it cannot be started, failed, or took too long.
    """
    lines: list[str] = []
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            list(command),
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise UserError(f"{command[0]} cannot be started: {error.strerror}.", code=Exit.FAILED) from error
    reader = threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        while True:
            try:
                process.wait(HEARTBEAT_SECONDS)
                break
            except subprocess.TimeoutExpired:
                elapsed = time.monotonic() - started
                say(f"  {took(elapsed):>10}  {progress(lines)}")
                if timeout is not None and elapsed > timeout:
                    raise UserError(f"{command[0]} did not finish in {took(timeout)}.", code=Exit.FAILED) from None
    finally:
        _end(process)
    reader.join(_GRACE_SECONDS)
    if process.returncode:
        last = "\n".join(f"    {line}" for line in lines[-_TAIL:])
        raise UserError(f"`{' '.join(command[:4])} …` failed ({process.returncode}):\n{last}", code=Exit.FAILED)


@contextmanager
def exclusive(lock: Path) -> Generator[None]:
    """Hold a lock file; say so when another set-up holds it. It is released by the system if we are killed."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        said = 0.0
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - said > HEARTBEAT_SECONDS:
                    say(f"  waiting for another set-up that holds {lock.name}")
                    said = time.monotonic()
                time.sleep(0.1)
        yield


@contextmanager
def drafts(shelf: Path) -> Generator[Path]:
    """Hold a shelf alone and yield a folder on it for half-made things, gone afterwards whatever happens.

    What a killed set-up left there goes first. A finished thing is renamed out of it, so nobody sees half of one.
    """
    with exclusive(shelf / "setup.lock"):
        for abandoned in shelf.glob("draft-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="draft-", dir=shelf))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _collect(stream: IO[str] | None, lines: list[str]) -> None:
    if stream is not None:
        with stream:
            for line in stream:
                lines.append(line.rstrip())  # one by one: the heartbeat reads along


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            pass
        return
