"""Run the Pulumi engine and hand over its events as they happen, exactly as the engine wrote them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

Event = Mapping[str, Any]
OnEvent = Callable[[Event], None]

_POLL_SECONDS = 0.05
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IMPATIENT = 2
_LAST_WORDS_SECONDS = 5


@dataclass(frozen=True)
class Outcome:
    """How one engine command ended: its exit code, its output, its events, its length in seconds."""

    code: int
    stdout: str
    stderr: str
    events: Sequence[Event] = ()
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.interrupted


@dataclass
class Engine:
    """The Pulumi CLI at `binary`, run in `work_dir` with `env` laid over the process's environment."""

    binary: Path
    work_dir: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def query(self, *args: str, cwd: Path | None = None, stdin: str | None = None) -> Outcome:
        """Run a command that has no events, such as `stack export`."""
        done = subprocess.run(
            [self.binary, *args, "--non-interactive"],
            cwd=cwd or self.work_dir,
            env=self._environment(),
            capture_output=True,
            text=True,
            input=stdin,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def operate(self, *args: str, log: Path, on_event: OnEvent = lambda _: None) -> Outcome:
        """Run preview, up, refresh or destroy; `on_event` is called on this thread for each raw engine event.

        An interrupt (Ctrl-C, SIGTERM) reaches the engine once, which finishes the operations under way, saves its
        state and ends; a second one ends it at once.

        Args:
            args: the command and its flags.
            log: where the engine writes its events.
            on_event: called with each of them as it comes.
        """
        started = time.monotonic()
        log.touch()
        process = subprocess.Popen(
            [self.binary, *args, "--non-interactive", "--color", "never", "--event-log", str(log)],
            cwd=self.work_dir,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A process group of its own: the terminal's Ctrl-C would reach the engine twice, which means "kill".
            start_new_session=True,
        )
        output = _Drain(process)
        events: list[Event] = []
        with _forwarded_to(process) as interrupts:
            for event in _follow(log, process):
                events.append(event)
                on_event(event)
            process.wait()
            _end_group(process)
        stdout, stderr = output.text()
        seconds = time.monotonic() - started
        return Outcome(process.returncode, stdout, stderr, events, seconds, interrupted=bool(interrupts))

    def _environment(self) -> dict[str, str]:
        # The event log is a flag that the CLI only shows to those who ask for it.
        return {**os.environ, **self.env, "PULUMI_DEBUG_COMMANDS": "true"}


class _Drain:
    """Reads both pipes of a process on threads of their own, so that neither can fill and block it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._chunks: dict[str, str] = {}
        self._threads = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr))
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, name: str, pipe: IO[str] | None) -> None:
        assert pipe is not None
        with pipe:
            self._chunks[name] = pipe.read()

    def text(self) -> tuple[str, str]:
        for thread in self._threads:
            thread.join(_LAST_WORDS_SECONDS)
        return self._chunks.get("stdout", ""), self._chunks.get("stderr", "")


def _follow(log: Path, process: subprocess.Popen[str]) -> Iterator[Event]:
    """Yield events while the engine writes them; a line counts once its newline is there."""
    with log.open(encoding="utf-8") as file:
        rest = ""
        while True:
            ended = process.poll() is not None
            rest += file.read()
            *lines, rest = rest.split("\n")
            for line in lines:
                # On a full disk the engine writes only parts of lines.
                with suppress(json.JSONDecodeError):
                    yield json.loads(line)
            if ended:
                return
            if not lines:
                time.sleep(_POLL_SECONDS)


@contextmanager
def _forwarded_to(process: subprocess.Popen[str]) -> Iterator[list[int]]:
    """Pass interrupts on to the engine instead of dying of them; the yielded list holds those that came."""
    interrupts: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def forward(number: int, _frame: object) -> None:
        interrupts.append(number)
        if process.poll() is None:
            process.send_signal(signal.SIGINT if len(interrupts) < _IMPATIENT else signal.SIGKILL)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_group(process: subprocess.Popen[str]) -> None:
    """End what an engine that was killed could not end itself: its plugins."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
