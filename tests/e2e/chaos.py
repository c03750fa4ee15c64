"""Disturb a run on purpose and look at what is left: hangs to stop at, processes to kill, an account to compare."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.control import faults
from sandbox.control.account import Account
from tests.e2e.conftest import Workspace

UP = ("up", "--stack", "dev", "--yes", "--skip-preview")
_PATIENCE_SECONDS = 60
USER = getpass.getuser()


def fault(workspace: Workspace, kind: str, token: str = "*", on: str = "create", seconds: float = 0) -> None:
    """Let the next matching operation go wrong."""
    account = Account(workspace.root / ".modeshift/sandbox")
    faults.add(account, faults.Rule(token, on, kind, seconds=seconds))
    account.close()


def clear_faults(workspace: Workspace) -> None:
    account = Account(workspace.root / ".modeshift/sandbox")
    faults.clear(account)
    account.close()


def until(condition: Callable[[], Any], what: str, seconds: float = _PATIENCE_SECONDS) -> Any:
    """Wait until a condition holds and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)
    return value


@contextmanager
def started(workspace: Workspace, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command and go on; it is killed if the block leaves it alive."""
    process = subprocess.Popen(
        [sys.executable, "-m", "automation.cli", *args],
        cwd=workspace.root,
        env=workspace.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def struck(workspace: Workspace, seconds: float = _PATIENCE_SECONDS) -> None:
    """Wait until every fault has struck."""
    account = Account(workspace.root / ".modeshift/sandbox")
    until(lambda: all(rule.seen for rule in faults.rules(account)), "the fault to strike", seconds)
    account.close()


def processes_of(workspace: Workspace) -> dict[int, str]:
    """Return the processes that work for a workspace, id to command line, the test's own left out."""
    listed = subprocess.run(["ps", "-axww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True)
    found: dict[int, str] = {}
    for line in listed.stdout.splitlines():
        pid, state, command = line.split(None, 2)
        if not state.startswith("Z") and (str(workspace.root) in command or _works_in(int(pid), workspace.root)):
            found[int(pid)] = command
    return found


def process(workspace: Workspace, *words: str) -> int:
    """Return the id of the workspace's process that has some words in its command line."""
    return until(
        lambda: next((pid for pid, args in processes_of(workspace).items() if all(word in args for word in words)), 0),
        f"a process with {words}",
    )


def engine_of(workspace: Workspace) -> int:
    return process(workspace, "/pulumi ", "--event-log")


def provider_of(workspace: Workspace) -> int:
    return process(workspace, "automation.attach")


def assert_nothing_left(workspace: Workspace, temporary: Path) -> None:
    """No process of a workspace lives on, and the folder for temporary files is as it was."""
    until(lambda: not processes_of(workspace), f"{processes_of(workspace)} to end", 10)
    assert list(temporary.iterdir()) == []


def assert_account_is_state(workspace: Workspace, stack: str = "dev") -> None:
    """The account holds what the state holds, each thing once."""
    latest = workspace.state(stack)["checkpoint"]["latest"]
    assert not latest.get("pending_operations")
    wanted = Counter(
        (resource["type"], resource["id"], resource["urn"])
        for resource in latest["resources"]
        if resource.get("custom") and not resource["type"].startswith("pulumi:")
    )
    there = Counter((one["type"], one["id"], one["urn"]) for one in workspace.account() if f":{stack}::" in one["urn"])
    assert there == wanted
    assert max(Counter(urn for _, _, urn in there).values()) == 1


def names(workspace: Workspace) -> Counter[tuple[str, str]]:
    """Return type and logical name of everything in the account."""
    return Counter((one["type"], one["urn"].rsplit("::", 1)[-1]) for one in workspace.account())


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return pid != os.getpid() and Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder)
    except OSError:
        return False
