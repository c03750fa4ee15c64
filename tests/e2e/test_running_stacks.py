"""What `up` brings up runs: it answers where `up` says, survives what goes wrong, and ends with what it belongs to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e import chaos
from tests.e2e.conftest import Ran, Workspace

pytestmark = pytest.mark.e2e

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:"


@pytest.fixture
def running(workspace: Workspace) -> Iterator[Workspace]:
    """A project whose stacks run, and of which nothing runs in the end."""
    workspace.env["MODESHIFT_SANDBOX_WORKLOADS"] = "on"
    yield workspace
    workspace.modeshift("sandbox", "stop")
    assert processes(workspace) == []


def processes(workspace: Workspace) -> list[psutil.Process]:
    where = str(workspace.root)
    return [one for one in psutil.process_iter(["cmdline", "environ"]) if where in " ".join(one.info["cmdline"] or [])]


def files(workspace: Workspace) -> dict[Path, bytes]:
    """Return what a person has written, below the project."""
    return {
        path: path.read_bytes()
        for path in workspace.root.rglob("*")
        if path.is_file() and not {".modeshift", "__pycache__"} & set(path.parts)
    }


def up(workspace: Workspace, stack: str) -> tuple[Ran, dict[str, Any]]:
    ran = workspace.modeshift("up", "--stack", stack, "--yes", "--json", "--skip-preview")
    return ran, ran.document["stacks"][0]


def answers(url: str) -> bool:
    try:
        response = httpx.get(f"{url}/health", timeout=30)
    except httpx.TransportError:
        return False
    return response.status_code == httpx.codes.OK and response.json() == {"status": "ok"}


def told(workspace: Workspace, stack: str) -> str:
    ran = workspace.modeshift("status", "--stack", stack, "--json")
    assert ran.code == 0, ran
    return ran.document["services"]["netprobe"]["state"]


@contextmanager
def asked(url: str) -> Iterator[Counter[object]]:
    """Ask one request after another while the block lasts; yields how often there was which answer."""
    seen: Counter[object] = Counter()
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=30) as client:
            while not over.wait(0.02):
                try:
                    seen[client.get(f"{url}/health").status_code] += 1
                except httpx.HTTPError as problem:
                    seen[repr(problem)] += 1

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield seen
    finally:
        over.set()
        asker.join()


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_a_stack_answers_where_up_says_until_it_is_destroyed(running: Workspace, stack: str) -> None:
    first, document = up(running, stack)
    assert first.code == 0, first
    url = document["local"]["url"]
    assert answers(url)
    assert "NetProbe" in httpx.get(url, headers={"accept": "text/html"}, timeout=30).text
    # Measurements come as on AWS, after a while.
    chaos.until(lambda: told(running, stack) == "steady", f"{stack} to be told to be steady")
    assert httpx.get(document["local"]["page"], timeout=30).status_code == 200

    assert running.modeshift("sandbox", "stop").code == 0
    assert not answers(url)
    again, document = up(running, stack)
    assert again.summary | {"same": 0} == dict.fromkeys(again.summary, 0), again
    assert document["local"]["url"] == url
    chaos.until(lambda: answers(url), f"{stack} to answer again")

    gone = running.modeshift("destroy", "--stack", stack, "--yes", "--unprotect")
    assert gone.code == 0, gone
    assert not answers(url)
    chaos.until(lambda: processes(running) == [], "all processes to end")


def test_the_address_and_its_callers_outlive_a_change_of_mode(running: Workspace) -> None:
    _, document = up(running, "dev")
    url = document["local"]["url"]
    assert answers(url)
    with asked(url) as seen:
        for mode in ("container", "serverless"):
            running.edit("dev", mode=mode)
            ran, document = up(running, "dev")
            assert ran.code == 0, ran
            assert document["local"]["url"] == url
    assert seen.keys() == {200}, seen


def test_a_broken_release_is_taken_back_and_costs_no_request(running: Workspace) -> None:
    running.edit("dev", mode="container")
    first, document = up(running, "dev")
    assert first.code == 0, first
    url = document["local"]["url"]
    entry = running.root / "app" / "main.py"
    good = entry.read_text()

    entry.write_text("raise SystemExit('this release is broken')\n")
    running.edit("dev", image=IMAGE + "1" * 64)
    with asked(url) as seen:
        broken, document = up(running, "dev")
    assert broken.code == 1, broken
    assert "circuit breaker" in str(document["errors"]), broken
    assert "Traceback" not in broken.stdout + broken.stderr
    assert seen.keys() == {200}, seen
    logs = running.modeshift("logs", "netprobe", "--stack", "dev", "--since", "10m")
    assert "this release is broken" in logs.stdout, logs

    entry.write_text(good)
    running.edit("dev", image=IMAGE + "2" * 64)
    with asked(url) as seen:
        mended, _ = up(running, "dev")
    assert mended.code == 0, mended
    assert seen.keys() == {200}, seen


@pytest.mark.parametrize("mode", ["serverless", "container"])
def test_a_process_that_is_killed_on_request_has_a_successor(running: Workspace, mode: str) -> None:
    running.edit("dev", mode=mode)
    _, document = up(running, "dev")
    url = document["local"]["url"]
    assert answers(url)
    killed = running.modeshift("sandbox", "fault", "run", "kill", "dev-netprobe")
    assert killed.stdout == "Fault 1: one process of dev-netprobe was killed.\n", killed
    chaos.until(lambda: answers(url), "the next process to answer")
    assert running.modeshift("status", "--stack", "dev").code == 0

    waits = running.modeshift("sandbox", "fault", "run", "kill", "dev-nobody")
    assert "is to be killed" in waits.stdout
    assert "Nothing in the account goes by dev-nobody now" in waits.stdout
    assert running.modeshift("sandbox", "fault", "clear").stdout == "2 faults removed, 0 left.\n"


@pytest.mark.parametrize(
    ("plan", "mode", "happened"),
    [
        ("deploy", "serverless", "Updated: version 2."),
        ("deploy", "container", "of dev-netprobe:2 starts the tasks of the revision."),
        ("zone-loss", "container", "is back"),
    ],
)
def test_a_change_is_rehearsed_in_a_place_of_its_own(running: Workspace, plan: str, mode: str, happened: str) -> None:
    running.edit("dev", mode=mode, image=IMAGE + "1" * 64)
    before = files(running)
    ran = running.modeshift("rehearse", "--stack", "dev", "--plan", plan, "--rate", "5", "--for", "20", "--json")
    # Latencies are those of a machine that may be busy, so the verdict is not a matter of this test.
    assert ran.code in {0, 1}, ran
    assert ran.stdout, ran
    told = ran.document
    assert told["outcome"] == "done", told
    assert any(happened in one["text"] for one in told["timeline"]), told["timeline"]
    assert told["total"]["requests"] >= 80
    assert told["total"]["failed"] == 0 or plan == "zone-loss", told["failures"]
    assert running.account() == []
    assert files(running) == before
    assert processes(running) == []
