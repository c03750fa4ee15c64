"""Where a rehearsal happens: what is in it, and that nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from automation.errors import UserError
from automation.project import Project
from automation.rehearse.place import own_place

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE = 60
DIES = """
import sys, time
from pathlib import Path
from automation.project import Project
from automation.rehearse.place import own_place
root = Path(sys.argv[1])
with own_place(Project(root, root / ".modeshift"), None) as place:
    print(place.project.root.parent, flush=True)
    time.sleep(600)
"""


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(root), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A checkout with two commits, and with changes that are in none."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / ".gitignore").write_text(".modeshift/\nsecret.txt\n")
    (root / "Pulumi.yaml").write_text("name: modeshift\n")
    for version in ("first", "second"):
        (root / "app.txt").write_text(version)
        (root / f"{version}.txt").write_text(version)
        git(root, "add", ".")
        git(root, "commit", "--quiet", "--message", version)
    (root / "app.txt").write_text("not committed")
    (root / "second.txt").unlink()
    (root / "new folder").mkdir()
    (root / "new folder" / "fresh ä.txt").write_text("fresh")
    (root / "secret.txt").write_text("ignored")
    return Project(root, root / ".modeshift")


def left(project: Project) -> list[Path]:
    """Return what is left of places."""
    return [*(project.root.parent / "temporary").iterdir()]


def test_a_place_is_as_the_checkout_is_with_all_that_is_not_committed(project: Project) -> None:
    before = git(project.root, "status", "--porcelain")
    with own_place(project, None) as place:
        there = place.project.root
        assert (there / "app.txt").read_text() == "not committed"
        assert (there / "new folder" / "fresh ä.txt").read_text() == "fresh"
        assert (there / "first.txt").exists()
        assert not (there / "second.txt").exists()
        assert not (there / "secret.txt").exists()
        assert place.project.sandbox != project.sandbox
        (there / "app.txt").write_text("edited by a shift")
    assert (project.root / "app.txt").read_text() == "not committed"
    assert git(project.root, "status", "--porcelain") == before
    assert left(project) == []
    assert git(project.root, "worktree", "list").count("\n") == 1


def test_a_place_begins_at_a_base_and_comes_up_to_date(project: Project) -> None:
    with own_place(project, "HEAD~1") as place:
        there = place.project.root
        assert (there / "app.txt").read_text() == "first"
        assert not (there / "new folder").exists()
        place.bring_up_to_date()
        assert (there / "app.txt").read_text() == "not committed"
        assert not (there / "second.txt").exists()
        assert (there / ".modeshift" / "build").is_symlink()


def test_a_base_that_is_no_commit_is_refused_and_leaves_nothing(project: Project) -> None:
    with pytest.raises(UserError), own_place(project, "nowhere"):
        pass
    assert left(project) == []


def test_without_git_the_folder_is_copied(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automation.rehearse.place._is_checkout", lambda root: False)
    with own_place(project, None) as place:
        assert (place.project.root / "app.txt").read_text() == "not committed"
        assert not (place.project.root / ".git").exists()
        place.bring_up_to_date()
    assert left(project) == []


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_a_command_that_was_killed(project: Project, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", DIES, str(project.root)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        folder = Path(process.stdout.readline().strip())
    assert folder.is_dir()
    process.send_signal(number)
    process.wait(PATIENCE)
    end = time.monotonic() + PATIENCE
    while folder.exists() or git(project.root, "worktree", "list").count("\n") > 1:
        assert time.monotonic() < end, "the place is still there"
        time.sleep(0.05)
