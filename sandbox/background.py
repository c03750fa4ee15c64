"""Processes that go on serving an account when the command that started them has ended."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.address import CONTROL, Address, held, is_held
from sandbox.control.store import FILE_NAME
from sandbox.data.errors import DataError

_ANSWER_SECONDS = 600
# Whoever only looks whether the lock is held holds it for a moment.
_ATTEMPTS = 5
_START_SECONDS = 120
_STOP_SECONDS = 30
_PAUSE = 0.02
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Background:
    """A process of an account: the module that it runs, the folder it works in, and what people call it."""

    account: Path
    module: str
    title: str

    @property
    def folder(self) -> Path:
        """Where it has its files."""
        return self.account / self.module.rpartition(".")[2]

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self.folder / "log"

    def running(self) -> Address | None:
        """Return where it is, if it answers."""
        known = Address.read(self.folder)
        if known is None or not known.token or not _lives(known.pid):
            return None
        with suppress(OSError, http.client.HTTPException, DataError):
            self.ask(known, "ping", 10)
            return known
        return None

    def awaited(self) -> Address | None:
        """Return where it is, when it answers or is about to."""
        while (known := self.running()) is None and self.folder.is_dir() and is_held(self.folder):
            time.sleep(_PAUSE)
        return known

    def begin(self, arguments: Sequence[str] = ()) -> Address:
        """Start it, unless another command is about to, and wait until it answers.

        Raises:
            DataError: It did not start; the message says why.

        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            # It goes on in a process of its own when it is the first of the account.
            command = [sys.executable, "-m", self.module, "--account", str(self.account.resolve()), "--detach"]
            subprocess.run(
                [*command, *arguments], cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and is_held(self.folder):
            if (known := self.running()) is not None:
                return known
            time.sleep(_PAUSE)
        said = self.log.read_bytes()[began:].decode(errors="replace").strip()
        message = f"The sandbox's {self.title} did not start. {said[-500:]} The whole log: {self.log}"
        raise DataError(message)

    def ask(self, known: Address, what: str, seconds: float = _ANSWER_SECONDS, *, subject: str = "") -> dict[str, Any]:
        """Ask it for something by name, about something if need be, and wait for the answer.

        Raises:
            DataError: It cannot be done; the message says why.
            OSError: Nothing answers.

        """
        connection = http.client.HTTPConnection("127.0.0.1", known.port, timeout=seconds)
        try:
            headers = {"X-Sandbox-Token": known.token, "X-Sandbox-Subject": subject}
            connection.request("POST", CONTROL + what, headers=headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {"problem": f"Something else answers at the address of the sandbox's {self.title}."}
        if response.status != http.client.OK:
            raise DataError(answer["problem"])
        return answer

    def end(self) -> bool:
        """Ask it to end, by force when it takes too long or does not answer; return whether it ran."""
        known = Address.read(self.folder)
        if known is None or not known.token or not _lives(known.pid, self.module):
            return False
        with suppress(OSError, http.client.HTTPException, DataError):
            self.ask(known, "stop", _STOP_SECONDS)
        self.wait_for_end(known)
        if _lives(known.pid, self.module):
            os.kill(known.pid, signal.SIGKILL)
        return True

    def wait_for_end(self, known: Address) -> None:
        """Wait until it has ended, for half a minute at most."""
        _wait(lambda: not _lives(known.pid, self.module))


def run_alone(account: Path, folder: Path, serve: Callable[[], int], *, detach: bool) -> int:
    """Be the process that works in a folder of an account, in the background if need be; return its exit code.

    Where another is that already, this one ends at once, with 0.
    """
    if not (account / FILE_NAME).exists():
        sys.stderr.write(f"There is no account in {account}.\n")
        return 1
    with held(folder, _ATTEMPTS) as mine:
        if not mine:
            return 0
        if detach:
            # Before anything else runs in it; the lock goes along.
            if os.fork():
                os._exit(0)
            os.setsid()
        # Whoever started this may have a profile of their own in the environment; it is not for here.
        os.environ.pop("AWS_PROFILE", None)
        return serve()


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while not done() and time.monotonic() < deadline:
        time.sleep(_PAUSE)


def _lives(pid: int, module: str = "") -> bool:
    """Whether a process runs; and with a module, whether it is the one that runs that: ids are used again."""
    import psutil  # noqa: PLC0415 - part of the extra, without which nothing was started

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and (not module or module in " ".join(process.cmdline()))
    except psutil.NoSuchProcess:
        return False
