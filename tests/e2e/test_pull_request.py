"""A pull request from its first push to its last: one comment, which says what the change does to every stack."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.automation.comment.hub import BOT, TOKEN, Hub, serving
from tests.e2e.conftest import Workspace

pytestmark = pytest.mark.e2e


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    with serving(made) as made.url:
        yield made


@pytest.fixture
def branch(workspace: Workspace) -> Workspace:
    """A checkout on a branch of its own, with dev as its only stack."""
    for name in ("staging", "prod"):
        (workspace.root / f"Pulumi.{name}.yaml").unlink()
    (workspace.root / ".gitignore").write_text(".modeshift/\n__pycache__/\n")
    git(workspace, "init", "--quiet", "--initial-branch=main")
    commit(workspace, "base")
    git(workspace, "checkout", "--quiet", "-b", "change")
    return workspace


def git(workspace: Workspace, *args: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *args], cwd=workspace.root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(workspace: Workspace, message: str) -> None:
    git(workspace, "add", "--all")
    git(workspace, "commit", "--quiet", "--allow-empty", "-m", message)


def workflow(workspace: Workspace, hub: Hub, run: int, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a workflow for the pull request of the branch."""
    event = tmp_path / f"event-{run}.json"
    head = {"sha": git(workspace, "rev-parse", "HEAD")}
    event.write_text(json.dumps({"number": 7, "pull_request": {"number": 7, "head": head}}))
    return {
        "GITHUB_API_URL": hub.url,
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_RUN_NUMBER": str(run),
        "GITHUB_STEP_SUMMARY": str(tmp_path / f"summary-{run}.md"),
        "GITHUB_TOKEN": TOKEN,
    }


def test_one_comment_tells_the_change_until_there_is_none(branch: Workspace, hub: Hub, tmp_path: Path) -> None:
    command = ("preview", "--all", "--cloud", "sandbox", "--base", "main", "--comment")
    branch.edit("dev", mode="container")
    commit(branch, "switch")
    ran = branch.modeshift(*command, env=workflow(branch, hub, 1, tmp_path))
    assert ran.code == 0, ran
    assert "Comment on pull request 7: created." in ran.stdout
    [first] = hub.bodies()
    assert "Program diff, not live state" in first
    assert "Mode changes from `serverless` to `container`." in first
    assert TOKEN not in ran.stdout + ran.stderr + first
    assert "Mode changes from `serverless` to `container`." in (tmp_path / "summary-1.md").read_text()

    branch.edit("dev", mode="no-such-mode")
    commit(branch, "mistake")
    ran = branch.modeshift(*command, env=workflow(branch, hub, 2, tmp_path))
    assert ran.code == 2, ran
    [second] = hub.bodies()
    assert "## Preview of `dev`: failed" in second
    assert "no-such-mode" in second

    branch.edit("dev", mode="serverless")
    commit(branch, "take it back")
    ran = branch.modeshift(*command, env=workflow(branch, hub, 3, tmp_path))
    assert ran.code == 0, ran
    [third] = hub.bodies()
    assert "No changes" in third or "no changes" in third
    assert [one["id"] for one in hub.comments] == [1]
    assert {one["user"]["login"] for one in hub.comments} == {BOT}
    assert git(branch, "worktree", "list").count("\n") == 0
    assert git(branch, "status", "--short") == ""


def test_what_a_forks_run_kept_is_reported_by_a_run_that_may(branch: Workspace, hub: Hub, tmp_path: Path) -> None:
    branch.edit("dev", mode="container")
    commit(branch, "switch")
    kept = str(tmp_path / "kept")
    ran = branch.modeshift("preview", "--all", "--cloud", "sandbox", "--base", "main", "--save", kept, "--dry-run")
    assert ran.code == 0, ran
    here = (branch.root / ".modeshift/comment.md").read_text()

    git(branch, "checkout", "--quiet", "main")
    ran = branch.modeshift("comment", kept, env=workflow(branch, hub, 1, tmp_path))
    assert ran.code == 0, ran
    [posted] = hub.bodies()
    assert posted.split("\n", 1)[1] == here


