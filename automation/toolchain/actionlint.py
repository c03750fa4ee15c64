"""actionlint, which checks workflows: built from `tools/actionlint`, cached for all checkouts.

`python3 -m automation.toolchain.actionlint` checks this checkout's workflows.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from automation.errors import UserError
from automation.toolchain import go
from automation.toolchain.places import ROOT, TOOLS, VENV, cache
from automation.toolchain.work import Steps, drafts, say

MODULE = TOOLS / "actionlint"
_PACKAGES = 105
_BY_HAND = "Or install Go yourself and run the same command again."


def cached() -> Path:
    """Return where actionlint of the pinned version is kept."""
    return cache() / "actionlint" / go.pinned(MODULE)[1] / "actionlint"


def ensure(steps: Steps) -> Path:
    """Build actionlint unless it is there, and return where it is.

    Raises:
        UserError: it cannot be built.
    """
    target = cached()
    if target.is_file():
        return target
    with steps.step(f"actionlint {target.parent.name}"), drafts(cache() / "actionlint") as draft:
        if not target.is_file():
            go.build(
                MODULE,
                "cmd/actionlint",
                draft / "actionlint",
                draft,
                flags=("-ldflags=-s -w",),
                packages=_PACKAGES,
                otherwise=_BY_HAND,
            )
            target.parent.mkdir(exist_ok=True)
            (draft / "actionlint").replace(target)
    return target


def check(program: Path, folder: Path) -> int:
    """Check the workflows below a folder, their scripts with the environment's shellcheck; return the exit code."""
    path = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", "")])
    return subprocess.run([str(program)], cwd=folder, env={**os.environ, "PATH": path}, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(check(ensure(Steps()), ROOT))
    except UserError as error:
        say(f"{error.message}\n{error.hint}".rstrip())
        sys.exit(int(error.code))
