"""The language host under the real engine: plain `pulumi` runs programs through it and nothing outlives it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from automation.language_host import serve

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_REPOSITORY = Path(__file__).resolve().parents[2]
_PATIENCE = 30
_PASSWORD = "hunter2-is-secret"


def _pulumi() -> str:
    found = shutil.which("pulumi")
    if found is None:
        from automation.toolchain import pulumi_binary  # noqa: PLC0415 - needed only without a CLI on PATH

        found = str(pulumi_binary())
    return found


@dataclass(frozen=True)
class _Project:
    """A Pulumi project with a local backend and a stack `dev`."""

    root: Path

    def write(self, program: str) -> None:
        (self.root / "__main__.py").write_text(program)

    def environment(self, port: int) -> dict[str, str]:
        return {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{self.root / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "only for this test",
            "PULUMI_DEBUG_LANGUAGES": f"python:{port}",
            "PULUMI_HOME": str(self.root / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_STACK": "dev",
        }

    def start(self, port: int, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [_pulumi(), *args, "--non-interactive", "--color", "never"],
            cwd=self.root,
            env=self.environment(port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, port: int, *args: str) -> tuple[int, str]:
        process = self.start(port, *args)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Yield the port of a host in this process."""
    with serve() as served:
        yield served


@pytest.fixture
def project(tmp_path: Path, port: int) -> _Project:
    """Return a project whose program says nothing."""
    made = _Project(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    made.write("")
    code, output = made.run(port, "stack", "init", "dev")
    assert code == 0, output
    return made


def test_a_program_is_previewed_and_brought_up(project: _Project, port: int) -> None:
    project.run(port, "config", "set", "greeting", "hello")
    project.run(port, "config", "set", "--secret", "password", _PASSWORD)
    (project.root / "beside.py").write_text("NAME = 'a module beside the program'\n")
    project.write(
        "import sys\n"
        "import beside\n"
        "import pulumi\n"
        "print('said by the program')\n"
        "print('complained by the program', file=sys.stderr)\n"
        "config = pulumi.Config()\n"
        "pulumi.export('greeting', config.require('greeting'))\n"
        "pulumi.export('known to be secret', pulumi.runtime.is_config_secret('tiny:password'))\n"
        "pulumi.export('password', config.require_secret('password'))\n"
        "pulumi.export('beside', beside.NAME)\n"
        "pulumi.export('project', f'{pulumi.get_project()}/{pulumi.get_stack()}')\n"
        "pulumi.export('preview', pulumi.runtime.is_dry_run())\n"
        "pulumi.export('automation', [name for name in sys.modules if name.startswith('automation')])\n"
    )
    code, output = project.run(port, "preview")
    assert code == 0, output
    assert "said by the program" in output
    assert "complained by the program" in output
    code, output = project.run(port, "up", "--yes")
    assert code == 0, output
    outputs = json.loads(project.run(port, "stack", "output", "--json")[1])
    assert outputs == {
        "greeting": "hello",
        "known to be secret": True,
        "password": "[secret]",
        "beside": "a module beside the program",
        "project": "tiny/dev",
        "preview": False,
        "automation": [],
    }
    state = (project.root / "state/.pulumi/stacks/tiny/dev.json").read_text()
    assert _PASSWORD not in output + state


def test_a_run_error_is_shown_as_its_sentence_alone(project: _Project, port: int) -> None:
    project.write("import pulumi\nraise pulumi.RunError('The settings name no region.')\n")
    code, output = project.run(port, "preview")
    assert code != 0
    assert "error: The settings name no region." in output
    assert "Traceback" not in output
    assert "unhandled error" not in output


@pytest.mark.parametrize(
    "said", ["Exception('resource monitor shut down')", "RunError('Resource monitor has terminated, shutting down')"]
)
def test_a_program_cut_off_by_the_engine_adds_nothing_to_what_the_engine_said(
    project: _Project, port: int, said: str
) -> None:
    project.write(f"from pulumi import RunError\nraise {said}\n")
    code, output = project.run(port, "preview")
    assert code != 0
    assert "Traceback" not in output
    assert "onitor" not in output


def test_an_exception_is_shown_with_the_programs_own_frames_once(project: _Project, port: int) -> None:
    project.write("def divide():\n    return 1 / 0\n\n\ndivide()\n")
    code, output = project.run(port, "preview")
    assert code != 0
    assert output.count("Traceback (most recent call last):") == 1
    assert "ZeroDivisionError: division by zero" in output
    assert "in divide" in output
    assert "run_program.py" not in output
    assert "runpy" not in output


def test_an_exit_code_is_told(project: _Project, port: int) -> None:
    project.write("import sys\nsys.exit(5)\n")
    code, output = project.run(port, "preview")
    assert code != 0
    assert "the program exited with code 5" in output


def test_a_missing_program_is_a_sentence(project: _Project, port: int) -> None:
    (project.root / "__main__.py").unlink()
    code, output = project.run(port, "preview")
    assert code != 0
    assert "There is no program at" in output


_BUSY = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
pathlib.Path("pids.tmp").write_text(f"{os.getpid()} {child.pid}")
os.rename("pids.tmp", "pids")
time.sleep(300)
"""


def _pids(root: Path) -> list[int]:
    """Wait until the busy program runs and return its process and that of its child."""
    deadline = time.monotonic() + _PATIENCE
    while not (root / "pids").exists():
        assert time.monotonic() < deadline, "the program did not start"
        time.sleep(0.02)
    return [int(pid) for pid in (root / "pids").read_text().split()]


def _running(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet collected does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        # It may be collected between any two of these calls.
        return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
    except (ProcessLookupError, FileNotFoundError):
        return False


def _assert_ended(pids: list[int]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while any(_running(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {[pid for pid in pids if _running(pid)]}"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_the_program_ends_with_its_engine(project: _Project, port: int, number: signal.Signals) -> None:
    project.write(_BUSY)
    with project.start(port, "preview") as engine:
        pids = _pids(project.root)
        engine.send_signal(number)
        _assert_ended(pids)
        output, _ = engine.communicate(timeout=_PATIENCE)
    assert "Traceback" not in output


@contextmanager
def _host(*args: str) -> Generator[tuple[subprocess.Popen[str], int], None, None]:
    """Run the host as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "automation.language_host", "--port", "0", *args],
        cwd=_REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["port"]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_the_program_ends_with_its_host(project: _Project, number: signal.Signals) -> None:
    project.write(_BUSY)
    with _host() as (host, port):
        engine = project.start(port, "preview")
        pids = _pids(project.root)
        host.send_signal(number)
        _assert_ended(pids)
        host.wait(timeout=_PATIENCE)
        engine.communicate(timeout=_PATIENCE)


