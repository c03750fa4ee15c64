"""The app's locked dependencies, installed for Lambda's platform into a folder, whatever machine this is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

PYTHON_VERSION: Final = "3.13"
"""Python of the Lambda runtime, not of this process."""

# The runtime is Amazon Linux 2023, with glibc 2.34: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
_PLATFORMS: Final = {"arm64": "aarch64-manylinux_2_34", "x86_64": "x86_64-manylinux_2_34"}
_RELOCK: Final = "Write the lock anew with `make lock`, or take back the change to requirements/app.txt."

# What uv says, what it means, and the way out. The first match wins: the order is from specific to general.
_REASONS: Final = (
    (
        r"no space left on device|os error 28\b",
        "The disk is full.",
        "Free some space; `uv cache clean` gives back what uv holds. Nothing was overwritten.",
    ),
    (r"hash mismatch", "A downloaded package does not have the hash that requirements/app.txt promises.", _RELOCK),
    (
        r"no trusted hash|requirements must have",
        "requirements/app.txt is not a whole lock: a package in it lacks its version or hash.",
        _RELOCK,
    ),
    (
        r"unexpected '|couldn't parse|failed to (parse|decode)|invalid (hash|requirement|version)|unsupported hash",
        "requirements/app.txt is not a lock file that can be read.",
        _RELOCK,
    ),
    (
        r"failed to fetch|request failed|error sending request|resolving dns|timed out|network was disabled",
        "The package index cannot be reached.",
        "Check the network, the proxy and the index that uv is told to use; then run it again.",
    ),
    (
        r"no usable wheels|no wheels? with a matching",
        f"A package of requirements/app.txt has no wheel for this architecture and Python {PYTHON_VERSION}.",
        "Choose a version that publishes manylinux wheels for it; the bundle never compiles.",
    ),
    (
        r"no version of|not found in the package registry",
        "requirements/app.txt names a version that the package index does not have.",
        _RELOCK,
    ),
    (r"no solution found", "The versions in requirements/app.txt do not fit together.", _RELOCK),
)


class BundleError(Exception):
    """The Lambda package could not be built. `message` says why, `hint` what to do; no file was overwritten."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint


def install(lock: Path, target: Path, architecture: str) -> None:
    """Install what `lock` names, hash-checked and never compiled, into `target`."""
    command = [
        *(_uv(), "pip", "install", "--quiet", "--no-progress", "--color", "never"),
        *("--target", str(target), "--python", sys.executable),
        *("--python-platform", _PLATFORMS[architecture], "--python-version", PYTHON_VERSION),
        *("--only-binary", ":all:", "--require-hashes", "--no-compile-bytecode"),
        *("--requirements", str(lock)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=lock.parent)
    if done.returncode:
        raise _explained(done.stderr)


def _uv() -> str:
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("uv")
    if found is None:
        raise BundleError("uv, which installs the app's dependencies, is missing.", "`make up` installs it.")
    return found


def _explained(stderr: str) -> BundleError:
    text = " ".join(stderr.split())
    for pattern, message, hint in _REASONS:
        if re.search(pattern, text, re.IGNORECASE):
            return BundleError(_about_package(message, text), hint)
    return BundleError(f"uv could not install the app's dependencies: {text[-400:]}", "Nothing was overwritten.")


def _about_package(message: str, text: str) -> str:
    """Name the package when uv does, as in `pydantic-core==2.50.4`."""
    named = re.search(
        r"(?:mismatch for|provided for:|because|version of) `?([A-Za-z0-9][\w.-]*(?:==[\w.!+-]+)?)", text, re.IGNORECASE
    )
    return f"{message[:-1]} ({named[1]})." if named else message
