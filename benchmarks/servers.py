"""Servers to be measured: processes with a core of their own, as far as the machine has one to give."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

# The first is the servers' own. Each answer wakes the client, which would push a server off the core they share.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@dataclass(frozen=True)
class Server:
    """A process that answers requests."""

    port: int
    process: int

    def processor_seconds(self) -> float:
        """Return the processor time used so far; not a number where the system does not tell it as Linux does."""
        try:
            spent = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()[11:13]
        except FileNotFoundError:
            return math.nan
        return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(command: list[str], port: int, environ: dict[str, str]) -> Iterator[Server]:
    """Run a server until it is no longer needed; its log is read as a log driver would, and only the end is kept."""
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    pin(process.pid, CORES[:1])
    assert process.stdout is not None
    said: deque[bytes] = deque(maxlen=1)
    reader = threading.Thread(target=_drain, args=(process.stdout.fileno(), said))
    reader.start()
    try:
        deadline = time.monotonic() + 60
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{' '.join(command)} does not serve:\n{b''.join(said).decode()}")
            time.sleep(0.05)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()
        reader.join()
        process.stdout.close()


def pin(process: int, cores: list[int]) -> None:
    """Keep a process on some cores, where the system can and has more than one."""
    if len(CORES) > 1:
        os.sched_setaffinity(process, cores)


def _drain(log: int, said: deque[bytes]) -> None:
    while part := os.read(log, 65536):
        said.append(part)
        # A reader that wakes for every line would take the server's time.
        time.sleep(0.02)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        return [stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]
