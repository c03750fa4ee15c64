"""What people do without our command: plain `pulumi`, and the Automation API, against the sandbox."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pulumi import automation

from automation.toolchain import pulumi_binary
from tests.e2e.conftest import Workspace


def attached(workspace: Workspace, stack: str) -> dict[str, str]:
    """Return the environment that `modeshift sandbox env` prints."""
    ran = workspace.modeshift("sandbox", "env", "--stack", stack, "--json")
    assert ran.code == 0, ran
    values = {name: value for name, value in ran.document.items() if name != "PATH"}
    return {**workspace.environment, **values}


def pulumi(workspace: Workspace, env: dict[str, str], *args: str) -> str:
    done = subprocess.run(
        [pulumi_binary(), *args, "--non-interactive"],
        cwd=workspace.root,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.e2e
@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_plain_pulumi_takes_a_stack_through_its_life(workspace: Workspace, stack: str) -> None:
    before = {path.name: path.read_bytes() for path in workspace.root.glob("Pulumi*.yaml")}
    env = attached(workspace, stack)

    pulumi(workspace, env, "preview")
    pulumi(workspace, env, "up", "--yes", "--skip-preview")
    pulumi(workspace, env, "up", "--yes", "--skip-preview", "--expect-no-changes")
    assert pulumi(workspace, env, "stack", "output", "url").startswith("https://")
    pulumi(workspace, env, "state", "unprotect", "--all", "--yes")
    pulumi(workspace, env, "destroy", "--yes", "--skip-preview")

    # What a stack retains stays in AWS, as its component says: a key that data may still need.
    left = {resource["type"] for resource in workspace.account()}
    assert left <= {"aws:kms/key:Key", "aws:kms/alias:Alias"}
    assert left == set() or stack == "prod"
    assert {path.name: path.read_bytes() for path in workspace.root.glob("Pulumi*.yaml")} == before


@pytest.mark.e2e
def test_the_automation_api_runs_the_same_program(workspace: Workspace) -> None:
    env = attached(workspace, "dev")
    env["PATH"] = f"{pulumi_binary().parent}:{env['PATH']}"
    stack = automation.select_stack(
        "dev",
        work_dir=str(workspace.root),
        opts=automation.LocalWorkspaceOptions(
            env_vars=env, pulumi_command=automation.PulumiCommand(root=str(pulumi_binary().parent.parent))
        ),
    )
    assert stack.preview().change_summary["create"] > 0
    # With secrets it would ask for the history with secrets too, and that command reads the tracked stack file alone.
    assert stack.up(show_secrets=False).outputs["mode"].value == "serverless"
    assert set(stack.up(show_secrets=False).summary.resource_changes or {}) == {"same"}
    stack.destroy()
    assert workspace.account() == []


@pytest.mark.e2e
def test_a_wrong_setting_is_a_sentence_in_plain_pulumi_too(workspace: Workspace) -> None:
    env = attached(workspace, "dev")
    workspace.edit("dev", mode="serverles")
    # The sandbox reads its own copy of the file, made by this command.
    attached(workspace, "dev")
    done = subprocess.run(
        [pulumi_binary(), "preview", "--non-interactive"],
        cwd=workspace.root,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "modeshift:mode" in said
    assert "serverless" in said
    assert "Traceback" not in said


@pytest.mark.e2e
def test_the_printed_variables_are_a_shells(workspace: Workspace) -> None:
    printed = workspace.modeshift("sandbox", "env", "--stack", "dev")
    assert printed.code == 0, printed
    echoed = workspace.run(
        ["bash", "-c", f"{printed.stdout}\n{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"]
    )
    values = json.loads(echoed.stdout)
    expected = attached(workspace, "dev")
    assert values["PULUMI_BACKEND_URL"] == expected["PULUMI_BACKEND_URL"]
    assert values["PATH"].startswith(str(pulumi_binary().parent))
