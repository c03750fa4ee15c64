"""Who gets a service's traffic by the stack's last state, and whether a stack file may move it.

While a shift is under way its step and shares are a tag on the production rule. A file that was written before the last
step would move traffic back; it is refused instead, in every preview, `modeshift` or plain `pulumi`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from stacks.errors import Problem, SettingsError
from stacks.keys import dotted
from stacks.load import Resolved
from stacks.settings import ServiceSettings

TAG: Final = "modeshift:shift"
"""Tag of the production rule while a shift is under way."""

_FORM: Final = re.compile(r"step (\d+): (.+)")
_RULE: Final = "aws:lb/listenerRule:ListenerRule"
_STACK: Final = "pulumi:pulumi:Stack"
_ALL: Final = 100


@dataclass(frozen=True)
class Traffic:
    """Who gets a service's traffic, in percent by compute; `step` is there while a shift is under way.

    `rollout` is the strategy by which ECS moves it from version to version, where it does.
    """

    weights: Mapping[str, int]
    step: int | None = None
    rollout: str = ""

    @property
    def shares(self) -> dict[str, int]:
        """Return the computes that get requests."""
        return {compute: weight for compute, weight in self.weights.items() if weight}

    @property
    def tag(self) -> str:
        """Return the text of the tag, as in `step 3: lambda=50 fargate=50`."""
        return f"step {self.step}: {_listed(self.weights)}"

    @classmethod
    def from_tag(cls, text: str) -> Traffic | None:
        """Return what a tag says, nothing where it is not one of ours."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        pairs = [pair.partition("=") for pair in found[2].split()]
        if not all(weight.isdigit() for _, _, weight in pairs):
            return None
        return cls({compute: int(weight) for compute, _, weight in pairs}, int(found[1]))


def wanted(resolved: Resolved, service: str) -> Traffic:
    """Return what the settings say about a service."""
    shift = resolved.settings.services[service].shift
    weights = {compute.value: weight for compute, weight in resolved.settings.computes_of(service).items()}
    return Traffic(weights, None if shift is None else shift.step)


def live_in(stack: str, state: Mapping[str, Any]) -> dict[str, Traffic]:
    """Return who gets the traffic of which service; `state` holds `type` and `outputs` of every resource by its URN."""
    live: dict[str, Traffic] = {}
    for resource in state.values():
        if resource["type"] == _STACK:
            services = resource["outputs"].get("services", {})
            live = {
                name: Traffic({facts["compute"]: _ALL}, rollout=facts.get("rollout", ""))
                for name, facts in services.items()
            }
    for urn, resource in state.items():
        tag = (resource["outputs"].get("tags") or {}).get(TAG) if resource["type"] == _RULE else None
        traffic = None if tag is None else Traffic.from_tag(tag)
        if traffic is not None:
            live[urn.rpartition("::")[2].removeprefix(f"{stack}-")] = traffic
    return live


def settled(resolved: Resolved, live: Mapping[str, Traffic]) -> Resolved:
    """Return a stack as it may be deployed upon what is live: no shift counts back, even where no traffic moves.

    Raises:
        SettingsError: Its file would move traffic that something newer has moved.

    """
    problems = [problem for name in resolved.settings.services for problem in _problems(resolved, name, live.get(name))]
    if problems:
        raise SettingsError(problems, resolved.stack)
    services = {name: _counted(service, live.get(name)) for name, service in resolved.settings.services.items()}
    return replace(resolved, settings=resolved.settings.model_copy(update={"services": services}))


def taken_from_ecs(resolved: Resolved, live: Mapping[str, Traffic]) -> list[str]:
    """Return a warning for each service whose traffic ECS moved until now."""
    return [
        f"{name}: ECS moved its traffic ({there.rollout}) and may have left it at the second target group. Requests "
        "fail until the first one has healthy tasks and the rule points there: bring the stack up at a quiet time, "
        "with --refresh, so that what ECS did to the rule is known."
        for name, there in sorted(live.items())
        if there.rollout and name in resolved.settings.services and not resolved.settings.moved_by_ecs(name)
    ]


def _counted(service: ServiceSettings, live: Traffic | None) -> ServiceSettings:
    if service.shift is None or live is None or live.step is None:
        return service
    step = max(service.shift.step, live.step)
    return service.model_copy(update={"shift": service.shift.model_copy(update={"step": step})})


def _problems(resolved: Resolved, name: str, live: Traffic | None) -> Iterator[Problem]:
    file = wanted(resolved, name)
    if live is None:
        return
    yield from _by_ecs(resolved, name, live)
    if file.shares == live.shares:
        return
    there = _listed(live.shares)
    if live.step is not None:
        if file.step is not None and file.step > live.step:
            return
        resume = f"`modeshift shift --stack {resolved.stack} --resume` writes what is live to the file"
        if file.step is None:
            yield Problem(
                key=dotted(("services", name, "shift")),
                value="not set",
                why=f"a shift is under way, and step {live.step} is live: {there}. "
                f"Without shift this file would move all traffic to {_listed(file.shares)} at once",
                fix=f"{resume}; a shift ends once all traffic is on one compute",
            )
        else:
            yield Problem(
                key=dotted(("services", name, "shift", "step")),
                value=str(file.step),
                why=f"step {live.step} is live: {there}. This file was written before it and would move traffic back "
                f"to {_listed(file.shares)}",
                fix=f"{resume}; to move traffic as this file says all the same, raise step to {live.step + 1}",
            )
    elif file.step is not None:
        begin = {**file.weights, **dict.fromkeys(file.weights, 0), **live.weights}
        yield Problem(
            key=dotted(("services", name, "shift", "weights")),
            value=_listed(file.weights),
            why=f"no shift is under way: all traffic is on {', '.join(live.shares)}, where a shift has to begin. "
            "The one that this file is about may have ended",
            fix=f"remove shift if it has ended; to begin one, write step: 1, weights: {{{_listed(begin, ': ', ', ')}}}",
        )


def _by_ecs(resolved: Resolved, name: str, live: Traffic) -> Iterator[Problem]:
    """Yield what keeps ECS from taking the traffic over: it takes only what is all on tasks, and at rest."""
    strategy = resolved.settings.container.rollout.strategy
    if not resolved.settings.moved_by_ecs(name) or (live.step is None and live.shares == wanted(resolved, name).shares):
        return
    moving = "" if live.step is None else ", in a shift that has not ended"
    yield Problem(
        key=dotted(("container", "rollout", "strategy")),
        value=strategy,
        why=f"{name} is on {', '.join(live.shares)}{moving}. With this strategy ECS has to know the production rule "
        "before there are tasks, and until they are healthy requests would fail",
        allowed="rolling",
        fix=f"move {name} with strategy: rolling first, then set {strategy}",
    )


def _listed(weights: Mapping[str, int], equals: str = "=", between: str = " ") -> str:
    return between.join(f"{compute}{equals}{weight}" for compute, weight in weights.items())
