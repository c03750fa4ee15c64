"""What a rule sees and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from stacks.catalog import Catalog, Need
from stacks.errors import Problem, show
from stacks.keys import Json, Path, dotted, holds, look_up
from stacks.settings import Compute, Mode, StackSettings

COMPUTES: Final = {Mode.SERVERLESS: (Compute.LAMBDA,), Mode.CONTAINER: (Compute.FARGATE, Compute.EKS)}
"""What a mode can resolve to."""


@dataclass(frozen=True)
class Subject:
    """A stack under examination: its settings, and which of them its file says itself."""

    stack: str
    region: str
    settings: StackSettings
    given: Mapping[str, Json]
    neighbours: Mapping[str, str] = field(default_factory=dict[str, str])
    catalog: Catalog | None = None

    @property
    def is_prod(self) -> bool:
        """Return whether the rules of production apply."""
        return self.settings.environment == "prod"

    def says(self, *path: str | int) -> bool:
        """Return whether the stack file itself sets something, or part of it."""
        return holds(dict(self.given), path)

    def computes(self, service: str) -> tuple[Compute, ...]:
        """Return what a service must be able to run on: what runs it now, and what one word would switch it to.

        The other block counts when the stack file holds it and the service does not pin its mode. A compute that is
        not one of the mode's counts for nothing: it is a mistake of its own.
        """
        settings = self.settings
        active, own = tuple(settings.computes_of(service)), settings.services[service]
        if own.compute is not None and own.compute not in COMPUTES[settings.mode_of(service)]:
            return ()
        if own.mode is not None or own.compute is not None:
            return active
        other = Compute.LAMBDA if settings.mode is Mode.CONTAINER else settings.container.compute
        stays = other in active or not self.says(Mode.SERVERLESS if other is Compute.LAMBDA else Mode.CONTAINER)
        return active if stays else (*active, other)

    def is_active(self, service: str, compute: Compute) -> bool:
        """Return whether a service runs on a compute now, rather than after a switch."""
        return compute in self.settings.computes_of(service)

    def needs(self, service: str, need: Need) -> bool:
        """Return whether a service's manifest says that it needs something."""
        manifest = None if self.catalog is None else self.catalog.manifest(service)
        return manifest is not None and need in manifest.needs

    @cached_property
    def tree(self) -> Json:
        """Return the settings as a stack file would write them."""
        return self.settings.model_dump(mode="json", by_alias=True)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a rule objects to. `reads` are the settings it went by: a finding is dropped when one was unusable."""

    path: Path
    why: str
    allowed: str = ""
    nearest: str = ""
    fix: str = ""
    value: str | None = None
    reads: tuple[Path, ...] = ()

    def problem(self, tree: Json) -> Problem:
        """Return the finding as a person gets it."""
        value = self.value
        if value is None:
            value = show(self.path, look_up(tree, self.path)) if holds(tree, self.path) else ""
        return Problem(
            key=dotted(self.path), value=value, why=self.why, allowed=self.allowed, nearest=self.nearest, fix=self.fix
        )


Rule = Callable[[Subject], Iterator[Finding]]


def closest(value: int, choices: tuple[int, ...]) -> str:
    """Return the number among choices nearest to a value."""
    return str(min(choices, key=lambda choice: abs(choice - value)))
