"""Journeys run in a copy of the project with a sandbox of their own, through the commands that people type."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.catalog import folder_of

REPOSITORY = Path(__file__).resolve().parents[2]
_PROGRAM = ("__main__.py", "Pulumi.yaml", "app", "charts", "components", "stacks", "requirements", "bootstrap")
_TIMEOUT = 240


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.stdout)

    @property
    def summary(self) -> dict[str, int]:
        return self.document["summary"]

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.stdout}\n{self.stderr}"


@dataclass
class Workspace:
    """A copy of the project in which stacks can be edited and brought up."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def modeshift(self, *args: str, env: Mapping[str, str] | None = None) -> Ran:
        return self.run([sys.executable, "-m", "automation.cli", *args], env=env)

    def run(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> Ran:
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**self.environment, **(env or {})},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        # Most journeys are about plans and state; those about what runs say so.
        silent = {"MODESHIFT_SANDBOX_WORKLOADS": "off"}
        return {**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "140", "CI": "", **silent, **self.env}

    def edit(self, stack: str, **settings: object) -> None:
        """Set keys of a stack file; `None` removes one."""
        path = self.root / f"Pulumi.{stack}.yaml"
        document = yaml.safe_load(path.read_text())
        for name, value in settings.items():
            key = name if ":" in name else f"modeshift:{name}"
            if value is None:
                document["config"].pop(key, None)
            else:
                document["config"][key] = value
        path.write_text(yaml.safe_dump(document, sort_keys=False))

    def offer(self, *services: str) -> None:
        """Make folders of services that stacks may list: they need nothing and take any variable."""
        for name in services:
            folder = self.root / folder_of(name)
            folder.mkdir(exist_ok=True)
            route = "/" if name == "netprobe" else f"/{name}"
            (folder / "service.toml").write_text(f'title = "{name}"\nsummary = "For tests."\nroute = "{route}"\n')

    def account(self) -> list[dict[str, Any]]:
        """Return what exists in the sandbox's account."""
        ran = self.modeshift("sandbox", "status", "--json")
        assert ran.code == 0, ran
        return ran.document["resources"]

    def state(self, stack: str) -> dict[str, Any]:
        """Return the state file of a stack as it stands on disk."""
        return json.loads((self.root / ".modeshift/state/.pulumi/stacks/modeshift" / f"{stack}.json").read_text())


def make_workspace(root: Path, build_cache: Path) -> Workspace:
    """Copy the program into `root`; packages built once are shared through `build_cache`."""
    root.mkdir(parents=True, exist_ok=True)
    for name in (*_PROGRAM, *(path.name for path in REPOSITORY.glob("Pulumi.*.yaml"))):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, root / name)
    (root / ".modeshift").mkdir()
    build_cache.mkdir(parents=True, exist_ok=True)
    (root / ".modeshift" / "build").symlink_to(build_cache)
    return Workspace(root)


@pytest.fixture(scope="session")
def build_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where packages are kept between tests, shared by all workers of one run."""
    return tmp_path_factory.getbasetemp().parent / "modeshift-build"


@pytest.fixture
def workspace(tmp_path: Path, build_cache: Path) -> Iterator[Workspace]:
    """A fresh copy of the project with an empty account."""
    copy = make_workspace(tmp_path / "project", build_cache)
    yield copy
    copy.modeshift("sandbox", "stop")
