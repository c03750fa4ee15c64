"""Where set-up reads from and puts things."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".modeshift"
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements"
TOOLS = ROOT / "tools"


def cache() -> Path:
    """Return the user's cache folder of this project, shared by all its checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modeshift"
