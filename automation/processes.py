"""Ask about processes by their id: one that lives may be somebody else's by now."""

from __future__ import annotations

import subprocess
from pathlib import Path

_PROC = Path("/proc/self")


def runs(pid: int, word: str) -> bool:
    """Whether a process lives (zombies do not) and has a word in its command line."""
    if _PROC.exists():
        try:
            command = _PROC.with_name(str(pid)).joinpath("cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return False
        return word in command
    answer = subprocess.run(["ps", "-o", "stat=,args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return word in answer.stdout and not answer.stdout.lstrip().startswith("Z")
