"""What the git checkout can tell about a version."""

from __future__ import annotations

import subprocess
from collections.abc import Collection
from pathlib import Path

from automation.errors import UserError
from automation.project import Project
from stacks.catalog import MANIFEST, folder_of

_PROGRAM = ("__main__.py", "Pulumi.yaml", "app", "components", "requirements", "stacks")
_APP = ("app", "requirements/app.txt")
_NAMED = 3


def code_of(project: Project, version: str) -> str | None:
    """Return what tells the app of one commit from that of another, None where the checkout lacks the commit."""
    done = _git(project.root, "rev-parse", *(f"{version}:./{path}" for path in _APP))
    return done.stdout if done.returncode == 0 else None


def refuse_uncommitted(project: Project) -> None:
    """Refuse to go on while the program or the app have changes that no commit holds.

    Raises:
        UserError: there are some, or this is no checkout.
    """
    done = _git(project.root, "status", "--porcelain", "--", *_PROGRAM)
    if done.returncode:
        raise UserError(
            "This is no git checkout, and a version is a commit.", hint="Run modeshift in a clone of the repository."
        )
    changed = [line[3:] for line in done.stdout.splitlines()]
    if changed:
        names = ", ".join(changed[:_NAMED]) + (f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else "")
        raise UserError(
            f"There are uncommitted changes, which a rollback would bring up too: {names}.",
            hint="Commit them, or put them aside with git stash.",
        )


def refuse_missing(project: Project, version: str, functions: Collection[str]) -> None:
    """Refuse a version whose app this checkout does not have, or that lacks one of these services.

    Raises:
        UserError: a function could not be built from it.
    """
    if not functions:
        return
    if code_of(project, version) is None:
        raise UserError(
            f"The commit {version} is not in this checkout, so the package of {', '.join(functions)} cannot be built.",
            hint=f"Fetch it: git fetch origin {version}",
        )
    for name in functions:
        place = f"{version}:./{folder_of(name)}/{MANIFEST}"
        if _git(project.root, "cat-file", "-e", place).returncode:
            raise UserError(
                f"Version {version[:12]} has no service {name}, which this stack has.",
                hint="Take the service out of the stack file, or choose a later version.",
            )


def _git(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", "-C", str(root), *args], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError("A rollback needs git, which is not installed.", hint="Install git.") from None
