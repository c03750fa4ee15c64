"""The versions that a stack ran, as the engine's own history of its updates has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automation.cloud import Session
from automation.errors import Exit, UserError
from automation.state import engine_words
from stacks.config import decode
from stacks.keys import Json, Path, look_up

_SHORT = 12


@dataclass(frozen=True, kw_only=True)
class Update:
    """One run of the engine on a stack, and the version of the app that it was about.

    `version` is a commit, empty where none is known; `pinned` tells that the stack file named it, `dirty` that the
    checkout had something uncommitted. `settings` are the stack's of then, as a tree.
    """

    number: int
    kind: str
    succeeded: bool
    version: str
    pinned: bool = False
    dirty: bool = False
    settings: Mapping[str, Json]
    ended: str = ""

    @property
    def name(self) -> str:
        """Return the version as people write it."""
        return self.version[:_SHORT]

    def image_of(self, service: str) -> str | None:
        """Return the image that a service had: that of a release, its own, else the stack's."""
        places: Sequence[Path] = (("release", "images", service), ("services", service, "image"), ("image",))
        return next((image for path in places if isinstance(image := self._said(path), str)), None)

    def _said(self, path: Path) -> Json:
        try:
            return look_up(dict(self.settings), path)
        except KeyError:
            return None


def read_history(session: Session) -> list[Update]:
    """Return what the engine did to a stack, the newest first.

    Raises:
        UserError: the history cannot be read.
    """
    answer = session.engine.query("stack", "history", "--json", "--page-size", "0", "--stack", session.stack)
    if answer.code != 0:
        raise UserError(f"The history of {session.stack} cannot be read.", hint=engine_words(answer), code=Exit.FAILED)
    return [parse(entry) for entry in json.loads(answer.stdout or "[]")]


def parse(entry: Mapping[str, Any]) -> Update:
    """Return one entry of `pulumi stack history --json`; encrypted values have none there and are left out."""
    config = {
        key: said["value"]
        for key, said in (entry.get("config") or {}).items()
        if not said.get("secret") and "value" in said
    }
    settings = decode(config).tree
    environment = entry.get("environment") or {}
    release = settings.get("release")
    pinned = release.get("version") if isinstance(release, Mapping) else None
    return Update(
        number=int(entry.get("version") or 0),
        kind=str(entry.get("kind")),
        succeeded=entry.get("result") == "succeeded",
        version=str(pinned or environment.get("git.head") or ""),
        pinned=bool(pinned),
        dirty=not pinned and environment.get("git.dirty") == "true",
        settings=settings,
        ended=str(entry.get("endTime") or ""),
    )
