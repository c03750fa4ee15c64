"""Where a process that serves an account is: a file in the process's folder that only its owner can read."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

CONTROL = "/-/sandbox/"
"""Below this path, commands to the process itself. `-` is no bucket's name."""

TOKEN_HEADER = "HTTP_X_SANDBOX_TOKEN"  # noqa: S105 - where it is, not what it is

_PAUSE = 0.05


@dataclass(frozen=True)
class Address:
    """A process, its port, and the word that its commands must carry."""

    pid: int
    port: int
    token: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    def read(cls, folder: Path) -> Address | None:
        """Return the address that was written last, of a process that may have ended; None when none was."""
        try:
            return cls(**json.loads(_file(folder).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        draft = _file(folder).with_suffix(".part")
        draft.touch(0o600)
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(_file(folder))

    def leave(self, folder: Path) -> None:
        """Write that nothing runs any more, and which port the next process shall take if it can."""
        replace(self, pid=0, token="").write(folder)


@contextmanager
def held(folder: Path, attempts: int = 1) -> Iterator[bool]:
    """Be the one process that works in a folder; say no where another is."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        mine = _take(lock)
        while not mine and (attempts := attempts - 1) > 0:
            time.sleep(_PAUSE)
            mine = _take(lock)
        yield mine


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(folder: Path) -> bool:
    """Tell whether a process works in a folder, or is about to."""
    with held(folder) as mine:
        return not mine


def _file(folder: Path) -> Path:
    return folder / "address.json"
