"""The `aws` command, without which the eks package builds no cluster, not even in a preview.

It gets the tokens for a cluster's API. Where something else stands in for that package, there is no need for it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from stacks.mapping import runs
from stacks.settings import Compute, StackSettings

_MINIMUM = {1: (1, 24), 2: (2, 7)}
_SECONDS = 20
_INSTALL = (
    "Install version 2 (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html) and run this "
    "again; nothing was created."
)


class AwsCommandError(Exception):
    """The `aws` command is missing or too old; the message says what to do."""


def check_aws_command(settings: StackSettings) -> None:
    """Look for the `aws` command when a service of the stack runs on EKS.

    Raises:
        AwsCommandError: it is not there, does not run or is too old.
    """
    if not runs(settings, Compute.EKS) or _attached("eks"):
        return
    path = shutil.which("aws")
    if path is None:
        message = f"A service runs on EKS, which needs the aws command, and there is none on PATH. {_INSTALL}"
        raise AwsCommandError(message)
    version = _version(path)
    if version is None:
        message = (
            f"A service runs on EKS, which needs the aws command, and {path} does not tell its version. {_INSTALL}"
        )
        raise AwsCommandError(message)
    if version < _MINIMUM.get(version[0], version):
        shown = ".".join(map(str, version))
        message = f"A service runs on EKS, which needs the aws command 2.7 or newer, and {path} is {shown}. {_INSTALL}"
        raise AwsCommandError(message)


def _attached(package: str) -> bool:
    """Tell whether the engine takes a package from a process that runs already."""
    entries = os.environ.get("PULUMI_DEBUG_PROVIDERS", "").split(",")
    return any(entry.partition(":")[0] == package for entry in entries)


def _version(path: str) -> tuple[int, int] | None:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"aws-cli/(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else None
