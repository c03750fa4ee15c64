"""Prepares what workers are started with: unpacked code, environment, the client."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.data.environment import described
from sandbox.workloads.containers import measure
from sandbox.workloads.functions.package import Code, forget, runtime_folder, unpack
from sandbox.workloads.functions.worker import Kind, Launch

if TYPE_CHECKING:
    from sandbox.workloads.context import Context
    from sandbox.workloads.functions.settings import Version


class Workshop:
    """The folders of an account's functions."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._folder = context.folder / "functions"
        self._code = self._folder / "code"
        self._lock = asyncio.Lock()
        self._mark = f"function {context.account.resolve()}#"
        self._client: Path | None = None

    async def prepare(self, version: Version, kind: Kind) -> Launch:
        """Return how a worker of a version is started; unpacks its code the first time.

        Raises:
            DataError: The code is not there, or the environment cannot be had.

        """
        async with self._lock:
            self._client = self._client or await asyncio.to_thread(self._begin)
            place = self._place(version)
            code = await asyncio.to_thread(unpack, version.resource, place, self._context.checkout)
        job = await asyncio.to_thread(described, self._context.account, version.resource)
        environment = {
            **surroundings(version, code, snap_start=kind == "snap-start"),
            "PYTHONPYCACHEPREFIX": str(place.with_name(f"{place.name}.cache")),
            **job.environment,
            "_HANDLER": job.handler,
        }
        return Launch(code, self._client, job.handler, environment, version.memory, kind, self._mark)

    def keep(self, versions: Iterable[Version]) -> None:
        """Delete the code that none of these versions has."""
        kept = {self._place(version).name for version in versions}
        for folder in [one for one in self._code.glob("*") if one.suffix == "" and one.name not in kept]:
            forget(folder)
            shutil.rmtree(folder.with_name(f"{folder.name}.cache"), ignore_errors=True)

    def _begin(self) -> Path:
        """End what an earlier process left behind, and put the client in its place anew."""
        for pid in measure.marked(self._mark):
            measure.end(pid)
        shutil.rmtree(self._folder / "runtime", ignore_errors=True)
        self._code.mkdir(parents=True, exist_ok=True)
        # What a worker compiles is kept for the next; it may run as another user.
        return runtime_folder(self._folder / "runtime")

    def _place(self, version: Version) -> Path:
        """Return where the code of a version is; another Python, or another environment, has it elsewhere."""
        here = f"{version.code_id} {sys.version} {sysconfig.get_path('purelib')}"
        return self._code / hashlib.sha256(here.encode()).hexdigest()[:24]


def surroundings(version: Version, code: Code, *, snap_start: bool = False) -> Mapping[str, str]:
    """Return the variables that Lambda sets beside those of a function."""
    known = {
        # Lambda's client asks for its next event in a thread, so that signals are handled, from 3.12 on only.
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.runtime or 'python3.13'}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory),
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.number,
        "LAMBDA_TASK_ROOT": str(code.root),
        "LANG": "en_US.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONUNBUFFERED": "1",
        "TZ": ":UTC",
    }
    if not snap_start:
        known["AWS_LAMBDA_LOG_GROUP_NAME"] = version.log_group
    return known
