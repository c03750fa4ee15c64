"""Where a rehearsal happens: a checkout, a state and a sandbox account of its own, gone when it is over.

Nothing of the project's own is written: not its files, not its sandbox, not its state.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automation.base import merge_base, run_git, share_packages
from automation.project import Project
from automation.rehearse.clearing import cleared

_LEFT_OUT = shutil.ignore_patterns(".git", ".modeshift", ".venv", "__pycache__", "node_modules")


class Place:
    """A project of its own, which is first as it was at a commit or as the checkout is."""

    def __init__(self, project: Project, origin: Project) -> None:
        self.project = project
        self._origin = origin

    def bring_up_to_date(self) -> None:
        """Make the files be what they are in the checkout, with all that is not committed."""
        root, there = self._origin.root, self.project.root
        if not _is_checkout(root):
            return
        run_git(there, "checkout", "--quiet", "--force", "--detach", run_git(root, "rev-parse", "HEAD"))
        changed = run_git(root, "diff", "--name-only", "--relative", "--no-renames", "-z", "HEAD")
        fresh = run_git(root, "ls-files", "--others", "--exclude-standard", "-z")
        for name in filter(None, f"{changed}\0{fresh}".split("\0")):
            _copy(root / name, there / name)


@contextmanager
def own_place(project: Project, base: str | None) -> Iterator[Place]:
    """Yield a place for one rehearsal, as the checkout is, or as it was where it left `base`; end all that ran there.

    Raises:
        UserError: `base` was named and is no commit, or this is no checkout.
    """
    commit = merge_base(project.root, base) if base is not None else "HEAD"
    folder = Path(tempfile.mkdtemp(prefix="modeshift-rehearsal-"))
    there, local = folder / "checkout", folder / "local"
    known = project.root if _is_checkout(project.root) else None
    with cleared(folder, Project(there, local).sandbox, known):
        below = ""
        if known is None:
            shutil.copytree(project.root, there, ignore=_LEFT_OUT)
        else:
            below = run_git(known, "rev-parse", "--show-prefix")
            run_git(known, "worktree", "add", "--quiet", "--detach", str(there), commit)
        place = Place(Project(there / below, local), project)
        share_packages(project, place.project.root)
        if base is None:
            place.bring_up_to_date()
        yield place


def _is_checkout(root: Path) -> bool:
    if shutil.which("git") is None:
        return False
    asked = ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        return
    target.unlink(missing_ok=True)
    if source.exists() or source.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
