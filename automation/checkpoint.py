"""The file that holds a stack's state in a folder, and what takes its place when it is damaged.

The engine writes the file beside the old one and renames it, but a write that fails for want of space is renamed all
the same, and what was there is lost. So each run keeps the file it began with, under a second name, which costs no
space, and a damaged one gives way to the newest of its copies.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from automation.errors import Exit, UserError


def read(path: Path) -> dict[str, Any]:
    """Return the latest state in a file; empty for a stack that has none yet.

    Raises:
        ValueError: the file is damaged.
    """
    document = json.loads(path.read_text())
    try:
        return document["checkpoint"].get("latest") or {}
    except (AttributeError, KeyError, TypeError):
        raise ValueError("it holds no checkpoint") from None


def keep(path: Path) -> None:
    """Give a state a second name, under which it outlives the run that is about to begin."""
    if not path.is_file():
        return
    link = path.with_suffix(".link")
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except OSError:
        # Some file systems know no second names.
        shutil.copy2(path, link)
    link.replace(_kept(path))


def forget(path: Path) -> None:
    """Drop what is kept of a stack that is no more."""
    _kept(path).unlink(missing_ok=True)


def mend(path: Path, stack: str) -> bool:
    """Put the newest copy in the place of a damaged state, if it is damaged; tell whether it was.

    The engine's own copy is the state before its last step, ours the one before its last run. The damaged file stays,
    as `.damaged`. Renaming needs no space, so that this works on the full disk that did the damage.

    Raises:
        UserError: no copy can be read either; nothing was touched.
    """
    if not path.is_file() or (problem := _problem(path)) is None:
        return False
    for copy in (path.with_name(f"{path.name}.bak"), _kept(path)):
        if copy.is_file() and _problem(copy) is None:
            path.replace(path.with_suffix(".damaged"))
            copy.replace(path)
            return True
    raise UserError(
        f"The state of {stack} in {path} is damaged: {problem}. It was left as it is.",
        hint=(
            f"No copy beside it can be read. Take the newest of {path.parents[2]}/backups, if there is one; "
            "`modeshift sandbox reset` starts over with an empty sandbox."
        ),
        code=Exit.FAILED,
    )


def _kept(path: Path) -> Path:
    return path.with_suffix(".before")


def _problem(path: Path) -> str | None:
    try:
        read(path)
    except ValueError as error:
        return str(error)
    return None
