"""Keep what the engine attaches to running between commands, for people who type plain `pulumi`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from automation.errors import Exit, UserError
from automation.project import Project

_STOP_SECONDS = 5


def start(project: Project) -> int:
    """Return the port of the running process, started now unless it runs already."""
    record = _read(_record(project))
    if record is not None:
        return record["port"]
    project.sandbox.mkdir(parents=True, exist_ok=True)
    log = project.sandbox / "attach.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "automation.attach", "--account", str(project.sandbox)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise UserError("The sandbox did not start.", hint=log.read_text().strip(), code=Exit.FAILED)
    port = json.loads(line)["port"]
    _record(project).write_text(json.dumps({"pid": process.pid, "port": port}))
    return port


def stop(project: Project) -> bool:
    """End the process; return whether one was running."""
    path = _record(project)
    record = _read(path)
    path.unlink(missing_ok=True)
    if record is None:
        return False
    os.kill(record["pid"], signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_ours(record["pid"]):
        if time.monotonic() > deadline:
            os.kill(record["pid"], signal.SIGKILL)
            break
        time.sleep(0.05)
    return True


def _record(project: Project) -> Path:
    return project.sandbox / "attach.json"


def _read(path: Path) -> dict[str, int] | None:
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return record if _is_ours(record["pid"]) else None


def _is_ours(pid: int) -> bool:
    """Whether a process is alive and is what we started: a pid may be somebody else's by now."""
    answer = subprocess.run(["ps", "-o", "stat=,args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "automation.attach" in answer.stdout and not answer.stdout.startswith("Z")
