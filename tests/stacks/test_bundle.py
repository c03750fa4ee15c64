"""The Lambda package: the same everywhere, built when something changed, never half."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from stacks.bundle import BundleError, bundle, describe_bundle

REPOSITORY = Path(__file__).resolve().parents[2]
ELF = {"arm64": 183, "x86_64": 62}


def elf(machine: int, order: str = "little") -> bytes:
    """The first bytes of a compiled file for a machine."""
    marks = b"\x02\x01\x01" if order == "little" else b"\x02\x02\x01"
    return b"\x7fELF" + marks + bytes(9) + (3).to_bytes(2, order) + machine.to_bytes(2, order) + bytes(44)


@dataclass
class Project:
    """A small project whose dependencies come from a folder of wheels, so that no index is asked."""

    root: Path
    wheels: Path

    def write(self, name: str, content: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def wheel(self, name: str, files: Mapping[str, bytes], tag: str = "py3-none-any") -> str:
        """Publish a wheel; returns its line in a lock file."""
        info = f"{name}-1.0.dist-info"
        content = {
            **files,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
            f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n".encode(),
        }
        path = self.wheels / f"{name}-1.0-{tag}.whl"
        with zipfile.ZipFile(path, "w") as file:
            for member, data in content.items():
                file.writestr(zipfile.ZipInfo(member), data)
            file.writestr(
                zipfile.ZipInfo(f"{info}/RECORD"), "".join(f"{member},,\n" for member in [*content, f"{info}/RECORD"])
            )
        return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"

    def lock(self, *lines: str) -> None:
        self.write("requirements/app.txt", "".join(lines))

    @property
    def left(self) -> list[str]:
        """What a build left in the store."""
        return sorted(path.name for path in (self.root / ".modeshift" / "build").glob("*") if path.name != "lock")


NewProject = Callable[..., Project]


@pytest.fixture
def new_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NewProject:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))

    def make(name: str = "project") -> Project:
        project = Project(tmp_path / name, wheels)
        project.write("app/__init__.py", "")
        project.write("app/handler.py", "def lambda_handler(event, context): return event\n")
        project.lock(project.wheel("lib", {"lib/__init__.py": b"def main(): ...\n", "lib/_c.so": elf(ELF["arm64"])}))
        return project

    return make


@pytest.fixture
def project(new_project: NewProject) -> Project:
    return new_project()


def _names(path: str) -> list[str]:
    with zipfile.ZipFile(path) as package:
        return package.namelist()


def test_the_same_inputs_give_the_same_zip_in_any_folder_at_any_time_with_any_umask(new_project: NewProject) -> None:
    packages: list[bytes] = []
    for name, mask, moment in (("one", 0o022, 1_000_000_000), ("two", 0o077, 1_700_000_000)):
        before = os.umask(mask)
        try:
            project = new_project(name)
            for path in project.root.rglob("*.py"):
                os.utime(path, (moment, moment))
                path.chmod(0o666 & ~mask)
            packages.append(Path(bundle(project.root).path).read_bytes())
        finally:
            os.umask(before)
    assert packages[0] == packages[1]


def test_entries_carry_nothing_of_this_machine(project: Project) -> None:
    artifact = bundle(project.root)
    with zipfile.ZipFile(artifact.path) as package:
        entries = package.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_DEFLATED}
    modes = {entry.filename: entry.external_attr >> 16 for entry in entries}
    assert {mode for name, mode in modes.items() if not name.endswith(".so")} == {0o100644}
    assert modes["lib/_c.so"] == 0o100755
    content = Path(artifact.path).read_bytes()
    for place in (project.root, project.wheels, Path(sys.executable), Path.home()):
        assert str(place).encode() not in content


def test_the_head_of_each_entry_says_what_the_list_at_the_end_says(project: Project) -> None:
    content = Path(bundle(project.root).path).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        entries = package.infolist()
        assert package.testzip() is None
    for entry in entries:
        head = struct.unpack_from("<4s5H3L2H", content, entry.header_offset)
        said = (entry.compress_type, entry.CRC, entry.compress_size, entry.file_size)
        assert (head[0], head[3], *head[6:9]) == (b"PK\x03\x04", *said)


def test_only_what_runs_is_packed(project: Project) -> None:
    unwanted = ["lib/tests/test_it.py", "lib/__init__.pyi", "lib/__pycache__/x.cpython-313.pyc", "lib/.hidden"]
    project.lock(project.wheel("lib", {"lib/__init__.py": b"", **dict.fromkeys(unwanted, b"x")}))
    project.write("app/__pycache__/handler.cpython-311.pyc", b"x")
    project.write("app/.DS_Store", b"x")
    assert _names(bundle(project.root).path) == [
        "app/__init__.py",
        "app/handler.py",
        "lib-1.0.dist-info/METADATA",
        "lib-1.0.dist-info/WHEEL",
        "lib-1.0.dist-info/entry_points.txt",
        "lib/__init__.py",
    ]


def test_pydantic_1_stays_out_of_the_package_and_of_the_image(project: Project) -> None:
    project.lock(project.wheel("pydantic", {"pydantic/__init__.py": b"", "pydantic/v1/__init__.py": b""}))
    names = _names(bundle(project.root).path)
    assert "pydantic/__init__.py" in names
    assert "pydantic/v1/__init__.py" not in names
    assert re.search(r"rm -rf .*/build/packages/pydantic/v1\b", (REPOSITORY / "Dockerfile").read_text())


def test_a_commit_gives_the_package_it_gave_when_it_was_checked_out(project: Project) -> None:
    project.write(".gitignore", ".modeshift\n")
    project.write("app/tests/test_it.py", "assert False\n")
    git = ["git", "-C", str(project.root), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    before = bundle(project.root)
    project.write("app/handler.py", "def lambda_handler(event, context): return None\n")
    project.lock(project.wheel("other", {"other/__init__.py": b""}))
    assert bundle(project.root) != before
    assert bundle(project.root, commit=head) == before


def test_the_artifact_says_what_lambda_will_compute(project: Project) -> None:
    artifact = bundle(project.root)
    content = Path(artifact.path).read_bytes()
    assert artifact.sha256 == base64.b64encode(hashlib.sha256(content).digest()).decode()
    facts = describe_bundle(artifact)
    assert (facts["sha256"], facts["bytes"], facts["architecture"]) == (artifact.sha256, len(content), "arm64")
    module, _, function = artifact.handler.rpartition(".")
    assert f"{module.replace('.', '/')}.py" in _names(artifact.path)
    assert function == "lambda_handler"


def test_unchanged_inputs_build_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bundle(project.root)
    monkeypatch.setattr("stacks.bundle.install", lambda *_: pytest.fail("installed again"))
    project.write("app/__pycache__/handler.cpython-311.pyc", b"x")
    project.write("README.md", "changed")
    assert bundle(project.root) == first


def test_changed_inputs_build_anew_and_going_back_does_not(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    original = (project.root / "app/handler.py").read_bytes()
    first = bundle(project.root)
    project.write("app/handler.py", "def lambda_handler(event, context): return None\n")
    second = bundle(project.root)
    project.lock(project.wheel("other", {"other.py": b""}))
    third = bundle(project.root)
    assert len({first.sha256, second.sha256, third.sha256}) == 3
    assert _names(third.path)[-1] == "other.py"
    project.write("app/handler.py", original)
    project.lock(project.wheel("lib", {"lib/__init__.py": b"def main(): ...\n", "lib/_c.so": elf(ELF["arm64"])}))
    monkeypatch.setattr("stacks.bundle.install", lambda *_: pytest.fail("installed again"))
    assert bundle(project.root) == first


def test_the_folder_may_be_named_from_where_one_stands(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    artifact = bundle(Path())
    assert Path(artifact.path).is_absolute()
    assert artifact == bundle(project.root)


def test_a_renamed_file_is_a_change(project: Project) -> None:
    project.write("app/a.py", "")
    first = bundle(project.root)
    (project.root / "app/a.py").rename(project.root / "app/b.py")
    assert bundle(project.root).sha256 != first.sha256


def test_old_packages_make_room(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.bundle._KEPT", 2)
    for number in range(4):
        project.write("app/number.py", f"{number}\n")
        newest = bundle(project.root)
    assert len(project.left) == 2
    assert Path(newest.path).exists()


def test_half_a_package_is_not_trusted(project: Project) -> None:
    whole = bundle(project.root)
    content = Path(whole.path).read_bytes()
    Path(whole.path).write_bytes(content[: len(content) // 2])
    assert bundle(project.root) == whole
    assert Path(whole.path).read_bytes() == content


def _script(project: Project, before: str = "") -> list[str]:
    program = f"""
    import sys, time
    from pathlib import Path
    import stacks.bundle as subject
    {before}
    print(subject.bundle(Path(sys.argv[1])).sha256)
    """
    return [sys.executable, "-c", textwrap.dedent(program), str(project.root)]


def test_a_killed_build_leaves_nothing_that_is_trusted(project: Project) -> None:
    hang = "subject.check_native = lambda *_: time.sleep(60)"
    builder = subprocess.Popen(_script(project, hang), cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not list(project.root.glob(".modeshift/build/tmp-*/installed/lib/__init__.py")):
        assert time.monotonic() < deadline, "the build did not begin"
        time.sleep(0.02)
    builder.send_signal(signal.SIGKILL)
    builder.wait()
    assert project.left != []
    artifact = bundle(project.root)
    assert project.left == [Path(artifact.path).name]
    assert "lib/_c.so" in _names(artifact.path)


def test_builds_at_the_same_time_do_not_disturb_each_other(project: Project) -> None:
    count = "install = subject.install; subject.install = lambda *a: (print('built'), install(*a))"
    builders = [
        subprocess.Popen(_script(project, count), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    lines = [builder.communicate(timeout=60)[0].split() for builder in builders]
    assert [builder.returncode for builder in builders] == [0, 0, 0]
    assert len({words[-1] for words in lines}) == 1
    assert sum("built" in words for words in lines) == 1
    assert len(project.left) == 1


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (elf(62), "x86_64"),
        (elf(40), "ELF machine 40"),
        (elf(183, "big"), "ELF machine 46848"),
        (b"MZ\x90", "no Linux binary"),
        (b"", "no Linux binary"),
    ],
    ids=["x86_64", "another machine", "other byte order", "Windows", "empty"],
)
def test_a_native_file_of_another_machine_is_refused_by_name(project: Project, content: bytes, found: str) -> None:
    project.lock(project.wheel("native", {"native/_fast.so": content}))
    with pytest.raises(BundleError, match=rf"native/_fast\.so is built for {found}, the function runs on arm64"):
        bundle(project.root)
    assert project.left == []


def test_native_files_are_known_by_content_too(project: Project) -> None:
    project.lock(project.wheel("native", {"native/helper": elf(ELF["x86_64"])}))
    with pytest.raises(BundleError, match="native/helper is built for x86_64"):
        bundle(project.root, "arm64")
    assert "native/helper" in _names(bundle(project.root, "x86_64").path)


def test_each_architecture_gets_its_own_wheel(project: Project) -> None:
    lines = [
        project.wheel("lib", {"lib/_c.so": elf(machine)}, f"cp313-cp313-manylinux2014_{platform}")
        for platform, machine in (("aarch64", ELF["arm64"]), ("x86_64", ELF["x86_64"]))
    ]
    project.lock(lines[0].rstrip(), " ", lines[1].split()[1], "\n")
    for architecture, machine in ELF.items():
        with zipfile.ZipFile(bundle(project.root, architecture).path) as package:
            assert package.read("lib/_c.so") == elf(machine)


def _broken_hash(project: Project) -> None:
    line = project.wheel("lib", {"lib.py": b"changed after it was locked"})
    project.lock(re.sub(r"sha256:\w{8}", "sha256:00000000", line))


def _half_a_lock(project: Project) -> None:
    lock = (project.root / "requirements/app.txt").read_bytes()
    project.write("requirements/app.txt", lock[: len(lock) - 20])


def _wrong_platform(project: Project) -> None:
    project.lock(project.wheel("mac", {"mac.py": b""}, "cp313-cp313-macosx_11_0_arm64"))


BROKEN: dict[str, tuple[Callable[[Project], object], str]] = {
    "no lock": (lambda p: (p.root / "requirements/app.txt").unlink(), r"requirements/app\.txt, .* is missing"),
    "no app": (lambda p: shutil.rmtree(p.root / "app"), r"app/handler\.py, .* is missing"),
    "merge conflict": (lambda p: p.lock("<<<<<<< HEAD\n", "lib==1.0\n"), "not a lock file that can be read"),
    "cut short": (_half_a_lock, "not a lock file that can be read"),
    "not text": (lambda p: p.write("requirements/app.txt", b"\xff\xfe\x00"), "not a lock file that can be read"),
    "no hash": (lambda p: p.lock("lib==1.0\n"), "lacks its version or hash"),
    "no version": (lambda p: p.lock(f"lib>=1 --hash=sha256:{'0' * 64}\n"), "lacks its version or hash"),
    "another hash": (_broken_hash, r"does not have the hash .* \(lib==1\.0\)"),
    "two versions": (
        lambda p: p.lock(*(f"lib=={n}.0 --hash=sha256:{'0' * 64}\n" for n in (1, 2))),
        "do not fit together",
    ),
    "no such version": (lambda p: p.lock(f"lib==9.0 --hash=sha256:{'0' * 64}\n"), "does not have"),
    "no wheel for it": (_wrong_platform, "has no wheel for this architecture"),
}


@pytest.mark.parametrize(("breaks", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_inputs_are_one_sentence_and_overwrite_nothing(
    project: Project, breaks: Callable[[Project], object], message: str
) -> None:
    good = bundle(project.root)
    content = Path(good.path).read_bytes()
    breaks(project)
    with pytest.raises(BundleError, match=message) as raised:
        bundle(project.root)
    assert raised.value.message
    assert raised.value.hint
    assert "\n" not in str(raised.value)
    assert project.left == [Path(good.path).name]
    assert Path(good.path).read_bytes() == content


def test_an_index_out_of_reach_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_NO_INDEX")
    monkeypatch.delenv("UV_FIND_LINKS")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(BundleError, match="package index cannot be reached"):
        bundle(project.root)


def test_a_missing_uv_is_said(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BundleError, match=r"uv, .* is missing. `make up` installs it"):
        bundle(project.root)


def test_an_unknown_architecture_is_said(project: Project) -> None:
    with pytest.raises(BundleError, match=r"no architecture 'arm'\. Choose arm64 or x86_64"):
        bundle(project.root, "arm")


def test_a_full_disk_is_said_and_the_last_package_stays(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    good = bundle(project.root)
    project.write("app/more.py", "")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("stacks.bundle.os.fsync", full)
    with pytest.raises(BundleError, match="The disk is full"):
        bundle(project.root)
    assert project.left == [Path(good.path).name]


def test_a_folder_that_cannot_be_made_is_said(project: Project) -> None:
    project.write(".modeshift", "a file where the folder should be")
    with pytest.raises(BundleError, match="cannot be written"):
        bundle(project.root)


@pytest.mark.parametrize(("limit", "what"), [("_MAX_ZIP", "uploaded as a zip"), ("_MAX_UNZIPPED", "unzipped")])
def test_lambdas_limits_are_known_before_lambda_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch, limit: str, what: str
) -> None:
    monkeypatch.setattr(f"stacks.bundle.{limit}", 1024**2)
    project.write("app/model.bin", random.Random(0).randbytes(2 * 1024**2))
    with pytest.raises(BundleError, match=rf"2 MB; Lambda takes 1 MB {what}\. Its largest file is app/model\.bin"):
        bundle(project.root)
    assert project.left == []


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project, without what was built in it."""
    root = tmp_path_factory.mktemp("real")
    shutil.copytree(REPOSITORY / "app", root / "app")
    shutil.copytree(REPOSITORY / "requirements", root / "requirements")
    return root


@pytest.mark.parametrize("architecture", ELF)
def test_the_apps_own_package_fits_lambda(real: Path, architecture: str) -> None:
    artifact = bundle(real, architecture)
    assert Path(artifact.path).stat().st_size < 50 * 1024**2
    with zipfile.ZipFile(artifact.path) as package:
        assert package.testzip() is None
        names = package.namelist()
        native = {name: package.read(name)[18] for name in names if package.read(name)[:4] == b"\x7fELF"}
    assert native
    assert set(native.values()) == {ELF[architecture]}
    assert {
        "app/handler.py",
        "app/services/netprobe/probes/tcp.py",
        "fastapi/__init__.py",
        "mangum/__init__.py",
    } <= set(names)
    assert str(real).encode() not in Path(artifact.path).read_bytes()
