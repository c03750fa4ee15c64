"""Rules for how a new version of a service takes over from the old one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.naming import SECOND, fits
from stacks.containers import Strategy
from stacks.keys import Path
from stacks.rules.base import Finding, Rule, Subject
from stacks.words import Compute

_HERE: Final[Path] = ("container", "rollout")
_STRATEGY: Final[Path] = (*_HERE, "strategy")
_SMALLEST_STEP: Final = 3
_STEPS: Final = (Strategy.CANARY, Strategy.LINEAR)
_TARGETS: Final = "aws:lb/targetGroup:TargetGroup"


def strategies(subject: Subject) -> Iterator[Finding]:
    """Refuse settings of a rollout that its strategy does not have."""
    rollout = subject.settings.container.rollout
    if rollout.strategy is Strategy.LINEAR and rollout.percent < _SMALLEST_STEP:
        path: Path = (*_HERE, "percent")
        yield Finding(path=path, why="is less than ECS moves in a step", allowed="3 to 100", nearest="3")
    for key, strategies in (("percent", _STEPS), ("stepMinutes", _STEPS), ("bakeMinutes", tuple(Strategy)[1:])):
        if subject.says(*_HERE, key) and rollout.strategy not in strategies:
            yield Finding(
                path=(*_HERE, key),
                why=f"means nothing to the strategy {rollout.strategy}",
                allowed=f"with strategy {' or '.join(strategies)}",
                fix="set container.rollout.strategy, or remove it",
                reads=(_STRATEGY,),
            )


def moved_by_ecs(subject: Subject) -> Iterator[Finding]:
    """Refuse traffic that ECS moves where a shift moves it, where there is no ECS, or where a name leaves no room."""
    settings = subject.settings
    strategy = settings.container.rollout.strategy
    if strategy is Strategy.ROLLING:
        return
    for name, service in settings.services.items():
        if service.shift is not None:
            yield Finding(
                path=("services", name, "shift"),
                value="",
                why=f"ECS moves the traffic itself with the strategy {strategy}, and two cannot own one rule",
                fix="remove shift, or set container.rollout.strategy: rolling first",
                reads=(_STRATEGY,),
            )
        if Compute.EKS in subject.computes(name):
            yield Finding(
                path=_STRATEGY,
                why=f"{name} runs on EKS, and this strategy is one of ECS",
                allowed="rolling",
                reads=(("container", "compute"), ("services", name, "compute")),
            )
        full = f"{subject.stack}-{name}"
        if Compute.FARGATE in subject.computes(name) and not fits(_TARGETS, f"{full}-{SECOND}"):
            yield Finding(
                path=("services", name),
                value=name,
                why=f"{full}-{SECOND} has {len(full) + 1 + len(SECOND)} characters, too many for the second target "
                f"group that the strategy {strategy} takes",
                allowed=f"a name shorter by {1 + len(SECOND)}",
                reads=(_STRATEGY,),
            )


def canaries(subject: Subject) -> Iterator[Finding]:
    """Refuse a share for a new version of what is no function, or of one that moves."""
    for name, service in subject.settings.services.items():
        if service.canary is None:
            continue
        path: Path = ("services", name, "canary")
        if service.shift is not None:
            why = "a shift moves the requests already, and nobody could tell which of the two made it worse"
            yield Finding(path=path, value="", why=why, allowed="one of canary and shift", fix="remove canary first")
        elif subject.settings.compute_of(name) is not Compute.LAMBDA:
            yield Finding(
                path=path,
                value="",
                why=f"versions of functions have shares, and {name} runs on {subject.settings.compute_of(name)}",
                allowed="container.rollout.strategy: canary on Fargate",
                reads=(("mode",), ("services", name, "mode"), ("services", name, "compute")),
            )


RULES: Final[tuple[Rule, ...]] = (strategies, moved_by_ecs, canaries)
