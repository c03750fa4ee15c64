"""What `up` brings up runs: it answers where `up` says, survives what goes wrong, and ends with what it belongs to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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


def up(workspace: Workspace, stack: str) -> tuple[Ran, dict[str, Any]]:
    ran = workspace.modeshift("up", "--stack", stack, "--yes", "--json", "--skip-preview")
    return ran, ran.document["stacks"][0]


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=30).json() == {"status": "ok"}
    except httpx.TransportError:
        return False


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
