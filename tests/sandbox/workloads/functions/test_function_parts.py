"""The parts of functions that need no process: packages, aliases, reports, versions on disk, room."""

from __future__ import annotations

import platform
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.data.errors import DataError
from sandbox.workloads.functions import answers, package
from sandbox.workloads.functions.report import Report
from sandbox.workloads.functions.room import ACCOUNT_LIMIT, Room
from sandbox.workloads.functions.settings import LATEST, Alias, Asynchronous, Version, split
from sandbox.workloads.functions.versions import Versions
from tests.sandbox.workloads.functions.functions_here import ARN, PROCESSOR, RUNTIME, resource

ELSEWHERE = {"arm64": "x86_64", "x86_64": "arm64"}[PROCESSOR]


def packed(folder: Path, **files: str) -> Path:
    path = folder / "function.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def function(path: Path, **outputs: Any) -> Any:
    told = {"name": "f", "runtime": RUNTIME, "architectures": [ELSEWHERE], "code": {"path": str(path)}, **outputs}
    return resource("aws:lambda/function:Function", "dev-f", "f", **told)


def yaml_for_another(version: str) -> Iterator[tuple[str, str]]:
    yield "mine.py", "MINE = 1"
    yield "yaml/__init__.py", "raise ImportError"
    yield "yaml/_yaml.cpython-39-other.so", "machine code"
    yield f"PyYAML-{version}.dist-info/METADATA", "Name: PyYAML"
    yield "click/__init__.py", "THEIRS = 1"
    yield "click-0.0.1.dist-info/METADATA", "Name: click"


def test_only_what_has_machine_code_is_replaced_when_the_versions_are_the_same(tmp_path: Path) -> None:
    path = packed(tmp_path, **dict(yaml_for_another(metadata.version("PyYAML"))))
    code = package.unpack(function(path), tmp_path / "code", tmp_path)
    assert (code.isolated, (code.root / "mine.py").read_text()) == (True, "MINE = 1")
    assert (code.root / "yaml").is_symlink()
    assert not (code.root / "click").is_symlink()
    first, second = code.notes
    assert first.startswith(f"The package is for {RUNTIME} on {ELSEWHERE}; this is {RUNTIME} on {platform.machine()}: ")
    assert first.endswith(": 1 of its packages are this environment's instead.")
    assert second == f"  PyYAML {metadata.version('PyYAML')}"
    # Once is enough, also when the package has gone.
    path.unlink()
    assert package.unpack(function(path), tmp_path / "code", tmp_path) == code
    package.forget(tmp_path / "code")
    assert sorted(one.name for one in tmp_path.iterdir()) == []


def test_all_that_is_here_is_replaced_when_one_has_another_version(tmp_path: Path) -> None:
    code = package.unpack(function(packed(tmp_path, **dict(yaml_for_another("0.1")))), tmp_path / "code", tmp_path)
    assert (code.root / "click").is_symlink()
    assert f"  PyYAML {metadata.version('PyYAML')} instead of 0.1" in code.notes


def test_machine_code_that_nothing_replaces_is_told(tmp_path: Path) -> None:
    path = packed(tmp_path, **{"unheard_of.cpython-39-other.so": "machine code"})
    code = package.unpack(function(path), tmp_path / "code", tmp_path)
    assert code.notes[-1] == "  unheard_of.cpython-39-other.so is not for this machine, and nothing here replaces it."


def test_a_package_for_this_machine_is_what_it_is(tmp_path: Path) -> None:
    path = packed(tmp_path, **dict(yaml_for_another("0.1")))
    code = package.unpack(function(path, architectures=[PROCESSOR]), tmp_path / "code", tmp_path)
    assert code.notes == ()
    assert (code.root / "yaml/__init__.py").read_text() == "raise ImportError"


