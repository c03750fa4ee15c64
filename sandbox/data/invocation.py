"""Run a function of the account once, for real: its own package, its own environment, its own deadline."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.data.environment import described
from sandbox.workloads.functions.call import Done
from sandbox.workloads.functions.package import runtime_folder, unpack
from sandbox.workloads.functions.pool import Pool
from sandbox.workloads.functions.room import Room
from sandbox.workloads.functions.settings import LATEST, Version
from sandbox.workloads.functions.worker import Kind, Launch
from sandbox.workloads.functions.workshop import surroundings

if TYPE_CHECKING:
    from sandbox.control.account import Resource

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a call came to; `failed` is what AWS calls a FunctionError, whose payload tells the error."""

    payload: str
    failed: bool = False


class _File:
    """The log of a function that is called once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, group: str, stream: str, text: str) -> None:
        """Add a line."""
        del group, stream
        with self._path.open("a") as output:
            output.write(text + "\n")

    def end(self, group: str, stream: str) -> None:
        """Do nothing: it is closed after every line."""


def invoke(account: Path, function: Resource, event: str, log: Path, checkout: Path) -> Outcome:
    """Call a function and wait for it; what it writes goes to a log.

    A function that is an image runs the app of `checkout`. Packages that were built for another Python or another
    processor are replaced by those of this environment, and the log says so.

    Raises:
        DataError: It cannot be run here at all.

    """
    job, version = described(account, function), Version(function, LATEST)
    with tempfile.TemporaryDirectory(prefix="modeshift-function-") as place:
        folder = Path(place)
        # A worker may run as a user of its own.
        folder.chmod(0o755)
        code = unpack(function, folder / "task", checkout)
        for note in code.notes:
            _LOG.info("%s", note)
        environment = {**surroundings(version, code), **job.environment, "_HANDLER": job.handler}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        client = runtime_folder(folder / "runtime")
        launch = Launch(code, client, job.handler, environment, version.memory, mark=f"invocation {place}#")
        done = asyncio.run(_call(version, launch, event.encode(), log))
    return Outcome(done.payload.decode(errors="replace"), done.failed)


async def _call(version: Version, launch: Launch, event: bytes, log: Path) -> Done:
    async def prepare(kind: Kind) -> Launch:
        del kind
        return launch

    pool = Pool(version, prepare, Room(), _File(log))
    try:
        return await pool.call(version.arn, event)
    finally:
        await pool.close()
