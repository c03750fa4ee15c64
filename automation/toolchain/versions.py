"""Which version a program on this machine has."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

from automation.toolchain.places import LOCAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Version = tuple[int, ...]

_ANSWER_SECONDS = 20


def parse(text: str) -> Version | None:
    """Return the first version in a text, as in `go version go1.26.8 linux/amd64`."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups(default="0")) if found else None


def show(version: Version | None) -> str:
    """Return a version as people write it."""
    return ".".join(str(part) for part in version) if version else ""


def ask(program: Path, arguments: Sequence[str]) -> Version | None:
    """Run a program for its version; None when it does not run."""
    try:
        answer = subprocess.run(
            [str(program), *arguments],
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=True,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse(answer.stdout)


def remembered(program: Path, arguments: Sequence[str]) -> Version | None:
    """Do as `ask`, but run a program only once as long as its file stays the same.

    Starting the Pulumi CLI takes 0.2 s, too long for something every command wants to know.
    """
    try:
        state = program.stat()
    except OSError:
        return None
    key = f"{program}:{state.st_size}:{state.st_mtime_ns}"
    memory = LOCAL / "versions.json"
    known = _read(memory)
    if key in known:
        return parse(known[key])
    version = ask(program, arguments)
    if version:  # a failure may pass, so it is not remembered
        _write(memory, {**known, key: show(version)})
    return version


def _read(memory: Path) -> dict[str, str]:
    try:
        return {str(key): str(version) for key, version in json.loads(memory.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write(memory: Path, known: dict[str, str]) -> None:
    draft = memory.with_name(f"{memory.name}.{os.getpid()}")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
        draft.replace(memory)
    except OSError:
        return  # only a memory: the next command asks again
