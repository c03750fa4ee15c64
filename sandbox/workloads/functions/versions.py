"""The published versions of functions: the account knows the newest, and callers may be sent to one before it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from sandbox.control.account import Resource
from sandbox.workloads.functions.settings import LATEST, Version

_KEPT = 5


class Versions:
    """What the account said of each version when it was published, in files that outlive this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, resource: Resource) -> dict[str, Version]:
        """Remember what the account says now; return all versions that are known of the function."""
        latest = Version(resource, LATEST)
        place = self._folder / latest.name
        number = str(resource.outputs.get("version") or LATEST)
        if number.isdecimal():
            published = Version(resource, number)
            known = _read(place / f"{number}.json")
            if known is None or known.fingerprint != published.fingerprint or known.arn != published.arn:
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
                draft = place / f"{number}.part"
                draft.write_text(json.dumps(asdict(resource)))
                draft.replace(place / f"{number}.json")
        found = [version for file in place.glob("*.json") if (version := _read(file)) is not None]
        return {LATEST: latest, **{version.number: version for version in found}}

    def drop(self, name: str, versions: Collection[str], used: Collection[str]) -> None:
        """Forget the oldest versions that nobody is sent to."""
        numbers = sorted((one for one in versions if one.isdecimal()), key=int)
        for number in [one for one in numbers[:-_KEPT] if one not in used]:
            (self._folder / name / f"{number}.json").unlink(missing_ok=True)

    def forget(self, names: Collection[str]) -> None:
        """Forget the functions that are not among these."""
        for place in self._folder.glob("*"):
            if place.name not in names:
                shutil.rmtree(place, ignore_errors=True)


def _read(file: Path) -> Version | None:
    try:
        return Version(Resource(**json.loads(file.read_text())), file.stem)
    except (OSError, ValueError, TypeError):
        return None
