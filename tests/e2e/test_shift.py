"""Shifts by command: to the end, back by themselves, and from wherever they were cut off."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.control import signals
from sandbox.control.account import Account
from tests.e2e import chaos
from tests.e2e.conftest import Ran, Workspace

pytestmark = pytest.mark.e2e

SHIFT = ("shift", "--stack", "dev", "--yes", "--steps", "50,100")
NOW = ("--watch", "0s")
LONG = ("--watch", "10m")
RULE, FUNCTION, TASKS = "aws:lb/listenerRule:ListenerRule", "aws:lambda/function:Function", "aws:ecs/service:Service"

_PATIENCE_SECONDS = 240


@pytest.fixture
def stack(workspace: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """The stack dev on Lambda; its tests end without processes and temporary files of their runs."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    workspace.env["TMPDIR"] = str(temporary)
    up = workspace.modeshift(*chaos.UP)
    assert up.code == 0, up
    yield workspace
    chaos.assert_nothing_left(workspace, temporary)


def file(workspace: Workspace) -> Path:
    return workspace.root / "Pulumi.dev.yaml"


def words(text: str) -> str:
    return " ".join(text.split())


def health(workspace: Workspace, state: str) -> None:
    account = Account(workspace.root / ".modeshift/sandbox")
    signals.say_health(account, "fargate", state)
    account.close()


def live(workspace: Workspace) -> str:
    """Return what the production rule says of a shift, by the state."""
    resources = workspace.state("dev")["checkpoint"]["latest"]["resources"]
    tags = [one["outputs"].get("tags") or {} for one in resources if one["type"] == RULE and "Route$" in one["urn"]]
    return next((tag["modeshift:shift"] for tag in tags if "modeshift:shift" in tag), "")


def computes(workspace: Workspace) -> set[str]:
    """Return what there is to run the service."""
    there = {one["type"] for one in workspace.account()}
    return {name for name, kind in (("lambda", FUNCTION), ("fargate", TASKS)) if kind in there}


def at_step(workspace: Workspace, number: int) -> None:
    chaos.until(lambda: live(workspace).startswith(f"step {number}:"), f"step {number}", _PATIENCE_SECONDS)


def killed(workspace: Workspace, run: subprocess.Popen[str]) -> None:
    """Kill a run, and wait until what it started has ended."""
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=_PATIENCE_SECONDS)
    chaos.until(lambda: not chaos.processes_of(workspace), "the engine to end", _PATIENCE_SECONDS)


def settled(workspace: Workspace, ran: Ran, text: str, compute: str) -> None:
    """A shift is over: its file, its state and its account say the same, and nothing else changes."""
    assert ran.code == 0, ran
    assert file(workspace).read_text() == text
    assert (live(workspace), computes(workspace)) == ("", {compute})
    chaos.assert_account_is_state(workspace)
    again = workspace.modeshift("preview", "--stack", "dev", "--expect-no-changes")
    assert again.code == 0, again


def went_back(workspace: Workspace, said: str, step: int) -> None:
    """A run took all traffic back, said how long that took, and the file, the state and the account agree."""
    assert re.search(r"All traffic is on lambda again; the way back took .*\d s\.", words(said)), said
    assert live(workspace) == f"step {step}: lambda=100 fargate=0"
    assert f"shift: {{step: {step}, weights: {{lambda: 100, fargate: 0}}}}" in file(workspace).read_text()
    chaos.assert_account_is_state(workspace)


def test_a_shift_pauses_when_unsure_and_ends_where_it_should(stack: Workspace) -> None:
    before = file(stack).read_text()
    url = stack.modeshift("outputs", "url", "--stack", "dev").stdout
    paused = stack.modeshift(*SHIFT, "--to", "fargate", "--watch", "1s", "--json")
    assert paused.code == 5, paused
    assert paused.document["outcome"] == "paused"
    assert paused.document["traffic"] == {"netprobe": {"step": 2, "weights": {"lambda": 50, "fargate": 50}}}
    assert "nothing is measured" in words(paused.stderr)
    assert "Paused at step 2" in words(paused.stderr)
    chaos.assert_account_is_state(stack)

    during = file(stack).read_text()
    file(stack).write_text(before)
    stale = stack.modeshift("up", "--stack", "dev", "--yes")
    assert stale.code == 1, stale
    assert "a shift is under way, and step 2 is live: lambda=50 fargate=50" in words(stale.stdout)
    begun = stack.modeshift(*SHIFT, "--to", "fargate")
    assert begun.code == 2, begun
    assert "A shift is under way: netprobe is at step 2: lambda=50 fargate=50." in words(begun.stdout)
    assert live(stack) == "step 2: lambda=50 fargate=50"
    assert file(stack).read_text() == before != during

    ended = stack.modeshift(*SHIFT, *NOW, "--resume", "--json")
    events = [event["event"] for event in ended.document["events"]]
    assert events == ["step", "watched", "step", "watched", "removed"]
    settled(stack, ended, before.replace("serverless\n", "container\n"), "fargate")
    assert stack.modeshift("outputs", "url", "--stack", "dev").stdout == url