def test_a_package_that_is_none_is_explained_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    (tmp_path / "function.zip").write_text("no zip")
    for path, words in ((tmp_path / "function.zip", "cannot be unpacked"), (tmp_path / "gone.zip", "is not here")):
        with pytest.raises(DataError, match=words):
            package.unpack(function(path), tmp_path / "code", tmp_path)
    assert not (tmp_path / "code").exists()


def test_a_function_finds_what_the_runtime_brings_and_no_more(tmp_path: Path) -> None:
    names = {one.name for one in package.runtime_folder(tmp_path / "client").iterdir()}
    assert {"awslambdaric", "simplejson", "snapshot_restore_py.py", "boto3", "botocore", "urllib3"} <= names
    assert not names & {"aiohttp", "pip", "pydantic", "sandbox"}


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_an_alias_gives_each_version_its_share(number: float, share: float) -> None:
    alias = Alias("live", "2", {"1": share})
    assert alias.chosen(number) == ("1" if number < share else "2")


def test_a_report_bills_the_initialisation_and_rounds_up() -> None:
    report = Report("r", seconds=0.0101, memory_size=128, memory_used=40, init=0.2)
    assert report.line() == (
        "REPORT RequestId: r\tDuration: 10.10 ms\tBilled Duration: 211 ms\tMemory Size: 128 MB"
        "\tMax Memory Used: 40 MB\tInit Duration: 200.00 ms\t"
    )
    assert (
        "\tRestore Duration: 5.00 ms\tBilled Restore Duration: 5 ms\t" in Report("r", 0.1, 128, 4, restore=0.005).line()
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "Runtime exited without providing a reason"),
        (127, "Runtime exited with error: exit status 127"),
        (-9, "Runtime exited with error: signal: killed"),
        (-11, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_an_exit_is_said_as_lambda_says_it(code: int, words: str) -> None:
    assert answers.exit_reason(code) == words


def test_versions_are_remembered_until_nobody_needs_them(tmp_path: Path) -> None:
    versions, known = Versions(tmp_path), {}
    for number in range(1, 9):
        known = versions.take(function(tmp_path, version=str(number), arn=f"{ARN}f", codeSha256=str(number)))
    assert known["3"].code_id == "3"
    assert known[LATEST].code_id == "8"
    versions.drop("f", known, used={"1"})
    kept = Versions(tmp_path).take(function(tmp_path, version="8", arn=f"{ARN}f", codeSha256="8"))
    assert sorted(kept) == [LATEST, "1", "4", "5", "6", "7", "8"]
    versions.forget([])
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_record_of_a_version_is_no_version(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    versions.take(function(tmp_path, version="1", arn=f"{ARN}f"))
    (tmp_path / "f" / "1.json").write_text("{")
    assert sorted(versions.take(function(tmp_path, version="2", arn=f"{ARN}f"))) == [LATEST, "2"]


def test_what_is_reserved_is_kept_from_others() -> None:
    room = Room()
    room.reserved = {"a": 2}
    room.calls.update({"a": 2, "b": ACCOUNT_LIMIT - 3})
    assert room.refusal("a") == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert room.refusal("b") == ""
    room.calls["c"] = 1
    assert room.refusal("b") == "ConcurrentInvocationLimitExceeded"


def test_settings_are_read_with_the_defaults_of_aws() -> None:
    version = Version(resource("aws:lambda/function:Function", "dev-f", "f", name="f", arn=f"{ARN}f"), "1")
    assert (version.memory, version.timeout, version.log_group) == (128, 3.0, "/aws/lambda/f")
    assert (version.subject, version.stack, version.snap_start) == ("dev-f", "dev", False)
    assert Asynchronous.of(version.resource, None) == Asynchronous(2, 21600.0)
    none = resource("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "f", "f", maximumRetryAttempts=0)
    assert Asynchronous.of(version.resource, none).retries == 0
    assert split(f"{ARN}f:live") == (f"{ARN}f", "live")
    assert split(f"{ARN}f") == (f"{ARN}f", "")
