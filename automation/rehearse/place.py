"""Where a rehearsal happens: a checkout, a state and a sandbox account of its own, gone when it is over.

Nothing of the project's own is written: not its files, not its sandbox, not its state.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automation.base import merge_base, run_git, share_packages
from automation.project import Project
from sandbox.control.store import FILE_NAME
from sandbox.data import client as data_services
from sandbox.workloads import client as workloads

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
    commit = merge_base(project.root, base) if base is not None else ""
    with (
        tempfile.TemporaryDirectory(prefix="modeshift-rehearsal-", ignore_cleanup_errors=True) as folder,
        _files(project, Path(folder, "checkout"), commit) as root,
    ):
        share_packages(project, root)
        place = Place(Project(root, Path(folder, "local")), project)
        if base is None:
            place.bring_up_to_date()
        try:
            yield place
        finally:
            with _undisturbed():
                _end(place.project.sandbox)


@contextmanager
def _files(project: Project, there: Path, commit: str) -> Iterator[Path]:
    if not _is_checkout(project.root):
        shutil.copytree(project.root, there, ignore=_LEFT_OUT)
        yield there
        return
    below = run_git(project.root, "rev-parse", "--show-prefix")
    run_git(project.root, "worktree", "add", "--quiet", "--detach", str(there), commit or "HEAD")
    try:
        yield there / below
    finally:
        with _undisturbed():
            run_git(project.root, "worktree", "remove", "--force", str(there))


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


def _end(account: Path) -> None:
    """End everything that runs for an account."""
    if (account / FILE_NAME).exists():
        workloads.stop(account)
        data_services.stop(account)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nobody interrupt what ends processes: a second Ctrl-C would leave the rest running."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
