"""What a compute cannot do fails in production, one request at a time: refused before, with the choices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stacks.catalog import MANIFEST, folder_of
from stacks.keys import Path
from stacks.limits import NEEDS, Ability, Limit, limits
from stacks.rules.base import Finding, Rule, Subject
from stacks.settings import Compute, FrontDoorKind


def abilities(subject: Subject) -> Iterator[Finding]:
    """Refuse computes that cannot do what a service's manifest asks for: now, during a shift or after the switch."""
    for name in subject.settings.services:
        manifest = None if subject.catalog is None else subject.catalog.manifest(name)
        if manifest is None:
            continue
        wants = manifest.wants()
        for compute in subject.computes(name):
            for ability, limit in _short(subject, name, compute, wants):
                yield _finding(subject, name, compute, (ability, wants[ability]), limit)


def _short(subject: Subject, name: str, compute: Compute, wants: dict[Ability, int]) -> Iterator[tuple[Ability, Limit]]:
    found = limits(compute, subject.settings.front_door, shared=_shared(subject, name))
    for ability, wanted in wants.items():
        limit = found.get(ability)
        if limit is not None and wanted > limit.most:
            yield ability, limit


def _shared(subject: Subject, name: str) -> bool:
    return len(subject.settings.computes_of(name)) > 1


def _finding(subject: Subject, name: str, compute: Compute, want: tuple[Ability, int], limit: Limit) -> Finding:
    ability, wanted = want
    switched = "" if subject.is_active(name, compute) else " (once the mode changes; the block is in the stack file)"
    path: Path = ("services", name)
    keys = ("mode", "compute", "shift")
    reads: tuple[Path, ...] = (("mode",), ("frontDoor",), ("container", "compute"), *((*path, key) for key in keys))
    return Finding(
        path=path,
        value=f"on {compute}",
        why=f"needs {NEEDS[ability].format(wanted)} by its {MANIFEST}, and {limit.why}{switched}",
        allowed="\n".join(_choices(subject, name, ability, wanted)) or "no compute behind any front door",
        fix=f"or need less, in {folder_of(name)}/{MANIFEST}",
        reads=reads,
    )


def _choices(subject: Subject, name: str, ability: Ability, wanted: int) -> Iterator[str]:
    """Yield what could serve it: behind this front door, else behind another one."""
    door = subject.settings.front_door
    if able := _able(door, ability, wanted):
        yield f"{', '.join(able)} behind {door}"
        if _shared(subject, name) and Compute.LAMBDA in able and not _fits(door, ability, wanted, shared=True):
            yield "a move without shift, in which all requests move at once, once the new compute is healthy"
        return
    for other in (FrontDoorKind.HTTP_API, FrontDoorKind.ALB):
        if other is not door and (able := _able(other, ability, wanted)):
            yield f"{', '.join(able)} behind {other}, which has another URL unless there is a domain"


def _able(door: FrontDoorKind, ability: Ability, wanted: int) -> list[Compute]:
    return [compute for compute in Compute if _fits(door, ability, wanted, compute)]


def _fits(
    door: FrontDoorKind, ability: Ability, wanted: int, compute: Compute = Compute.LAMBDA, *, shared: bool = False
) -> bool:
    limit = limits(compute, door, shared=shared).get(ability)
    return limit is None or wanted <= limit.most


RULES: Final[tuple[Rule, ...]] = (abilities,)
