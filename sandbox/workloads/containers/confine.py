"""What a container's command runs under: ended with its parent, and limited in processes where the system can."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from sandbox.data import ports, processes
from sandbox.workloads.containers.spec import ContainerSpec

MARK = "MODESHIFT_CONTAINER"
"""Variable by which every process of a container is known, also one that left its session."""

_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE")
# Within what is mapped into a user namespace of usual size, and nobody else's.
_USERS = range(30_000, 60_000)
_next_user = itertools.count(os.getpid() * 16)
_HEADROOM = 64


def mark(account: Path, container: str = "") -> str:
    """Return the value of the variable for a container of an account, or how all of them begin."""
    return f"{account.resolve()}#{container}"


def environment(spec: ContainerSpec, *, mark: str, scratch: Path, port: int, metrics_port: int) -> dict[str, str]:
    """Return what a container is told, made to mean this machine."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    given = {name: _moved(value, spec.scratch, scratch) for name, value in spec.environment.items()}
    here = {"HOST": ports.HOST, "PORT": str(port)} if spec.serves else {}
    # Containers have a network each; here they share one.
    here |= {"METRICS_PORT": str(metrics_port), "PYTHONUNBUFFERED": "1", MARK: mark}
    return {**inherited, "HOME": str(scratch), "TMPDIR": str(scratch / "tmp"), **given, **here}


def confined(limit: int) -> list[str]:
    """Return what a command runs under that may have so many processes.

    The kernel counts by user and leaves root out: root's containers get a user each, who may still read and write as
    root does. Anybody else's count with all that this user runs already. Without util-linux nothing is limited here;
    what has too many is then only found by measuring.
    """
    guard = processes.guard("KILL")
    prlimit = shutil.which("prlimit") if sys.platform == "linux" else None
    if not guard or prlimit is None:
        return guard
    if os.geteuid() == 0:
        user = _USERS[next(_next_user) % len(_USERS)]
        guard += processes.as_user(user, user)
    else:
        limit += _running(os.geteuid())
    return [*guard, prlimit, f"--nproc={limit + _HEADROOM}", "--core=0"]


def _running(user: int) -> int:
    """Return how many threads a user runs, which is what the kernel counts."""
    found = 0
    for process in psutil.process_iter(["uids", "num_threads"]):
        uids = process.info["uids"]
        if uids is not None and uids.real == user:
            found += process.info["num_threads"] or 1
    return found


def _moved(value: str, paths: tuple[str, ...], to: Path) -> str:
    for path in paths:
        if value == path or value.startswith(f"{path}/"):
            return str(to) + value
    return value


def folders(spec: ContainerSpec, to: Path) -> Mapping[str, Path]:
    """Create what a container has for itself, and return where each of its paths is."""
    made = {path: to / path.lstrip("/") for path in spec.scratch}
    for folder in (to / "tmp", *made.values()):
        folder.mkdir(parents=True, exist_ok=True)
    return made
