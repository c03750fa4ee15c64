"""Functions for tests: code written on the spot, as an account would have it, in a manager of its own."""

from __future__ import annotations

import asyncio
import hashlib
import platform
import sys
import time
import zipfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import psutil
import pytest

from sandbox.control.account import Resource
from sandbox.workloads.context import Context
from sandbox.workloads.functions import workshop
from sandbox.workloads.functions.manager import Functions
from sandbox.workloads.snapshot import Snapshot

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
PROCESSOR = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
RUNTIME = f"python3.{sys.version_info.minor}"
PATIENCE = 60
CODE = """
import json, os, signal, subprocess, sys, time
CALLS = 0

def echo(event, context):
    global CALLS
    CALLS += 1
    print("said", event)
    return {"event": event, "calls": CALLS, "pid": os.getpid(), "version": context.function_version,
            "arn": context.invoked_function_arn, "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
            "told": os.environ.get("TOLD")}

def fail(event, context):
    raise ValueError("no " + str(event))

def hang(event, context):
    time.sleep(600)

def leave(event, context):
    os._exit(event["code"])

def much(event, context):
    return "x" * event["size"]

def wait(event, context):
    time.sleep(event["seconds"])
    return os.getpid()

def hungry(event, context):
    kept = bytearray(event["megabytes"] * 1024 * 1024)
    for place in range(0, len(kept), 4096):
        kept[place] = 1
    time.sleep(30)

def unsayable(event, context):
    return object()

def flood(event, context):
    for number in range(event["lines"]):
        print("line", number)

def stubborn(event, context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
    return os.getpid()
"""


def resource(kind: str, logical: str, identity: str, /, **outputs: Any) -> Resource:
    urn = f"urn:pulumi:dev::modeshift::{kind}::{logical}"
    return Resource(1, kind, "us-east-1", identity, urn, {}, outputs)


def alias(function: str, version: str, name: str = "live", **others: Any) -> Resource:
    kind = "aws:lambda/alias:Alias"
    told = {"functionName": function, "functionVersion": version, "name": name, "arn": f"{ARN}{function}:{name}"}
    return resource(kind, function, f"{ARN}{function}:{name}", **told, **others)


class Run(Protocol):
    """Runs a test with a manager, whose clock has a speed."""

    def __call__(self, work: Callable[[Here], Awaitable[None]], speed: float = 1) -> None: ...


@dataclass
class Here:
    """A manager and what the account has for it."""

    context: Context
    functions: Functions
    folder: Path
    resources: dict[str, Resource] = field(default_factory=dict[str, Resource])

    def add(self, *resources: Resource) -> None:
        for one in resources:
            self.resources[f"{one.type} {one.id}"] = one

    def function(self, name: str, handler: str, code: str = CODE, **outputs: Any) -> str:
        """Have a function, or change it; return its ARN."""
        digest = hashlib.sha256(code.encode()).hexdigest()
        package = self.folder / f"{digest}.zip"
        if not package.exists():
            with zipfile.ZipFile(package, "w") as archive:
                archive.writestr("code_of_it.py", code)
        told = {
            "name": name,
            "arn": ARN + name,
            "handler": f"code_of_it.{handler}",
            "runtime": RUNTIME,
            "architectures": [PROCESSOR],
            "timeout": 20,
            "memorySize": 256,
            "codeSha256": digest,
            "code": {"path": str(package)},
            "version": "$LATEST",
            **outputs,
        }
        self.add(resource("aws:lambda/function:Function", name, name, **told))
        return ARN + name

    async def apply(self) -> None:
        await self.functions.apply(Snapshot(self.resources.values()))

    async def call(self, arn: str, event: str = "{}") -> Any:
        return await self.functions.invoke(arn, event.encode())

    def told(self, name: str) -> dict[str, Any]:
        return next(one for one in self.functions.describe()["functions"] if one["name"] == name)

    def lines(self, name: str) -> list[str]:
        return [line.text for line in self.context.logs.read(f"/aws/lambda/{name}")]

    def measured(self, metric: str, stat: str = "Sum", **dimensions: str) -> float:
        now = time.time()
        found = self.context.metrics.statistics(
            "AWS/Lambda", metric, dimensions, now - 600, now + 60, period=3600, stat=stat
        )
        return sum(value for _, value in found)


@asynccontextmanager
async def running(folder: Path, monkeypatch: pytest.MonkeyPatch, speed: float = 1) -> AsyncGenerator[Here]:
    """Yield a manager; what it started has ended afterwards, and its folders are gone."""

    def described(account: Path, function: Resource) -> Any:
        del account
        outputs: dict[str, Any] = function.outputs
        variables = (outputs.get("environment") or {}).get("variables") or {}
        return SimpleNamespace(environment=variables, handler=outputs["handler"])

    monkeypatch.setattr(workshop, "described", described)
    context = Context.of(folder / "account", folder, speed)
    here = Here(context, Functions(context), folder)
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    files = psutil.Process().num_fds()
    try:
        yield here
    finally:
        await here.functions.close()
        context.logs.close()
    left = [one for one in psutil.Process().children(recursive=True) if one.pid not in before and lives(one.pid)]
    assert not left
    # The loop's own threads may keep a few.
    assert psutil.Process().num_fds() <= files + 5


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        await asyncio.sleep(0.02)
