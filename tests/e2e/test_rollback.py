"""Back to an earlier version and to the newest again: of functions by commit, of containers by image."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from automation.errors import Exit
from tests.e2e.conftest import Workspace

pytestmark = pytest.mark.e2e

FUNCTION = "aws:lambda/function:Function"
TASKS = "aws:ecs/taskDefinition:TaskDefinition"
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:"


def git(workspace: Workspace, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(workspace.root), *identity, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(workspace: Workspace, message: str) -> str:
    git(workspace, "add", "--all")
    git(workspace, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(workspace, "rev-parse", "HEAD")


def inputs(workspace: Workspace, token: str) -> dict[str, object]:
    found = [one for one in workspace.state("dev")["checkpoint"]["latest"]["resources"] if one["type"] == token]
    assert len(found) == 1
    return found[0]["inputs"]


def package(workspace: Workspace) -> object:
    return inputs(workspace, FUNCTION)["sourceCodeHash"]


def image(workspace: Workspace) -> str:
    return str(inputs(workspace, TASKS)["containerDefinitions"]).partition(REGISTRY)[2][:1]


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def up(workspace: Workspace) -> None:
    ran = workspace.modeshift("up", "--stack", "dev", "--yes")
    assert ran.code == 0, ran


@pytest.fixture
def checkout(workspace: Workspace) -> Workspace:
    """A workspace that is a git checkout."""
    git(workspace, "init", "--quiet")
    (workspace.root / ".gitignore").write_text(".modeshift\n__pycache__\n")
    return workspace


def test_functions_go_back_to_the_package_of_a_commit_and_to_the_newest_again(checkout: Workspace) -> None:
    stack_file = checkout.root / "Pulumi.dev.yaml"
    before = stack_file.read_text()
    first = commit(checkout, "one")
    up(checkout)
    old = package(checkout)
    append(checkout.root / "app/handler.py", "# newer\n")
    commit(checkout, "two")
    up(checkout)
    new = package(checkout)
    assert new != old

    refused = checkout.modeshift("rollback", "--stack", "dev", "--to", "abcdef12")
    assert (refused.code, "never ran" in refused.stdout) == (Exit.USAGE, True)
    append(checkout.root / "app/main.py", "# not committed\n")
    refused = checkout.modeshift("rollback", "--stack", "dev")
    assert (refused.code, "uncommitted changes" in refused.stdout) == (Exit.USAGE, True)
    git(checkout, "checkout", "--quiet", "app/main.py")
    asked = checkout.modeshift("rollback", "--stack", "dev")
    assert (asked.code, "nobody here to ask" in asked.stdout) == (Exit.USAGE, True), asked
    assert stack_file.read_text() == before

    ran = checkout.modeshift("rollback", "--stack", "dev", "--yes", "--json")
    assert ran.code == 0, ran
    assert (package(checkout), ran.summary["update"], ran.summary["replace"]) == (old, 2, 0)
    assert "modeshift rollback --stack dev --to latest" in ran.stderr
    # The file says it all: whoever brings the stack up does not move it on.
    plain = checkout.modeshift("preview", "--stack", "dev", "--expect-no-changes")
    assert plain.code == 0, plain
    assert f"version: {first}" in stack_file.read_text()

    ran = checkout.modeshift("rollback", "--stack", "dev", "--to", "latest", "--yes")
    assert ran.code == 0, ran
    assert package(checkout) == new
    assert stack_file.read_text() == before


def test_containers_go_back_to_the_image_of_a_version(checkout: Workspace) -> None:
    checkout.edit("dev", mode="container", image=REGISTRY + "1" * 64)
    first = commit(checkout, "one")
    up(checkout)
    checkout.edit("dev", image=REGISTRY + "2" * 64)
    commit(checkout, "two")
    up(checkout)

    gone = ("sandbox", "fault", "add", "fail", "--type", "aws:ecr/image:Image", "--on", "read", "--nth", "0")
    assert checkout.modeshift(*gone).code == 0
    refused = checkout.modeshift("rollback", "--stack", "dev", "--yes")
    assert (refused.code, "is gone" in refused.stdout) == (Exit.USAGE, True), refused
    assert image(checkout) == "2"
    assert checkout.modeshift("sandbox", "fault", "clear").code == 0

    ran = checkout.modeshift("rollback", "--stack", "dev", "--to", first[:8], "--yes")
    assert ran.code == 0, ran
    assert image(checkout) == "1"
    again = checkout.modeshift("rollback", "--stack", "dev", "--to", first, "--yes")
    assert (again.code, "already" in again.stdout) == (Exit.DONE, True), again
    ran = checkout.modeshift("rollback", "--stack", "dev", "--to", "latest", "--yes")
    assert ran.code == 0, ran
    assert image(checkout) == "2"


def test_a_version_stays_while_a_service_moves(checkout: Workspace, tmp_path: Path) -> None:
    checkout.edit("dev", services={"netprobe": {"shift": {"step": 1, "weights": {"lambda": 90, "fargate": 10}}}})
    ran = checkout.modeshift("rollback", "--stack", "dev", "--yes", env={"MODESHIFT_LOCAL": str(tmp_path / "local")})
    assert ran.code == Exit.USAGE
    assert "is moving between computes (step 1: lambda 90, fargate 10)" in ran.stdout
