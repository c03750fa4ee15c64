"""Keep what the engine attaches to running between commands, for people who type plain `pulumi`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from automation import processes
from automation.errors import Exit, UserError
from automation.project import Project

_MODULE = "automation.attach"
_STOP_SECONDS = 5


def start(project: Project) -> int:
    """Return the port of the running process, started now unless it runs already.

    Raises:
        UserError: it did not start; the message says why.
    """
    with processes.alone(project.sandbox / "attach.lock"):
        record = _read(_record(project))
        if record is not None:
            return record["port"]
        pid, port = _launch(project)
        _record(project).write_text(json.dumps({"pid": pid, "port": port}))
        return port


def stop(project: Project) -> bool:
    """End the process; return whether one was running."""
    with processes.alone(project.sandbox / "attach.lock"):
        record = _read(_record(project))
        _record(project).unlink(missing_ok=True)
    if record is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(record["pid"], signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while processes.runs(record["pid"], _MODULE):
            if time.monotonic() > deadline:
                os.kill(record["pid"], signal.SIGKILL)
                break
            time.sleep(0.05)
    return True


def _launch(project: Project) -> tuple[int, int]:
    log = project.sandbox / "attach.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                _MODULE,
                "--program",
                str(project.root),
                "--account",
                str(project.sandbox.resolve()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    with process.stdout as pipe:
        line = pipe.readline()
    ready = json.loads(line) if line else {"problem": log.read_text().strip() or "It ended without a word."}
    if "problem" in ready:
        process.wait()
        raise UserError(f"The sandbox did not start. {ready['problem']}", code=Exit.FAILED)
    return process.pid, int(ready["port"])


def _record(project: Project) -> Path:
    return project.sandbox / "attach.json"


def _read(path: Path) -> dict[str, int] | None:
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return record if processes.runs(record["pid"], _MODULE) else None
