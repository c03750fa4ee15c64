"""The worker as a container runs it: a process that is killed, told to stop, or asked whether it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.app.worker.desk import Desk

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE = 60
SLOW = """

async def act(message: Message) -> None:
    import asyncio, pathlib
    folder, job = pathlib.Path(__file__).parents[2], message.body["job"]
    (folder / f"begun-{job}").touch()
    await asyncio.sleep(message.body["seconds"] if message.attempts == 1 else 0)
    with (folder / "done").open("a") as file:
        file.write(f"{job}\\n")
"""
# What a dead worker held comes back when its lease and its time are over; here both are short.
PROGRAM = """
import sys
import app.services
from app.core import idempotency, pulling, queues, service
from pathlib import Path
service._FOLDERS = Path(sys.argv.pop(1))
app.services.__path__.append(str(service._FOLDERS))
queues.LEASE = pulling.LEASE = 2
idempotency._MARGIN = 1
from app.worker import main
main()
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(desk: Desk, tmp_path: Path) -> Iterator[Start]:
    """Start a worker whose messages take as long as they say."""
    code = tmp_path / "services/parcels/__init__.py"
    code.write_text(code.read_text() + SLOW)
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "services"), *arguments],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], **desk.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def _wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _done(folder: Path) -> list[str]:
    file = folder / "done"
    return sorted(file.read_text().split()) if file.exists() else []


@pytest.mark.e2e
def test_a_message_in_the_hands_of_a_killed_worker_comes_back_and_is_done_once(
    desk: Desk, start: Start, tmp_path: Path
) -> None:
    desk.send({"job": 1, "seconds": 3600})
    first = start(WORKER_TIMEOUT="3", WORKER_BACKOFF="1")
    _wait((tmp_path / "begun-1").exists)
    first.send_signal(signal.SIGKILL)
    start(WORKER_TIMEOUT="3", WORKER_BACKOFF="1")
    _wait(lambda: desk.waiting() == (0, 0))
    assert _done(tmp_path) == ["1"]
    assert [record["status"]["S"] for record in desk.records()] == ["COMPLETED"]


@pytest.mark.e2e
def test_sigterm_ends_what_is_under_way_and_takes_no_more(desk: Desk, start: Start, tmp_path: Path) -> None:
    desk.send({"job": 1, "seconds": 2}, {"job": 2, "seconds": 3600})
    worker = start(STOP_SECONDS="4", HEARTBEAT_PATH=str(tmp_path / "heartbeat"))
    _wait(lambda: (tmp_path / "begun-1").exists() and (tmp_path / "begun-2").exists())
    alive = start("--check", HEARTBEAT_PATH=str(tmp_path / "heartbeat"))
    worker.send_signal(signal.SIGTERM)
    output, _ = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0, output
    assert alive.wait(PATIENCE) == 0
    assert _done(tmp_path) == ["1"]
    assert desk.waiting() == (1, 0)
    assert "Traceback" not in output


@pytest.mark.e2e
def test_a_second_signal_ends_it_at_once(desk: Desk, start: Start, tmp_path: Path) -> None:
    desk.send({"job": 1, "seconds": 3600})
    worker = start(STOP_SECONDS="60")
    _wait((tmp_path / "begun-1").exists)
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 128 + signal.SIGTERM


def _run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "app.worker", *arguments],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))


def test_the_check_tells_a_stuck_worker_from_one_that_lives(tmp_path: Path) -> None:
    beat = tmp_path / "heartbeat"
    assert _said(_run("--check")) == "HEARTBEAT_PATH is not set: nothing tells whether a worker lives."
    none = _run("--check", HEARTBEAT_PATH=str(beat))
    assert (none.returncode, _said(none)) == (1, f"{beat} is not there: no worker has started.")
    beat.touch()
    assert _run("--check", HEARTBEAT_PATH=str(beat)).returncode == 0
    os.utime(beat, (time.time() - 100, time.time() - 100))
    stuck = _run("--check", HEARTBEAT_PATH=str(beat))
    assert stuck.returncode == 1
    assert "has been stuck for 10" in _said(stuck)


def test_the_check_costs_next_to_nothing() -> None:
    imported = {line.rpartition("|")[2].strip() for line in _run("--check").stderr.splitlines() if "|" in line}
    assert {"app", "argparse"} <= imported
    assert imported.isdisjoint({"app.core", "boto3", "botocore", "fastapi", "pydantic", "aws_lambda_powertools"})


def test_wrong_settings_are_sentences_and_no_traceback() -> None:
    done = _run(SERVICES="netprobe=/")
    assert (done.returncode, _said(done)) == (
        1,
        "The worker cannot start with these settings:\nQUEUES and IDEMPOTENCY_TABLE must be set for a worker to run.",
    )
