"""Where an account's data services are: a file in its folder that only its owner can read."""

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
    def read(cls, account: Path) -> Address | None:
        """Return the address that was written last, of a process that may have ended; None when none was."""
        try:
            return cls(**json.loads(_file(account).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, account: Path) -> None:
        draft = _file(account).with_suffix(".part")
        draft.touch(0o600)
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(_file(account))

    def leave(self, account: Path) -> None:
        """Write that nothing runs any more, and which port the next process shall take if it can."""
        replace(self, pid=0, token="").write(account)


@contextmanager
def held(account: Path, attempts: int = 1) -> Iterator[bool]:
    """Be the one process that serves an account; say no where another is."""
    folder = account / "data"
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


def is_held(account: Path) -> bool:
    """Tell whether a process serves an account, or is about to."""
    with held(account) as mine:
        return not mine


def _file(account: Path) -> Path:
    return account / "data" / "address.json"
