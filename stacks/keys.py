"""Where a setting is: a path inside a stack's settings, and the key a person reads and writes."""

from __future__ import annotations

from typing import TypeAlias

PROJECT = "modeshift"
REGION_KEY = "aws:region"

Path: TypeAlias = tuple[str | int, ...]
"""`("services", "users", "route")`; a first part with a colon is a key of another namespace."""

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def dotted(path: Path) -> str:
    """Return the key of a path, as in `modeshift:network.endpoints[2]`."""
    first, *rest = path
    key = str(first) if ":" in str(first) else f"{PROJECT}:{first}"
    return key + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)


def within(path: Path, ancestor: Path) -> bool:
    """Return whether `path` is `ancestor` or lies below it."""
    return path[: len(ancestor)] == ancestor


def look_up(tree: Json, path: Path) -> Json:
    """Return what stands at a path.

    Raises:
        KeyError: nothing stands there.
    """
    for part in path:
        if isinstance(tree, dict) and part in tree:
            tree = tree[str(part)]
        elif isinstance(tree, list) and isinstance(part, int) and 0 <= part < len(tree):
            tree = tree[part]
        else:
            raise KeyError(path)
    return tree


def holds(tree: Json, path: Path) -> bool:
    """Return whether something stands at a path."""
    try:
        look_up(tree, path)
    except KeyError:
        return False
    return True