def test_the_host_ends_when_its_standard_input_closes() -> None:
    with _host("--until-stdin-closes") as (host, _):
        assert host.stdin is not None
        host.stdin.close()
        assert host.wait(timeout=_PATIENCE) == 0
        host.stdin = None


def _packages(port: int) -> dict[str, str]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = language_pb2_grpc.LanguageRuntimeStub(channel)
        answer = stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest())
    return {package.name: package.version for package in answer.packages}


def test_plugins_are_named_only_when_asked_for(port: int) -> None:
    assert _packages(port) == {}
    with serve(lists_packages=True) as other:
        named = _packages(other)
    for name in ("aws", "awsx"):
        assert named[name] == f"v{importlib.metadata.version(f'pulumi-{name}')}"


def test_the_host_describes_its_environment(port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = language_pb2_grpc.LanguageRuntimeStub(channel)
        assert stub.About(language_pb2.AboutRequest()).executable == sys.executable
        dependencies = stub.GetProgramDependencies(language_pb2.GetProgramDependenciesRequest()).dependencies
        assert "pulumi" in {dependency.name for dependency in dependencies}
        assert stub.GetPluginInfo(empty_pb2.Empty()).version.startswith("3.")
        installed = list(stub.InstallDependencies(language_pb2.InstallDependenciesRequest()))
        assert sys.prefix in installed[0].stdout.decode()


def test_the_host_starts_without_loading_an_sdk() -> None:
    script = "import json, sys, automation.language_host; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=_REPOSITORY, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert "automation.language_host" in loaded
    assert [name for name in loaded if name == "pulumi" or name.startswith("pulumi_")] == []
