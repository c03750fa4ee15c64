"""actionlint, which checks workflows. `python3 -m automation.toolchain.actionlint` checks this checkout's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from automation.errors import UserError
from automation.toolchain.go_tool import GoTool
from automation.toolchain.places import ROOT, VENV
from automation.toolchain.work import Steps, say

ACTIONLINT = GoTool("actionlint", packages=105)


def check(program: Path, folder: Path) -> int:
    """Check the workflows below a folder, their scripts with the environment's shellcheck; return the exit code."""
    path = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", "")])
    return subprocess.run([str(program)], cwd=folder, env={**os.environ, "PATH": path}, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(check(ACTIONLINT.ensure(Steps()), ROOT))
    except UserError as error:
        say(f"{error.message}\n{error.hint}".rstrip())
        sys.exit(int(error.code))
