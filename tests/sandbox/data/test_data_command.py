"""`modeshift sandbox`: see what runs, get into a database, stop it, forget it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.data import client
from tests.sandbox.data.conftest import Place, make_place

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[3]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Place]:
    """Yield a project's sandbox with a database in it."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    made = make_place(tmp_path / ".modeshift" / "sandbox")
    yield made
    client.stop(made.folder)
    assert made.gone()


@pytest.fixture
def sandbox(tmp_path: Path) -> Run:
    def run(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from automation.cli import main; main()", "sandbox", *words]
        env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        return subprocess.run(
            command, cwd=tmp_path, env=env, input=text, capture_output=True, text=True, check=False, timeout=300
        )

    return run


def test_a_database_is_found_looked_into_and_stopped(project: Place, sandbox: Run) -> None:
    database = project.database("dev-users-database")
    listed = sandbox("data")
    assert listed.returncode == 0
    assert f"AWS_ENDPOINT_URL={project.environment()['AWS_ENDPOINT_URL']}" in listed.stdout
    assert f"{database.outputs['identifier']}  PostgreSQL 18 at 127.0.0.1:" in listed.stdout
    assert project.login(database)["password"] not in listed.stdout
    assert json.loads(sandbox("data", "--json").stdout)["problems"] == {}
    inside = sandbox("psql", "users", text="SELECT 40 + 2 AS answer;\n")
    assert (inside.returncode, inside.stderr) == (0, "")
    assert "42" in inside.stdout

    assert sandbox("stop").stdout == "Stopped.\n"
    assert not project.processes()
    assert sandbox("stop").stdout == "Nothing was running.\n"
    assert project.ask(database, "SELECT 1") == 1

    assert sandbox("reset", "--yes").returncode == 0
    assert not project.processes()
    assert not (project.folder / "data").exists()


def test_without_an_account_it_says_what_to_do(tmp_path: Path, sandbox: Run) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    answer = sandbox("data")
    assert answer.returncode == 2
    assert "Bring a stack up first" in answer.stderr
    assert "Traceback" not in answer.stderr
