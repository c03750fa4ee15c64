"""What of ECS outlives the process that plays it: counts, and the deployments that can be gone back to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read(file: Path) -> dict[str, Any]:
    """Return what was kept; nothing when the file is not there, or is none of ours."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(file: Path, kept: Mapping[str, Any]) -> None:
    """Keep it, for the owner's eyes only, whole or not at all."""
    draft = file.with_suffix(".part")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        json.dump(kept, output)
    draft.replace(file)
