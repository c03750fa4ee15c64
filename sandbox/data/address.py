"""Where an account's data services are: a file in its folder that only its owner can read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

CONTROL = "/-/sandbox/"
"""Below this path, commands to the process itself. `-` is no bucket's name."""

TOKEN_HEADER = "HTTP_X_SANDBOX_TOKEN"  # noqa: S105 - where it is, not what it is


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
        """Return the address that was written last; None when the process ended in order."""
        try:
            return cls(**json.loads(_file(account).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, account: Path) -> None:
        draft = _file(account).with_suffix(".part")
        draft.touch(0o600)
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(_file(account))

    @staticmethod
    def forget(account: Path) -> None:
        _file(account).unlink(missing_ok=True)


def _file(account: Path) -> Path:
    return account / "data" / "address.json"
