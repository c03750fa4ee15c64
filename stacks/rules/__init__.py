"""Rules across settings: what no single setting can know. Every rule sees the whole stack and names every fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stacks.errors import Problem
from stacks.keys import Path, within
from stacks.rules import (
    base,
    databases,
    frontdoor,
    gateway,
    kubernetes,
    limits,
    links,
    network,
    reach,
    release,
    rollout,
    routes,
    scaling,
    service,
    shift,
    sizes,
    stack,
    triggers,
)

__all__ = ["findings"]

RULES: Final[tuple[base.Rule, ...]] = (
    *stack.RULES,
    *frontdoor.RULES,
    *gateway.RULES,
    *kubernetes.RULES,
    *limits.RULES,
    *links.RULES,
    *databases.RULES,
    *triggers.RULES,
    *network.RULES,
    *reach.RULES,
    *release.RULES,
    *rollout.RULES,
    *routes.RULES,
    *service.RULES,
    *shift.RULES,
    *sizes.RULES,
    *scaling.RULES,
)


def findings(subject: base.Subject, failed: set[Path]) -> Iterator[tuple[Path, Problem]]:
    """Yield what the rules object to, besides what follows from a setting that could not be used."""
    for rule in RULES:
        for finding in rule(subject):
            reads = (finding.path, *finding.reads)
            if not any(within(path, lost) for path in reads for lost in failed):
                yield finding.path, finding.problem(subject.tree)
