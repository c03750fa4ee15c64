"""Checkers that no package index has: each built from its module below `tools/`, cached for all checkouts."""

from __future__ import annotations

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
    """A program called as its folder below `tools/`; `packages` is about how many it is built from."""

    name: str
    packages: int

    @property
    def module(self) -> Path:
        """The folder that pins it."""
        return TOOLS / self.name

    def cached(self) -> Path:
        """Return where the program of the pinned version is kept."""
        return cache() / self.name / go.pinned(self.module)[1] / self.name

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
                    f"cmd/{self.name}",
                    draft / self.name,
                    draft,
                    flags=("-ldflags=-s -w",),
                    packages=self.packages,
                    otherwise=_BY_HAND,
                )
                target.parent.mkdir(exist_ok=True)
                (draft / self.name).replace(target)
        return target
