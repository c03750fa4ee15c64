"""The process that plain `pulumi` attaches to: one per project, started once, ended for good."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from automation import background, processes
from automation.errors import UserError
from automation.project import Project

# The process outlives the command that started it on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    project = Project(tmp_path, tmp_path / ".modeshift")
    yield project
    background.stop(project)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_it_is_started_once_and_ended(project: Project) -> None:
    with ThreadPoolExecutor() as pool:
        ports = set(pool.map(background.start, [project] * 3))
    [port] = ports
    assert answers(port)
    assert background.stop(project)
    assert not answers(port)
    assert not background.stop(project)


def test_a_record_of_somebody_else_s_process_is_not_believed(project: Project) -> None:
    project.sandbox.mkdir(parents=True)
    (project.sandbox / "attach.json").write_text(f'{{"pid": {os.getpid()}, "port": 1}}')
    assert background.start(project) != 1


def test_an_account_that_cannot_be_used_is_explained(project: Project) -> None:
    project.sandbox.mkdir(parents=True)
    (project.sandbox / "account.sqlite").write_text("no database, and longer than its header: " + "x" * 200)
    with pytest.raises(UserError, match=r"account\.sqlite is no database"):
        background.start(project)


def test_a_process_is_known_by_what_it_runs() -> None:
    assert processes.runs(os.getpid(), "python")
    assert not processes.runs(os.getpid(), "no such word")
    assert not processes.runs(2**22 + 1, "python")
