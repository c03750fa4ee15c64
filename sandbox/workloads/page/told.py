"""What managers tell of what they run, found by ARN or name in whatever shape each of them tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Entry = Mapping[str, Any]

_MISSING = ("not_simulated", "not simulated")
_NAMES = ("subject", "name", "arn", "id", "resource")


class Told:
    """The descriptions of all managers, by the manager's name."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        self._described = described

    def find(self, manager: str, **keys: object) -> Entry:
        """Return the first thing that a manager tells something of and that has one of these keys; empty if none."""
        wanted = [(name, value) for name, value in keys.items() if value]
        for one in things(self._described.get(manager)):
            if any(one.get(name) == value for name, value in wanted):
                return one
        return {}

    def not_simulated(self) -> list[dict[str, str]]:
        """Return what is not simulated of what, as the managers say it."""
        found: list[dict[str, str]] = []
        for manager, described in sorted(self._described.items()):
            for one in things(described):
                name = next((str(one[key]) for key in _NAMES if one.get(key)), manager)
                for what in (one.get(key) for key in _MISSING):
                    parts = [what] if isinstance(what, str) else what or ()
                    found += [{"name": name, "what": str(part)} for part in parts]
        return found


def things(described: object) -> Iterator[Entry]:
    """Yield everything that has fields of its own, the outer before what is in it."""
    if isinstance(described, Mapping):
        yield described
        for value in described.values():
            yield from things(value)
    elif isinstance(described, list | tuple):
        for value in described:
            yield from things(value)
