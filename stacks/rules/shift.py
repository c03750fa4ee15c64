"""Rules for a service that is on its way from one compute to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stacks.keys import Path
from stacks.rules.base import Finding, Rule, Subject

_ALL: Final = 100
_FEWEST: Final = 2
_GUIDE: Final = "docs/shift.md takes you through a shift"


def shares(subject: Subject) -> Iterator[Finding]:
    """Refuse shares that are not all of a service's traffic, and a shift that moves nothing anywhere."""
    for name, service in subject.settings.services.items():
        if service.shift is None:
            continue
        path: Path = ("services", name, "shift", "weights")
        weights = service.shift.weights
        if len(weights) < _FEWEST:
            yield Finding(
                path=path,
                value=", ".join(weights) or "none",
                why="a shift is between computes, and this names fewer than two",
                allowed="two or more of lambda, fargate, eks, as in {lambda: 90, fargate: 10}",
                fix=f"add the other compute, with 0 if it is to get no traffic yet, or remove shift; {_GUIDE}",
            )
        elif (total := sum(weights.values())) != _ALL:
            yield Finding(
                path=path,
                value=f"{total} in all",
                why="the shares are not all of the service's traffic",
                allowed=f"{_ALL} in all",
            )


def takes_part(subject: Subject) -> Iterator[Finding]:
    """Refuse a shift that leaves out the compute that the service's mode names."""
    for name, service in subject.settings.services.items():
        own = subject.settings.compute_of(name)
        if service.shift is None or not service.shift.weights or own in service.shift.weights:
            continue
        path: Path = ("services", name, "shift", "weights")
        yield Finding(
            path=path,
            value=", ".join(service.shift.weights),
            why=f"the service's own compute is {own}, by its mode, and it takes no part",
            allowed=f"weights with {own} among them",
            fix=f"add {own} with its share, or name one of these with mode or compute",
            reads=(("mode",), ("container", "compute"), ("services", name, "mode"), ("services", name, "compute")),
        )


RULES: Final[tuple[Rule, ...]] = (shares, takes_part)