def test_whatever_goes_wrong_all_traffic_is_on_the_old_compute_again(stack: Workspace) -> None:
    before = file(stack).read_text()
    health(stack, "initial")
    never = stack.modeshift(*SHIFT, "--to", "fargate", "--wait", "1s")
    assert never.code == 1, never
    assert "netprobe on fargate did not become healthy within 1 s" in words(never.stdout)
    assert "lambda answers all requests as before" in words(never.stdout)
    assert live(stack) == "step 1: lambda=100 fargate=0"
    chaos.assert_account_is_state(stack)

    chaos.clear_faults(stack)
    with chaos.started(stack, *SHIFT, *LONG, "--resume") as run:
        at_step(stack, 2)
        second = stack.modeshift(*SHIFT, *NOW, "--resume")
        health(stack, "unhealthy")
        said, _ = run.communicate(timeout=_PATIENCE_SECONDS)
    assert second.code == 1, second
    assert f"Another shift of dev runs here already (process {run.pid})" in words(second.stdout)
    assert run.returncode == 6, said
    assert re.search(r"worse: 1 target is unhealthy.*3 looks in a row", words(said))
    went_back(stack, said, 3)
    assert computes(stack) == {"lambda", "fargate"}
    assert stack.modeshift("preview", "--stack", "dev", "--expect-no-changes").code == 0

    chaos.clear_faults(stack)
    with chaos.started(stack, *SHIFT, *LONG, "--resume") as run:
        at_step(stack, 4)
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=_PATIENCE_SECONDS)
    assert run.returncode == 130, said
    went_back(stack, said, 5)
    settled(stack, stack.modeshift(*SHIFT, "--back"), before, "lambda")


def test_a_shift_killed_at_every_step_goes_on_to_its_end(stack: Workspace) -> None:
    before = file(stack).read_text()
    chaos.fault(stack, "hang", TASKS, seconds=2)
    with chaos.started(stack, *SHIFT, *NOW, "--to", "fargate") as run:
        chaos.struck(stack, _PATIENCE_SECONDS)
        killed(stack, run)
    chaos.clear_faults(stack)
    with chaos.started(stack, *SHIFT, *LONG, "--resume") as run:
        at_step(stack, 2)
        killed(stack, run)
    chaos.fault(stack, "hang", RULE, on="update", seconds=2)
    with chaos.started(stack, *SHIFT, *NOW, "--resume") as run:
        chaos.struck(stack, _PATIENCE_SECONDS)
        killed(stack, run)
    chaos.clear_faults(stack)
    chaos.fault(stack, "hang", FUNCTION, on="delete", seconds=2)
    with chaos.started(stack, *SHIFT, *NOW, "--resume") as run:
        chaos.struck(stack, _PATIENCE_SECONDS)
        killed(stack, run)
    chaos.clear_faults(stack)
    ended = stack.modeshift(*SHIFT, *NOW, "--resume")
    settled(stack, ended, before.replace("serverless\n", "container\n"), "fargate")


@pytest.mark.parametrize(
    ("token", "on"), [(TASKS, "create"), (RULE, "update"), (FUNCTION, "delete")], ids=["making", "moving", "removing"]
)
def test_a_shift_killed_at_every_step_can_be_taken_back(stack: Workspace, token: str, on: str) -> None:
    before = file(stack).read_text()
    chaos.fault(stack, "hang", token, on=on, seconds=2)
    with chaos.started(stack, *SHIFT, *NOW, "--to", "fargate") as run:
        chaos.struck(stack, _PATIENCE_SECONDS)
        killed(stack, run)
    chaos.clear_faults(stack)
    if token == RULE:
        # On another machine, the file is as it was.
        file(stack).write_text(before)
    settled(stack, stack.modeshift(*SHIFT, "--back"), before, "lambda")
