"""What goes wrong in the cloud, on the disk or in a file: a sentence, nothing lost, and the next run finishes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import chaos
from tests.e2e.chaos import UP
from tests.e2e.conftest import Ran, Workspace

pytestmark = pytest.mark.e2e

VPC = "aws:ec2/vpc:Vpc"
QUEUE = "aws:sqs/queue:Queue"
PROVIDER_WORDS = ("rpc error", "EOF", "Traceback", "connection refused")
SHARE = 3


@pytest.fixture(autouse=True)
def leaves_nothing(workspace: Workspace, tmp_path: Path) -> Iterator[None]:
    """Every test here ends without processes and temporary files of its runs."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    workspace.env["TMPDIR"] = str(temporary)
    yield
    chaos.assert_nothing_left(workspace, temporary)


def said(ran: Ran) -> str:
    """Return everything a command printed, without its line breaks."""
    return " ".join((ran.stdout + ran.stderr).split())


def test_what_fails_is_named_and_the_next_run_goes_on_from_there(workspace: Workspace) -> None:
    # Each needs the one before, so that none is made before its fault can strike.
    stages = [
        ("fail", VPC, "dev-network", "InternalFailure"),
        ("throttle", "aws:ec2/subnet:Subnet", "dev-network-p", "ThrottlingException: Rate exceeded"),
        ("timeout", "aws:ec2/route:Route", "dev-network-public", "context deadline exceeded"),
    ]
    for kind, token, *_ in stages:
        chaos.fault(workspace, kind, token)
    for _, _, name, words in stages:
        failed = workspace.modeshift(*UP)
        assert failed.code == 1, failed
        assert name in said(failed)
        assert words in said(failed)
        assert "What was finished is kept. Run modeshift up --stack dev again" in said(failed)
        chaos.assert_account_is_state(workspace)

    done = workspace.modeshift(*UP)
    assert done.code == 0, done
    chaos.assert_account_is_state(workspace)


def test_what_failed_after_it_was_made_is_not_made_again(workspace: Workspace) -> None:
    chaos.fault(workspace, "fail-after", QUEUE)
    failed = workspace.modeshift(*UP)
    assert failed.code == 1, failed
    assert "unexpected state 'failed'" in said(failed)
    made = [one["id"] for one in workspace.account() if one["type"] == QUEUE]
    assert len(made) == 1

    done = workspace.modeshift(*UP)
    assert done.code == 0, done
    assert [one["id"] for one in workspace.account() if one["type"] == QUEUE] == made
    chaos.assert_account_is_state(workspace)


def test_a_provider_that_dies_is_one_sentence(workspace: Workspace) -> None:
    chaos.fault(workspace, "exit", QUEUE)
    failed = workspace.modeshift(*UP)
    assert failed.code == 1, failed
    assert "A provider ended in the middle of the run while it worked on" in said(failed)
    assert not [words for words in PROVIDER_WORDS if words in said(failed)], failed
    assert workspace.modeshift(*UP).code == 0
    chaos.assert_account_is_state(workspace)


@pytest.mark.parametrize("mode", ["serverless", "container"])
def test_no_type_is_made_twice_when_the_provider_dies_after_making_it(workspace: Workspace, mode: str) -> None:
    """A fixed share of the types; all of them with MODESHIFT_ALL_TYPES=1."""
    workspace.edit("dev", mode=mode)
    tokens = sorted({change["type"] for change in planned(workspace) if change["type"].startswith("aws:")})
    if not os.environ.get("MODESHIFT_ALL_TYPES"):
        tokens = random.Random(mode).sample(tokens, SHARE)
    for token in tokens:
        chaos.fault(workspace, "exit-after", token)

    runs = [workspace.modeshift(*UP)]
    while runs[-1].code == 1 and len(runs) <= len(tokens):
        runs.append(workspace.modeshift(*UP))
    assert runs[-1].code == 0, runs[-1]
    assert len(runs) > 1
    chaos.assert_account_is_state(workspace)
    again = workspace.modeshift(*UP, "--json")
    assert again.summary | {"same": 0} == {"create": 0, "update": 0, "replace": 0, "delete": 0, "same": 0}


def planned(workspace: Workspace) -> list[dict[str, str]]:
    preview = workspace.modeshift("preview", "--stack", "dev", "--json")
    assert preview.code == 0, preview
    return preview.document["stacks"][0]["changes"]


def test_a_replacement_that_nobody_saw_is_taken_over(workspace: Workspace) -> None:
    workspace.edit("dev", mode="container")
    assert workspace.modeshift(*UP).code == 0
    before = chaos.names(workspace)
    services = {"netprobe": {"route": "/", "size": {"cpu": 1024, "memory": 2048}}}
    workspace.edit("dev", services=services)
    chaos.fault(workspace, "exit-after", "aws:ecs/taskDefinition:TaskDefinition")
    failed = workspace.modeshift(*UP)
    assert failed.code == 1, failed

    done = workspace.modeshift(*UP)
    assert done.code == 0, done
    assert "taken over" in said(done)
    assert chaos.names(workspace) == before
    chaos.assert_account_is_state(workspace)


