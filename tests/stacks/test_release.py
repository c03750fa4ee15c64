"""An earlier version in the place of the checkout's: what the stack file may say, and the package it gives."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stacks.commit import files_of
from stacks.errors import Problem
from stacks.load import Resolved
from stacks.wheels import BundleError

Accepted = Callable[..., Resolved]
Refused = Callable[..., dict[str, Problem]]

OLD = "registry:5000/team/app@sha256:" + "1" * 64
NEW = "registry:5000/team/app@sha256:" + "2" * 64
VERSION = "0123456789" * 4


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", root, *identity, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose app changed since its first commit."""
    root = tmp_path / "project"
    (root / "app/core").mkdir(parents=True)
    (root / "app/handler.py").write_text("version = 1\r\n")
    (root / "app/core/a.py").write_text("a = 1\n")
    (root / "lock.txt").write_text("one\n")
    git(tmp_path, "init", "--quiet", str(root))
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "one")
    (root / "app/handler.py").write_text("version = 2\n")
    (root / "app/core/a.py").unlink()
    return root


def test_the_files_of_a_commit_are_those_it_has_whatever_is_checked_out(checkout: Path) -> None:
    git(checkout, "config", "core.autocrlf", "true")
    files = files_of(checkout, git(checkout, "rev-parse", "HEAD"), "app", "lock.txt")
    assert files == {"app/handler.py": b"version = 1\r\n", "app/core/a.py": b"a = 1\n", "lock.txt": b"one\n"}
    assert git(checkout, "status", "--porcelain").splitlines() == ["D app/core/a.py", " M app/handler.py"]


def test_a_project_may_be_a_folder_of_its_checkout(checkout: Path) -> None:
    assert files_of(checkout / "app", git(checkout, "rev-parse", "HEAD"), "core") == {"core/a.py": b"a = 1\n"}


@pytest.mark.parametrize(
    ("commit", "paths", "why"), [(VERSION, ["app"], VERSION[:12]), ("HEAD", ["app", "missing"], "missing")]
)
def test_what_a_commit_cannot_give_is_one_sentence(checkout: Path, commit: str, paths: list[str], why: str) -> None:
    with pytest.raises(BundleError) as caught:
        files_of(checkout, commit, *paths)
    assert why in caught.value.message
    assert len(caught.value.message.splitlines()) == 1
    assert "git fetch" in caught.value.hint


def test_a_folder_that_is_no_checkout_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(BundleError, match="not a git repository"):
        files_of(tmp_path, VERSION, "app")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BundleError, match="no git"):
        files_of(tmp_path, VERSION, "app")


def test_a_release_decides_the_image_of_the_services_it_names(accepted: Accepted) -> None:
    services = {"netprobe": {"mode": "container"}, "users": {"route": "/users", "image": NEW}}
    release = {"version": VERSION, "images": {"netprobe": OLD}}
    settings = accepted(image=NEW, services=services, release=release, container={"placement": "public"}).settings
    assert (settings.image_of("netprobe"), settings.image_of("users")) == (OLD, NEW)


def test_a_release_with_every_image_needs_no_other(accepted: Accepted) -> None:
    container = {"mode": "container", "container": {"placement": "public"}}
    assert accepted(**container, release={"version": VERSION, "images": {"netprobe": OLD}})


@pytest.mark.parametrize(
    ("images", "key", "said"),
    [
        ({}, "modeshift:release.images", "netprobe runs in a container"),
        ({"netprobe": OLD, "netprob": OLD}, "modeshift:release.images.netprob", "no service"),
        ({"netprobe": "app:latest"}, "modeshift:release.images.netprobe", "a tag can move"),
    ],
)
def test_images_that_do_not_fit_the_services_are_refused(
    refused: Refused, images: dict[str, str], key: str, said: str
) -> None:
    container = {"mode": "container", "container": {"placement": "public"}}
    problems = refused(**container, image=NEW, release={"version": VERSION, "images": images})
    assert list(problems) == [key]
    assert said in problems[key].why


@pytest.mark.parametrize("version", ["main", VERSION[:12], VERSION.replace("a", "A") + "0", "v1"])
def test_a_version_is_a_commit_in_full(refused: Refused, version: str) -> None:
    assert refused(release={"version": version})["modeshift:release.version"].allowed == "40 hex digits"
