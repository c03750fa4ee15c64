"""How a service's traffic moves between its computes, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from automation.plan.model import Op, Plan
from automation.plan.remarks.mode import compute_name, services_of, shifting, unharmed
from automation.plan.remarks.remark import Gravity, Quoted, Remark
from automation.plan.values import Value

_RULE = "aws:lb/listenerRule:ListenerRule"

Shares = Mapping[str, int]


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield what becomes of each service that is on its way, or sets out, or arrives."""
    before, after = services_of(plan.outputs_before), services_of(plan.outputs_after)
    begun, going = shifting(plan.outputs_before), shifting(plan.outputs_after)
    for name in sorted(before.keys() & after.keys() & (begun | going)):
        old, new = _shares(before[name]), _shares(after[name])
        if name not in begun:
            beside = _names(sorted(new.keys() - old.keys()))
            words = ("A shift of ", Quoted(name), f" begins: {beside} beside {_names(old)}. ", _moves(old, new))
            yield Remark("shift", Gravity.WARNING, (*words, *unharmed(plan)))
        elif name not in going:
            gone = _names(sorted(old.keys() - new.keys()))
            words = ("The shift of ", Quoted(name), f" ends: {gone} goes. ", _moves(old, new))
            yield Remark("shift", Gravity.WARNING, (*words, *unharmed(plan)))
        elif old != new:
            words = ("Traffic of ", Quoted(name), ": ", _moves(old, new, by=_in_place(plan, name)))
            yield Remark("shift", Gravity.WARNING, words)


def _moves(old: Shares, new: Shares, *, by: str = "") -> str:
    """Return where traffic rises, as the end of a sentence."""
    rising = [compute for compute in new if new[compute] > old.get(compute, 0)]
    if not rising:
        return "No traffic moves."
    moves = [f"{old.get(compute, 0)} % → {new[compute]} % on {compute_name(compute)}" for compute in rising]
    return f"{', '.join(moves)}{by}."


def _in_place(plan: Plan, name: str) -> str:
    """Say that nothing but the rule takes part, where the plan shows it."""
    rule = [change for change in plan.changed() if change.type == _RULE and change.name == f"{plan.stack}-{name}"]
    return " (listener rule changed in place)" if [change.op for change in rule] == [Op.UPDATE] else ""


def _shares(facts: Mapping[str, Value]) -> Shares:
    traffic = facts.get("traffic")
    if not isinstance(traffic, Mapping):
        return {str(facts["compute"]): 100}
    return {compute: int(share) for compute, share in traffic.items() if isinstance(share, int | float)}


def _names(computes: Iterable[str]) -> str:
    return " and ".join(compute_name(compute) for compute in computes)
