"""What can be rehearsed, and how it is written: `shift:lambda→fargate`, `deploy`, `zone-loss`, `spike`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from automation.errors import UserError
from stacks.settings import Compute


class Kind(StrEnum):
    """The changes that can be rehearsed."""

    SHIFT = "shift"
    DEPLOY = "deploy"
    ZONE_LOSS = "zone-loss"
    SPIKE = "spike"


FACTOR = 3.0
"""How many times the steady load a spike is, unless said."""

_MOST = 20.0
_ARROW = re.compile(r"\s*(?:→|->|>)\s*")
_ALLOWED = "shift:lambda→fargate (or ->, between lambda, fargate and eks), deploy, zone-loss, spike, spike:5"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One change: its kind, the computes of a shift, and how many times the load a spike is."""

    kind: Kind
    origin: Compute | None = None
    target: Compute | None = None
    factor: float = FACTOR

    @property
    def words(self) -> str:
        """Return it as it is written: `shift:lambda→fargate`."""
        if self.kind is Kind.SHIFT:
            return f"{self.kind}:{self.origin}→{self.target}"
        return f"{self.kind}:{self.factor:g}" if self.kind is Kind.SPIKE else self.kind.value

    @property
    def sentence(self) -> str:
        """Return what happens in a few words."""
        return {
            Kind.SHIFT: f"services move from {self.origin} to {self.target}",
            Kind.DEPLOY: "a new release is brought up",
            Kind.ZONE_LOSS: "an availability zone is lost",
            Kind.SPIKE: f"{self.factor:g} times the requests come",
        }[self.kind]


def parse(text: str) -> Plan:
    """Return the plan that a text names.

    Raises:
        UserError: it names none.
    """
    name, _, rest = (part.strip() for part in text.strip().lower().partition(":"))
    if name == Kind.SHIFT:
        return _shift(text, rest)
    if name == Kind.SPIKE:
        return Plan(kind=Kind.SPIKE, factor=_factor(rest) if rest else FACTOR)
    if name in set(Kind) and not rest:
        return Plan(kind=Kind(name))
    raise UserError(f"--plan {text} is nothing that can be rehearsed.", hint=f"Plans: {_ALLOWED}.")


def _shift(text: str, rest: str) -> Plan:
    names = _ARROW.split(rest)
    known = {compute.value: compute for compute in Compute}
    if len(names) != len(("origin", "target")) or any(name not in known for name in names):
        raise UserError(
            f"--plan {text} does not say from where to where.",
            hint=f"As in shift:lambda→fargate; computes: {', '.join(known)}.",
        )
    origin, target = (known[name] for name in names)
    if origin is target:
        raise UserError(f"--plan {text} goes nowhere.", hint=f"Name another compute than {origin} behind the arrow.")
    return Plan(kind=Kind.SHIFT, origin=origin, target=target)


def _factor(text: str) -> float:
    found = re.fullmatch(r"[x×]?(\d{1,3}(?:\.\d+)?)[x×]?", text)
    if found is None or not 1 < float(found[1]) <= _MOST:
        raise UserError(
            f"A spike of {text} is none.", hint=f"How many times the load it is, above 1 and up to {_MOST:g}: spike:5."
        )
    return float(found[1])
