"""Tell live processes from dead ones by their id, and keep two from doing the same thing at once."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROC = Path("/proc/self")


def runs(pid: int, word: str) -> bool:
    """Whether a process lives (zombies do not) and has a word in its command line: an id may be reused."""
    if _PROC.exists():
        try:
            command = _PROC.with_name(str(pid)).joinpath("cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return False
        return word in command
    answer = subprocess.run(["ps", "-o", "stat=,args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return word in answer.stdout and not answer.stdout.lstrip().startswith("Z")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let no other process of ours into a block that names the same file; a dead one never holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
