"""Files as a commit of the checkout has them, without touching the files that are checked out."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from stacks.wheels import BundleError

_SHORT = 12


def files_of(root: Path, commit: str, *paths: str) -> dict[str, bytes]:
    """Return the files below some paths of a project, as they are in a commit, by name.

    Raises:
        BundleError: There is no git, no checkout, no such commit, or no such path in it.

    """
    # A worktree's own settings, such as line ends, must not make another package of the same commit.
    command = ["git", "-C", str(root), "-c", "core.autocrlf=false", "-c", "core.eol=lf"]
    try:
        done = subprocess.run(
            [*command, "archive", "--format=tar", f"{commit}^{{commit}}", "--", *paths],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        message = f"modeshift:release names the commit {commit[:_SHORT]}, and there is no git to read it with."
        raise BundleError(message, "Install git, or remove modeshift:release.") from None
    if done.returncode:
        raise _unreadable(commit, done.stderr.decode(errors="replace"))
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        return {
            member.name: file.read()
            for member in archive
            if member.isfile() and (file := archive.extractfile(member)) is not None
        }


def _unreadable(commit: str, words: str) -> BundleError:
    reason = words.strip().removeprefix("fatal: ").splitlines()
    message = f"modeshift:release names the commit {commit[:_SHORT]}, which this checkout cannot give: "
    hint = (
        f"Fetch it with `git fetch origin {commit}`, take another version with `modeshift rollback`, or remove "
        "modeshift:release."
    )
    return BundleError(message + (reason[0] if reason else "git did not say why") + ".", hint)