@pytest.mark.parametrize(
    ("base", "words"), [("no-such-branch", "git merge-base failed"), ("--upload-pack=x", "is no commit")]
)
def test_a_base_that_is_none_is_named(branch: Workspace, base: str, words: str) -> None:
    ran = branch.modeshift("preview", "--stack", "dev", f"--base={base}")
    assert ran.code == 2, ran
    assert words in " ".join((ran.stdout + ran.stderr).split())
    assert "Traceback" not in ran.stderr


def test_a_budget_that_is_exceeded_fails_the_preview_and_stops_an_update(workspace: Workspace) -> None:
    workspace.edit("staging", budget={"monthly": 1})

    ran = workspace.modeshift("preview", "--stack", "staging", "--json")
    assert ran.code == 3, ran
    assert ran.document["stacks"][0]["cost"]["budget"]["exceeded"] is True

    ran = workspace.modeshift("up", "--stack", "staging", "--yes")
    assert ran.code == 3, ran
    assert "Over the budget" in ran.stdout
    assert workspace.account() == []


def test_a_mandatory_policy_fails_the_preview_and_stops_an_update(workspace: Workspace) -> None:
    program = workspace.root / "__main__.py"
    program.write_text(
        program.read_text()
        + """
import pulumi_aws as aws
ssh = {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}
aws.ec2.SecurityGroup("open", ingress=[ssh])
"""
    )
    ran = workspace.modeshift("preview", "--stack", "dev", "--json")
    assert ran.code == 3, ran
    broken = [one for one in ran.document["stacks"][0]["policies"]["findings"] if one["stops"]]
    assert broken
    assert all("open" in one["urn"] for one in broken)

    ran = workspace.modeshift("up", "--stack", "dev", "--yes")
    assert ran.code == 3, ran
    assert "Nothing was changed" in ran.stdout
    assert workspace.account() == []


def test_drift_is_told_and_noted_nowhere(workspace: Workspace) -> None:
    up = workspace.modeshift("up", "--stack", "dev", "--yes", "--skip-preview")
    assert up.code == 0, up
    assert workspace.modeshift("drift", "--stack", "dev").code == 0
    [group] = [one for one in workspace.account() if one["type"] == "aws:apigatewayv2/stage:Stage"]
    touched = workspace.modeshift("sandbox", "touch", group["id"], "autoDeploy=false")
    assert touched.code == 0, touched
    before = workspace.state("dev")

    for _ in range(2):
        ran = workspace.modeshift("drift", "--stack", "dev", "--json", "--markdown", "drift.md")
        assert ran.code == 4, ran
        [change] = ran.document["stacks"][0]["changes"]
        assert (change["type"], change["op"]) == ("aws:apigatewayv2/stage:Stage", "update")
        assert "autoDeploy" in (workspace.root / "drift.md").read_text()
    assert workspace.state("dev") == before


def test_a_reviewed_plan_is_applied_only_while_it_holds(branch: Workspace, tmp_path: Path) -> None:
    reviewed = tmp_path / "plan.json"
    ran = branch.modeshift("preview", "--stack", "dev", "--json")
    assert ran.code == 0, ran
    reviewed.write_text(ran.stdout)
    up = ("up", "--stack", "dev", "--yes", "--expect-plan", str(reviewed))

    branch.edit("dev", owner="somebody-else")
    refused = branch.modeshift(*up)
    assert refused.code == 4, refused
    assert "no longer holds: the settings was" in " ".join(refused.stdout.split())
    assert branch.account() == []

    git(branch, "checkout", "--quiet", "--", "Pulumi.dev.yaml")
    done = branch.modeshift(*up)
    assert done.code == 0, done
    assert branch.modeshift(*up).code == 4
