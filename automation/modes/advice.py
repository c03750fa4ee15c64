"""Which compute to take: the cheapest that can run the service, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from automation.cost.compare import TITLES, BreakEven
from automation.cost.money import plain
from stacks.prices import cents
from stacks.settings import Compute


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One compute as the choice sees it.

    `blockers` are the reasons it cannot run the service. `monthly` is its price at the stack's traffic, None where the
    price sheet lacks something. `parts` names what has to be run for it.
    """

    compute: Compute
    monthly: Decimal | None
    parts: Sequence[str]
    blockers: Sequence[str] = ()


@dataclass(frozen=True)
class Advice:
    """The compute to take, None where none can run the service, and why."""

    compute: Compute | None
    reason: str


def advise(
    service: str, requests: Decimal, candidates: Sequence[Candidate], break_evens: Sequence[BreakEven]
) -> Advice:
    """Recommend the cheapest compute that can run a service; of those that cost the same, the one with fewer parts.

    One without a price is only taken when nothing that can run the service has one.
    """
    able = [one for one in candidates if not one.blockers]
    if not able:
        return Advice(None, f"None of them can run {service}: {_reasons(candidates)}.")
    chosen = min(able, key=_rank)
    others = [one for one in able if one is not chosen]
    parts = [_at_traffic(requests, chosen, others)]
    if cheaper := [one for one in candidates if one.blockers and _is_cheaper(one, chosen)]:
        parts.append(f"{_reasons(cheaper)}, or it would be cheaper")
    if later := _overtaken(chosen, others, requests, break_evens):
        parts.append(later)
    return Advice(chosen.compute, f"{TITLES[chosen.compute]}: {'; '.join(parts)}.")


def _rank(one: Candidate) -> tuple[bool, Decimal, int]:
    return one.monthly is None, Decimal(0) if one.monthly is None else cents(one.monthly), len(one.parts)


def _at_traffic(requests: Decimal, chosen: Candidate, others: Sequence[Candidate]) -> str:
    """Return what speaks for the chosen one, in the figures that decided."""
    if not others:
        return "it is the only one that can run it"
    if chosen.monthly is None:
        return f"nothing here has a price, and it has the fewest moving parts ({_parts(chosen)})"
    cost = cents(chosen.monthly)
    said = [_against(chosen, cost, one) for one in others]
    return f"at {plain(requests)} requests a month it costs {cost:,} USD, {_and(said)}"


def _against(chosen: Candidate, cost: Decimal, other: Candidate) -> str:
    title = TITLES[other.compute]
    if other.monthly is None:
        return f"{title} has no price here"
    if cents(other.monthly) == cost:
        return f"as much as {title}, with {_fewer(chosen, other)}"
    return f"{cents(other.monthly) - cost:,} less than {title}"


def _fewer(chosen: Candidate, other: Candidate) -> str:
    mine, theirs = len(chosen.parts), len(other.parts)
    return f"{mine} moving parts instead of {theirs}" if mine < theirs else f"{theirs} moving parts as well"


def _overtaken(
    chosen: Candidate, others: Sequence[Candidate], requests: Decimal, break_evens: Sequence[BreakEven]
) -> str:
    """Return the traffic from which on another one would be the cheaper one, the nearest of them."""
    able = {one.compute for one in others}
    ahead = [
        (found.requests, found.after)
        for found in break_evens
        if found.before is chosen.compute
        and found.after in able
        and found.requests is not None
        and found.requests > requests
    ]
    if not ahead:
        return ""
    where, after = min(ahead, key=lambda pair: pair[0])
    return f"from {plain(where)} on {TITLES[after]} is cheaper"


def _is_cheaper(one: Candidate, chosen: Candidate) -> bool:
    return one.monthly is not None and chosen.monthly is not None and cents(one.monthly) < cents(chosen.monthly)


def _reasons(candidates: Sequence[Candidate]) -> str:
    return _and([f"{TITLES[one.compute]} cannot ({', '.join(one.blockers)})" for one in candidates])


def _parts(one: Candidate) -> str:
    return ", ".join(one.parts)


def _and(texts: Sequence[str]) -> str:
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last
