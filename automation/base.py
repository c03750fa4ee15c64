"""The state that a change starts from, where no credentials reach the real one.

The merge base's own program brings its stacks up in a sandbox of their own, and the checkout is previewed against that.
The difference is what the change does, and not a first deployment.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from automation import operations
from automation.cloud import Cloud, open_session
from automation.errors import UserError
from automation.project import Project


@contextmanager
def brought_up(project: Project, ref: str, stacks: Sequence[str], console: Console) -> Iterator[Project]:
    """Bring up stacks as they are where a checkout left `ref`; yield the checkout as it looks from there.

    Raises:
        UserError: this is no git checkout, it knows no such commit, or it was cloned without its history.
    """
    commit = merge_base(project.root, ref)
    with tempfile.TemporaryDirectory(prefix="modeshift-base-") as folder:
        there = Path(folder, "checkout")
        local = Path(folder, "local")
        run_git(project.root, "worktree", "add", "--quiet", "--detach", str(there), commit)
        try:
            share_packages(project, there)
            before = Project(there, local)
            for stack in stacks:
                if stack in before.stacks():
                    _up(before, stack, console)
            yield Project(project.root, local)
        finally:
            run_git(project.root, "worktree", "remove", "--force", str(there))


def _up(project: Project, stack: str, console: Console) -> None:
    """Bring one stack up; of one that fails, the preview shows too much, and why is on the console."""
    try:
        with open_session(project, stack, Cloud.SANDBOX, runs=False) as session:
            operations.up(session, console)
    except UserError as error:
        console.print(f"The merge base's {stack} cannot be brought up: {error.message}", style="yellow")


def share_packages(project: Project, there: Path) -> None:
    """Let another checkout build its Lambda package where the project keeps its own: most often it is the same."""
    build = project.root / ".modeshift" / "build"
    build.mkdir(parents=True, exist_ok=True)
    (there / ".modeshift").mkdir(exist_ok=True)
    (there / ".modeshift" / "build").symlink_to(build)


def merge_base(root: Path, ref: str) -> str:
    """Return the commit where a checkout left `ref`.

    Raises:
        UserError: there is none.
    """
    if ref.startswith("-"):
        raise UserError(f"{ref!r} is no commit.", hint="Name a branch, a tag or a commit, as in --base origin/main.")
    return run_git(root, "merge-base", "HEAD", ref)


def run_git(root: Path, *args: str) -> str:
    """Return what git says in a checkout.

    Raises:
        UserError: it fails, or is not there.
    """
    try:
        done = subprocess.run(["git", "-C", str(root), *args], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError("This needs git, which is not installed.", hint="Install git.") from None
    if done.returncode:
        raise UserError(
            f"git {args[0]} failed: {done.stderr.strip() or 'there is no common commit'}",
            hint="--base needs a clone with its history: in a workflow `fetch-depth: 0` for actions/checkout.",
        )
    return done.stdout.strip()