@pytest.mark.parametrize("place", ["state", "sandbox"])
def test_a_full_disk(workspace: Workspace, place: str, tmp_path: Path) -> None:
    folder = workspace.root / ".modeshift" / place
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False
    ).returncode:
        pytest.skip("no file system of a chosen size can be mounted here")
    try:
        ballast = folder / "ballast"
        chaos.fault(workspace, "hang", VPC, seconds=1)
        with chaos.started(workspace, *UP) as run:
            chaos.struck(workspace)
            fill(ballast)
            # The engine tries for minutes to write its state before it gives up.
            words = " ".join(run.communicate(timeout=300)[0].split())
        assert run.returncode == 1, words
        assert "Traceback" not in words
        assert "no space left on device" in words or "is full" in words

        ballast.unlink()
        chaos.clear_faults(workspace)
        done = workspace.modeshift(*UP)
        assert done.code == 0, done
        chaos.assert_account_is_state(workspace)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (65536, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def truncate_state(workspace: Workspace) -> Path:
    path = workspace.root / ".modeshift/state/.pulumi/stacks/modeshift/dev.json"
    path.write_text(path.read_text()[:500])
    return path


def truncate_every_state(workspace: Workspace) -> Path:
    path = truncate_state(workspace)
    for copy in path.parent.glob("dev.*"):
        copy.write_bytes(path.read_bytes())
    return path


def damage_account(workspace: Workspace) -> Path:
    path = workspace.root / ".modeshift/sandbox/account.sqlite"
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)
    return path


def lose_passphrase(workspace: Workspace) -> Path:
    path = workspace.root / ".modeshift/passphrase"
    path.unlink()
    return path


@pytest.mark.parametrize(
    ("damage", "way_out"),
    [
        (truncate_every_state, "backups"),
        (damage_account, "modeshift sandbox reset"),
        (lose_passphrase, "modeshift sandbox reset"),
    ],
)
def test_a_damaged_file_is_named_and_left_as_it_is(
    workspace: Workspace, damage: Callable[[Workspace], Path], way_out: str
) -> None:
    assert workspace.modeshift("preview", "--stack", "dev").code == 0
    chaos.fault(workspace, "fail", QUEUE)
    assert workspace.modeshift(*UP).code == 1
    path = damage(workspace)
    before = path.read_bytes() if path.exists() else None

    refused = workspace.modeshift(*UP)
    assert refused.code == 1, refused
    assert str(path) in "".join(refused.stdout.split()) or str(path) in said(refused)
    assert way_out in said(refused)
    assert "Traceback" not in said(refused)
    assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize("lost", [(), ("dev.json.bak",)], ids=["last step", "last run"])
def test_a_state_that_a_failed_write_cut_short_is_restored(workspace: Workspace, lost: tuple[str, ...]) -> None:
    """A full disk leaves the file cut short, and sometimes the engine's own copy as well; the resources exist."""
    chaos.fault(workspace, "hang", QUEUE, seconds=60)
    with chaos.started(workspace, *UP) as run:
        chaos.struck(workspace)
        for pid in (run.pid, chaos.engine_of(workspace), chaos.provider_of(workspace)):
            os.kill(pid, signal.SIGKILL)
    chaos.clear_faults(workspace)
    made = len(workspace.account())
    assert made > 1
    path = truncate_state(workspace)
    for name in lost:
        (path.parent / name).write_bytes(path.read_bytes())

    done = workspace.modeshift(*UP)
    assert done.code == 0, done
    assert "copy of it took its place" in said(done)
    assert said(done).count("taken over as") >= (made if lost else 0)
    assert path.with_suffix(".damaged").stat().st_size == 500
    chaos.assert_account_is_state(workspace)
    again = workspace.modeshift(*UP, "--json")
    assert again.summary["same"] == sum(again.summary.values())


def test_the_copy_of_the_stack_file_is_made_anew(workspace: Workspace) -> None:
    chaos.fault(workspace, "fail", VPC)
    assert workspace.modeshift(*UP).code == 1
    [copy] = (workspace.root / ".modeshift/sandbox/config").rglob("Pulumi.dev.yaml")
    copy.write_text("config: [torn")
    assert workspace.modeshift(*UP).code == 0


def test_a_broken_lock_file_of_the_package(workspace: Workspace, tmp_path: Path) -> None:
    build = workspace.root / ".modeshift/build"
    build.unlink()
    for lock in (workspace.root / "requirements").glob("app*.txt"):
        lock.write_text("this is no lock file ==\n")
    try:
        refused = workspace.modeshift(*UP)
        assert refused.code == 1, refused
        assert "app.txt" in said(refused)
        assert "Traceback" not in said(refused)
    finally:
        shutil.rmtree(build, ignore_errors=True)


def test_a_folder_that_cannot_be_written(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root / ".modeshift")
    (workspace.root / ".modeshift").write_text("a file where a folder belongs")
    refused = workspace.modeshift(*UP)
    assert refused.code == 1, refused
    assert ".modeshift" in said(refused)
    assert "Traceback" not in said(refused)


def test_secrets_appear_nowhere_in_clear(workspace: Workspace) -> None:
    secret = "hunter2-but-longer"
    main = workspace.root / "__main__.py"
    main.write_text(
        main.read_text()
        + f"""
import pulumi, pulumi_aws as aws
secret = pulumi.Output.secret("{secret[:8]}" + "{secret[8:]}")
aws.sqs.Queue("told", tags={{"Secret": secret}})
pulumi.export("told", secret)
"""
    )
    heard: list[str] = []
    chaos.fault(workspace, "exit-after", QUEUE)
    for command in (UP, UP, ("preview", "--stack", "dev", "--json"), (*UP, "--json"), ("outputs", "--stack", "dev")):
        ran = workspace.modeshift(*command)
        heard += [ran.stdout, ran.stderr]
    assert ran.code == 0, ran
    assert json.dumps(heard).count(secret) == 0
    assert "[secret]" in heard[-2]
    holders = [
        path
        for path in (workspace.root / ".modeshift").rglob("*")
        if path.is_file() and "account.sqlite" not in path.name and secret.encode() in path.read_bytes()
    ]
    assert holders == []
