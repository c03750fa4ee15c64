"""What every manager of workloads works with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sandbox.data import ports
from sandbox.workloads.clock import Clock
from sandbox.workloads.events import Events
from sandbox.workloads.faults import Faults
from sandbox.workloads.logs import Logs
from sandbox.workloads.metrics import Metrics


class Ports:
    """Free ports of this machine; those with a name are the same again next time, if they still can be."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._known: dict[str, int] = json.loads(file.read_text())
        except (OSError, ValueError):
            self._known = {}

    def named(self, name: str) -> int:
        """Return a free port for something that people know by its port."""
        port = ports.free(self._known.get(name, 0))
        if self._known.get(name) != port:
            self._known[name] = port
            draft = self._file.with_suffix(".part")
            draft.write_text(json.dumps(self._known, indent=2, sort_keys=True))
            draft.replace(self._file)
        return port

    def free(self) -> int:
        """Return any free port."""
        return ports.free()


@dataclass(frozen=True)
class Context:
    """One account, and what is known of it."""

    account: Path
    """Folder of the account."""
    checkout: Path
    """Whose app images run."""
    clock: Clock
    events: Events
    metrics: Metrics
    logs: Logs
    faults: Faults
    ports: Ports

    @classmethod
    def of(cls, account: Path, checkout: Path, speed: float = 1) -> Context:
        """Return a context whose files are below the account's folder."""
        folder = account / "workloads"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        logs = Logs(folder / "logs")
        return cls(account, checkout, Clock(speed), Events(), Metrics(), logs, Faults(), Ports(folder / "ports.json"))

    @property
    def folder(self) -> Path:
        """Where workloads keep files."""
        return self.account / "workloads"
