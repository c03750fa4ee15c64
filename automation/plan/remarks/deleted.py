"""What is deleted: components with all they hold, and what is deleted on its own."""

from __future__ import annotations

from collections.abc import Iterator

from automation.plan.model import Change, Op, Plan
from automation.plan.remarks.data import ALSO_LOST
from automation.plan.remarks.remark import Gravity, Quoted, Remark, kind, listed, noun

_MOST_TYPES = 6


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield one sentence per component that goes, and one for all that goes alone and has no sentence of its own."""
    deleted = [change for change in plan.changed() if change.op is Op.DELETE]
    whole: dict[str, list[Change]] = {change.urn: [] for change in deleted if not change.custom}
    alone: dict[str, list[Change]] = {}
    for change in (change for change in deleted if change.custom):
        top = plan.component_of(change.urn)
        if top in whole:
            whole[top].append(change)
        elif change.type not in ALSO_LOST and not change.destructive:
            alone.setdefault(change.type, []).append(change)
    for urn, members in whole.items():
        if members:
            top = plan.changes[urn]
            held = noun(len(members), "resource")
            words = (f"{kind(top.type)} ", Quoted(top.name), f" is deleted, with {held} in it.")
            yield Remark("deleted", Gravity.WARNING, words, [urn, *(c.urn for c in members)])
    if alone:
        said: list[str] = ["Deleted"]
        for position, (token, members) in enumerate(list(alone.items())[:_MOST_TYPES]):
            said += ["; " if position else ": ", f"{kind(token)} ", *listed(c.name for c in members)]
        if (rest := len(alone) - _MOST_TYPES) > 0:
            said.append(f"; and {noun(rest, 'more type')} of resources")
        urns = [c.urn for members in alone.values() for c in members]
        yield Remark("deleted", Gravity.WARNING, (*said, "."), urns)
