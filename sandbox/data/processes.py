"""Programs that run beside this one and end with it, and what to do about those that did not."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.data.errors import DataError

if TYPE_CHECKING:
    import psutil

_END_SECONDS = 10


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    stop: str = "TERM",
    unprivileged: bool = False,
    fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program that writes to a log; on Linux it gets the signal `stop` when this process dies.

    Call it on the main thread: the signal comes when the thread that started the program ends.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [*guard(stop, unprivileged=unprivileged), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=fds,
            # A terminal's Ctrl-C is for what runs in its foreground.
            start_new_session=True,
        )


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    text: str = "",
    unprivileged: bool = False,
) -> str:
    """Run a program to its end and return what it wrote.

    Raises:
        DataError: It failed; the message has its last words.

    """
    done = subprocess.run(
        [*guard("KILL", unprivileged=unprivileged), *map(str, command)],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(env or {})},
    )
    if done.returncode != 0:
        words = done.stderr.strip() or done.stdout.strip() or f"It ended with {done.returncode}."
        message = f"{Path(command[0]).name} failed: {words}"
        raise DataError(message)
    return done.stdout


def end(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> None:
    """End a program that this process started, by force when it takes too long."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Records:
    """Which programs run, in files that outlive this process: a later one ends what was left behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, pid: int) -> None:
        """Remember a program by its id and the moment it began: ids are used again."""
        import psutil  # noqa: PLC0415 - part of the extra that only data services need

        self._folder.mkdir(parents=True, exist_ok=True)
        started = psutil.Process(pid).create_time()
        self._file(name).write_text(json.dumps({"pid": pid, "started": started}))

    def drop(self, name: str) -> None:
        """Forget a program that has ended."""
        self._file(name).unlink(missing_ok=True)

    def end_all(self) -> bool:
        """End every program on record that still runs; return whether any did."""
        files = sorted(self._folder.glob("*.json"))
        left = [process for file in files if (process := _recorded(file)) is not None]
        for process in left:
            _end_other(process)
        for file in files:
            file.unlink(missing_ok=True)
        return bool(left)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _recorded(file: Path) -> psutil.Process | None:
    import psutil  # noqa: PLC0415

    try:
        record = json.loads(file.read_text())
        process = psutil.Process(record["pid"])
        same = abs(process.create_time() - record["started"]) < 1
    except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
        return None
    return process if same else None


def _end_other(process: psutil.Process) -> None:
    import psutil  # noqa: PLC0415

    try:
        process.send_signal(signal.SIGINT)
        process.wait(_END_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.NoSuchProcess:
        return


def guard(stop: str, *, unprivileged: bool = False) -> list[str]:
    """Return what a command runs under: ended with its parent, and as nobody where it must not be root."""
    as_nobody = unprivileged and os.geteuid() == 0
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None:
        if as_nobody:
            message = "PostgreSQL refuses to run as root. Install util-linux (setpriv), or run this as another user."
            raise DataError(message)
        return []
    nobody = pwd.getpwnam("nobody") if as_nobody else None
    return [setpriv, f"--pdeathsig={stop}", *(as_user(nobody.pw_uid, nobody.pw_gid) if nobody else [])]


def as_user(user: int, group: int) -> list[str]:
    """Return the options of setpriv by which root's program runs as somebody who may still read and write as root."""
    # Without the last one, access(2) asks what the user might do without the capability.
    capable = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
    return [f"--reuid={user}", f"--regid={group}", "--clear-groups", *capable]
