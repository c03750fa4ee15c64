"""The three computes for one service of a stack: everything that `modeshift modes` shows, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from automation.cost.compare import Comparison
from automation.cost.usage import Usage
from automation.modes import traits
from automation.modes.advice import Advice, Candidate, advise
from stacks.load import Resolved
from stacks.prices import cents
from stacks.settings import Compute, FrontDoorKind


@dataclass(frozen=True, kw_only=True)
class Column:
    """One compute. `idle` and `monthly` are None where the price sheet lacks something.

    `blockers` are the reasons the service cannot run there. Of a move to it, `before` is what the stack file has to say
    first, and `brings` what comes with it.
    """

    compute: Compute
    share: int
    """Percent of the traffic that the stack file gives it."""
    limits: Mapping[str, str]
    warm: str
    cold: str
    availability: str
    promised: str
    parts: Sequence[str]
    idle: Decimal | None
    monthly: Decimal | None
    blockers: Sequence[str]
    before: Sequence[str]
    brings: Sequence[str]

    def document(self) -> dict[str, Any]:
        return {
            "share": self.share,
            "limits": dict(self.limits),
            "latency": {"warm": self.warm, "cold": self.cold},
            "availability": {"here": self.availability, "promisedByAws": self.promised},
            "movingParts": list(self.parts),
            "monthly": {"idle": _amount(self.idle), "atTraffic": _amount(self.monthly)},
            "cannotRun": list(self.blockers),
            "before": list(self.before),
            "brings": list(self.brings),
        }


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A service on each compute, the one to take, and what the figures rest on."""

    stack: str
    service: str
    front_door: FrontDoorKind
    requests: Decimal
    columns: Sequence[Column]
    advice: Advice
    assumptions: Sequence[str]

    @property
    def home(self) -> Compute:
        """Return the compute that has most of the traffic."""
        return max(self.columns, key=lambda column: column.share).compute

    def move(self, compute: Compute) -> str:
        """Return the command that moves the service to a compute."""
        return f"modeshift shift --stack {self.stack} --service {self.service} --to {compute}"

    def document(self) -> dict[str, Any]:
        """Return everything as JSON's plain types."""
        recommended = self.advice.compute
        return {
            "stack": self.stack,
            "service": self.service,
            "frontDoor": self.front_door.value,
            "requests": int(self.requests),
            "computes": {column.compute.value: column.document() for column in self.columns},
            "recommended": None if recommended is None else recommended.value,
            "why": self.advice.reason,
            "move": None if recommended in {None, self.home} else self.move(Compute(recommended)),
            "assumptions": list(self.assumptions),
        }


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What a compute can do for a service, by the rules of the stack: limits, what rules it out, what is missing."""

    limits: Mapping[str, str]
    blockers: Sequence[str] = ()
    before: Sequence[str] = ()


def survey(
    resolved: Resolved, service: str, abilities: Mapping[Compute, Abilities], comparison: Comparison, usage: Usage
) -> Survey:
    """Put the computes side by side and recommend one."""
    settings, requests = resolved.settings, comparison.requests
    door = settings.front_door
    columns = [
        Column(
            compute=compute,
            share=settings.computes_of(service).get(compute, 0),
            limits=able.limits,
            warm=traits.warm(compute, door),
            cold=traits.cold(compute, settings, usage, service),
            availability=traits.availability(compute, settings, service),
            promised=traits.UPTIME[compute],
            parts=traits.parts(compute, door),
            idle=_cost(comparison, compute, Decimal(0)),
            monthly=_cost(comparison, compute, requests),
            blockers=able.blockers,
            before=able.before,
            brings=traits.move(compute, settings),
        )
        for compute, able in abilities.items()
    ]
    candidates = [
        Candidate(compute=one.compute, monthly=one.monthly, parts=one.parts, blockers=one.blockers) for one in columns
    ]
    return Survey(
        stack=resolved.stack,
        service=service,
        front_door=door,
        requests=requests,
        columns=columns,
        advice=advise(service, requests, candidates, comparison.break_evens),
        assumptions=(*comparison.assumptions, comparison.caption),
    )


def _cost(comparison: Comparison, compute: Compute, requests: Decimal) -> Decimal | None:
    cost = comparison.costs.get(compute)
    return None if cost is None else cost(requests)


def _amount(cost: Decimal | None) -> str | None:
    return None if cost is None else str(cents(cost))
