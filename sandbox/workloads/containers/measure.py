"""Which processes belong to a container, what they use, and how all of them are ended."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

import psutil

from sandbox.workloads.containers.confine import MARK
from sandbox.workloads.containers.spec import Usage

_MIB = 1024 * 1024
_PATIENCE_SECONDS = 5


def sessions() -> dict[int, list[int]]:
    """Return the processes of this machine by session; that of a container is its first process."""
    found: dict[int, list[int]] = defaultdict(list)
    for pid in psutil.pids():
        with suppress(OSError):
            found[os.getsid(pid)].append(pid)
    return found


class Meter:
    """Measures one container again and again; the CPU is that since the time before."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._at = time.monotonic()
        self._busy = 0.0
        self.usage = Usage(processes=1)

    def read(self, pids: Iterable[int], *, cpu: bool) -> Usage:
        """Measure these processes; the CPU too if asked for."""
        private, shared, busy, count = 0, 0, 0.0, 0
        for pid in pids:
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                memory = process.memory_info()
                # Pages that processes share are theirs once.
                common = int(getattr(memory, "shared", 0))
                private += memory.rss - common
                shared = max(shared, common)
                count += 1
                if cpu:
                    times = process.cpu_times()
                    busy += times.user + times.system
                    if pid == self._leader:
                        busy += times.children_user + times.children_system
        share = self._share(busy) if cpu else self.usage.cpu
        self.usage = Usage(cpu=share, memory=(private + shared) / _MIB, processes=count)
        return self.usage

    def _share(self, busy: float) -> float:
        now = time.monotonic()
        passed, used = now - self._at, busy - self._busy
        self._at, self._busy = now, busy
        return max(0.0, used) / passed if passed > 0 else 0.0


def end(leader: int, mark: str = "") -> None:
    """End every process of a container by force: its group at once, which no fork bomb outruns, then what left it."""
    with suppress(OSError):
        os.killpg(leader, signal.SIGKILL)
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        left = {*sessions().get(leader, ()), *(marked(mark) if mark else ())}
        left = {pid for pid in left if _lives(pid)}
        if not left:
            return
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def marked(mark: str) -> list[int]:
    """Return the processes whose variable begins with a mark, and that may be looked at."""
    found: list[int] = []
    for pid in psutil.pids():
        with suppress(psutil.Error, OSError):
            if psutil.Process(pid).environ().get(MARK, "").startswith(mark):
                found.append(pid)
    return found


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
