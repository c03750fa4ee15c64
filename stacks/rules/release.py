"""Rules for a stack that was rolled back to an earlier version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stacks.errors import nearest
from stacks.rules.base import Finding, Rule, Subject
from stacks.settings import Compute

_WAY_ON: Final = "take a version whose images are known with `modeshift rollback`, or remove release"


def images_of_release(subject: Subject) -> Iterator[Finding]:
    """Refuse an earlier version that names no image for what runs in a container, or one for no service."""
    settings = subject.settings
    if settings.release is None:
        return
    for name in settings.release.images:
        if name not in settings.services:
            yield Finding(
                path=("release", "images", name),
                value=name,
                why="is no service of this stack",
                allowed=", ".join(settings.services),
                nearest=nearest(name, settings.services),
            )
    for name in settings.services:
        contained = any(compute is not Compute.LAMBDA for compute in settings.computes_of(name))
        if contained and name not in settings.release.images:
            yield Finding(
                path=("release", "images"),
                value=", ".join(settings.release.images) or "none",
                why=f"{name} runs in a container, and the release names no image of it",
                allowed="an image by digest for each service in a container",
                fix=_WAY_ON,
                reads=(
                    ("mode",),
                    ("services", name, "mode"),
                    ("services", name, "compute"),
                    ("services", name, "shift"),
                ),
            )


RULES: Final[tuple[Rule, ...]] = (images_of_release,)
