"""Programs that no package index has: each built from its module below `tools/`, cached for all checkouts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from automation.toolchain import go
from automation.toolchain.places import TOOLS, cache
from automation.toolchain.work import Steps, drafts

if TYPE_CHECKING:
    from pathlib import Path

_BY_HAND = "Or install Go yourself and run the same command again."


@dataclass(frozen=True)
class GoTool:
    """A program called as its folder below `tools/`; `packages` is about how many it is built from.

    It is what the folder pins or, where `own`, what the folder itself makes of that.
    """

    name: str
    packages: int
    own: bool = False

    @property
    def module(self) -> Path:
        """The folder that pins it."""
        return TOOLS / self.name

    def cached(self) -> Path:
        """Return where the program of the pinned version is kept."""
        version = go.pinned(self.module)[1]
        if self.own:
            source = (self.module / "main.go").read_bytes()
            version = f"{version}-{hashlib.sha256(source).hexdigest()[:12]}"
        return cache() / self.name / version / self.name

    def ensure(self, steps: Steps) -> Path:
        """Build the program unless it is there, and return where it is.

        Raises:
            UserError: it cannot be built.
        """
        target = self.cached()
        if target.is_file():
            return target
        with steps.step(f"{self.name} {target.parent.name}"), drafts(cache() / self.name) as draft:
            if not target.is_file():
                go.build(
                    self.module,
                    "." if self.own else f"cmd/{self.name}",
                    draft / self.name,
                    draft,
                    flags=("-ldflags=-s -w",),
                    packages=self.packages,
                    otherwise=_BY_HAND,
                )
                target.parent.mkdir(exist_ok=True)
                (draft / self.name).replace(target)
        return target
