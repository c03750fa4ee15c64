"""A run that is interrupted or killed in the middle: the next one finishes it, and makes nothing twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import chaos
from tests.e2e.chaos import UP
from tests.e2e.conftest import Workspace

pytestmark = pytest.mark.e2e

VPC = "aws:ec2/vpc:Vpc"
QUEUE = "aws:sqs/queue:Queue"


@pytest.fixture(autouse=True)
def leaves_nothing(workspace: Workspace, tmp_path: Path) -> Iterator[None]:
    """Every test here ends without processes and temporary files of its runs."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    workspace.env["TMPDIR"] = str(temporary)
    yield
    chaos.assert_nothing_left(workspace, temporary)


def finish(workspace: Workspace) -> str:
    """Bring the stack up after all; return what the command said."""
    chaos.clear_faults(workspace)
    done = workspace.modeshift(*UP)
    assert done.code == 0, done
    chaos.assert_account_is_state(workspace)
    return done.stdout + done.stderr


def lock_folder(workspace: Workspace) -> Path:
    """Create the stack and return where its locks are."""
    assert workspace.modeshift("preview", "--stack", "dev").code == 0
    folder = workspace.root / ".modeshift/state/.pulumi/locks/organization/modeshift/dev"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupt_ends_the_run_with_everything_noted(workspace: Workspace, number: signal.Signals) -> None:
    chaos.fault(workspace, "hang", VPC, seconds=60)
    with chaos.started(workspace, *UP) as run:
        chaos.struck(workspace)
        run.send_signal(number)
        said, _ = run.communicate(timeout=30)

    assert run.returncode == 130, said
    assert "dev: interrupted" in said
    assert "Run modeshift up --stack dev again" in " ".join(said.split())
    chaos.assert_account_is_state(workspace)
    assert "taken over" not in finish(workspace)


def test_an_interrupt_waits_for_what_is_under_way_a_second_one_does_not(workspace: Workspace) -> None:
    chaos.fault(workspace, "hang", VPC, seconds=60)
    with chaos.started(workspace, *UP) as run:
        chaos.struck(workspace)
        os.kill(chaos.provider_of(workspace), signal.SIGSTOP)
        run.send_signal(signal.SIGINT)
        time.sleep(1)
        assert run.poll() is None
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=10)

    assert run.returncode == 130, said
    assert "is dead; its lock is released" in " ".join(finish(workspace).split())


def test_an_interrupt_before_the_engine_runs_ends_quietly(workspace: Workspace) -> None:
    with chaos.started(workspace, *UP) as run:
        chaos.process(workspace, "automation.attach")
        run.send_signal(signal.SIGTERM)
        said, _ = run.communicate(timeout=30)
    assert run.returncode == 130, said
    assert "Traceback" not in said
    finish(workspace)


@pytest.mark.parametrize("victims", ["command", "engine", "provider", "all"])
def test_whoever_is_killed_the_next_run_finishes(workspace: Workspace, victims: str) -> None:
    chaos.fault(workspace, "hang", QUEUE, seconds=2)
    with chaos.started(workspace, *UP) as run:
        chaos.struck(workspace)
        engine, provider = chaos.engine_of(workspace), chaos.provider_of(workspace)
        chosen = {"command": [run.pid], "engine": [engine], "provider": [provider]}
        for pid in chosen.get(victims, [run.pid, engine, provider]):
            os.kill(pid, signal.SIGKILL)
        said, _ = run.communicate(timeout=60)
        if victims in {"engine", "provider"}:
            assert run.returncode == 1, said
            assert "Run modeshift up --stack dev again" in " ".join(said.split())
            assert "Traceback" not in said

    finish(workspace)


def test_a_kill_between_creating_and_noting_makes_nothing_twice(workspace: Workspace) -> None:
    chaos.fault(workspace, "exit-after", QUEUE)
    failed = workspace.modeshift(*UP)
    assert failed.code == 1, failed
    assert chaos.names(workspace)[QUEUE, "dev-netprobe-dead-letter"] == 1

    said = " ".join(finish(workspace).split())
    assert "Queue dev-netprobe-dead-letter: taken over as https://sqs." in said
    assert chaos.names(workspace)[QUEUE, "dev-netprobe-dead-letter"] == 1


def test_a_run_that_is_killed_while_it_recovers_is_recovered_too(workspace: Workspace) -> None:
    chaos.fault(workspace, "exit-after", VPC)
    assert workspace.modeshift(*UP).code == 1
    chaos.fault(workspace, "exit", VPC, on="read")
    failed = workspace.modeshift(*UP)
    assert failed.code == 1, failed
    assert "Traceback" not in failed.stderr
    finish(workspace)


def test_of_two_runs_of_a_stack_one_wins_and_the_other_says_why(workspace: Workspace) -> None:
    chaos.fault(workspace, "hang", VPC, seconds=12)
    with chaos.started(workspace, *UP) as first:
        chaos.struck(workspace)
        engine = chaos.engine_of(workspace)
        second = workspace.modeshift(*UP)
        said, _ = first.communicate(timeout=60)

    assert second.code == 1, second
    refusal = " ".join((second.stdout + second.stderr).split())
    assert f"locked by another run: {chaos.USER}@{socket.gethostname()}, process {engine}, since 20" in refusal
    assert "pulumi cancel --stack dev" in refusal
    assert first.returncode == 0, said
    chaos.assert_account_is_state(workspace)


def test_two_first_runs_of_a_stack_at_the_same_moment(workspace: Workspace) -> None:
    with chaos.started(workspace, *UP) as first, chaos.started(workspace, *UP) as second:
        said = [run.communicate(timeout=90)[0] for run in (first, second)]
    codes = sorted([first.returncode, second.returncode])
    assert codes[0] == 0, said
    if codes[1] != 0:
        assert any("locked by another run" in " ".join(words.split()) for words in said), said
    chaos.assert_account_is_state(workspace)


def test_two_stacks_come_up_side_by_side(workspace: Workspace) -> None:
    other = ("up", "--stack", "staging", "--yes", "--skip-preview")
    with chaos.started(workspace, *UP) as first, chaos.started(workspace, *other) as second:
        said = [run.communicate(timeout=120)[0] for run in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    chaos.assert_account_is_state(workspace, "dev")
    chaos.assert_account_is_state(workspace, "staging")


def test_a_lock_of_another_machine_is_not_touched(workspace: Workspace) -> None:
    locks = lock_folder(workspace)
    lock = locks / "00000000-0000-0000-0000-000000000000.json"
    lock.write_text('{"pid": 1, "username": "ann", "hostname": "elsewhere", "timestamp": "2026-01-01T00:00:00.0Z"}')
    refused = workspace.modeshift(*UP)
    assert refused.code == 1, refused
    assert "ann@elsewhere, process 1, since 2026-01-01" in " ".join(refused.stdout.split())
    assert lock.exists()


def test_a_reused_process_id_does_not_keep_a_lock(workspace: Workspace) -> None:
    locks = lock_folder(workspace)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as somebody:
        content = f'{{"pid": {somebody.pid}, "username": "{chaos.USER}", "hostname": "{socket.gethostname()}", '
        (locks / "00000000-0000-0000-0000-000000000000.json").write_text(
            content + '"timestamp": "2026-01-01T00:00:00.0Z"}'
        )
        finish(workspace)
        somebody.communicate("\n")
