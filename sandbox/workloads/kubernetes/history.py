"""What Helm remembers of a release: its revisions, each with the manifest that was installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal[
    "pending-install", "pending-upgrade", "pending-rollback", "deployed", "superseded", "failed", "uninstalling"
]


@dataclass
class Revision:
    """One install, upgrade or rollback."""

    revision: int
    chart: str
    checksum: str
    text: str
    status: Status
    description: str


@dataclass
class History:
    """The revisions of a release, kept in a file so that a new start of the sandbox is no release."""

    file: Path
    attempted: str = ""
    """Checksum of what was asked for last, whatever became of it."""
    revisions: list[Revision] = field(default_factory=list[Revision])

    @classmethod
    def of(cls, file: Path) -> History:
        """Return the history in a file, a new one when there is none that can be read."""
        try:
            known: Mapping[str, Any] = json.loads(file.read_text())
            return cls(file, known["attempted"], [Revision(**one) for one in known["revisions"]])
        except (OSError, ValueError, KeyError, TypeError):
            return cls(file)

    @property
    def deployed(self) -> Revision | None:
        """The revision that counts as running."""
        return next((one for one in reversed(self.revisions) if one.status == "deployed"), None)

    @property
    def interrupted(self) -> bool:
        """Whether what was begun last never came to an end."""
        return bool(self.revisions) and self.revisions[-1].status.startswith("pending")

    def begin(self, chart: str, checksum: str, text: str, status: Status, description: str) -> Revision:
        """Add a revision that is about to be installed."""
        if self.interrupted:
            self.revisions[-1].status, self.revisions[-1].description = "failed", "Interrupted"
        number = max((one.revision for one in self.revisions), default=0) + 1
        made = Revision(number, chart, checksum, text, status, description)
        self.revisions.append(made)
        return made

    def succeed(self, revision: Revision, description: str) -> None:
        """Take note that a revision runs, in the place of the one before."""
        for one in self.revisions:
            if one.status == "deployed":
                one.status = "superseded"
        revision.status, revision.description = "deployed", description

    def keep(self, most: int) -> None:
        """Write it, with no more revisions than are to be kept, the one that is deployed among them."""
        while most and len(self.revisions) > most:
            self.revisions.remove(next(one for one in self.revisions if one is not self.deployed))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".part")
        draft.write_text(
            json.dumps({"attempted": self.attempted, "revisions": [asdict(one) for one in self.revisions]})
        )
        draft.replace(self.file)

    def forget(self) -> None:
        """Delete it."""
        self.attempted, self.revisions = "", []
        self.file.unlink(missing_ok=True)
