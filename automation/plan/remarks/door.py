"""What it means when a stack's public entry becomes one of another kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from automation.plan.model import Plan
from automation.plan.remarks.remark import Gravity, Quoted, Remark, Words
from automation.plan.values import Hidden, Value


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield what becomes of the URL, and a warning where services move in the same change."""
    before, after = _text(plan.outputs_before, "frontDoor"), _text(plan.outputs_after, "frontDoor")
    if not before or not after or before == after:
        return
    changes: Words = ("The front door changes from ", Quoted(before), " to ", Quoted(after))
    url = _text(plan.outputs_before, "url")
    if url and url == _text(plan.outputs_after, "url"):
        # The new entry is made and the name led there before the old one goes, but resolvers remember the old one.
        end = "; its name keeps the URL and leads to the new one, which callers may not find for a minute."
        yield Remark("door", Gravity.WARNING, (*changes, end))
    else:
        yield Remark("door", Gravity.DANGER, (*changes, ", and the URL moves with it: the stack has no domain."))
    if _moves(_services(plan.outputs_before), _services(plan.outputs_after)):
        words = "Front door and computes change at once: a fault could be either's, and neither goes back alone."
        yield Remark("door", Gravity.DANGER, (words, " Change the front door in an update of its own."))


def _text(outputs: Mapping[str, Value], name: str) -> str:
    value = outputs.get(name)
    return value if isinstance(value, str) and not isinstance(value, Hidden) else ""


def _services(outputs: Mapping[str, Value]) -> dict[str, Mapping[str, Value]]:
    services = outputs.get("services")
    facts = services.items() if isinstance(services, Mapping) else ()
    return {str(name): fact for name, fact in facts if isinstance(fact, Mapping)}


def _moves(before: Mapping[str, Mapping[str, Value]], after: Mapping[str, Mapping[str, Value]]) -> bool:
    """Tell whether a service that stays changes what runs it, or the shares of a shift."""
    return any(
        name in after and key in facts and key in after[name] and facts[key] != after[name][key]
        for name, facts in before.items()
        for key in ("compute", "traffic")
    )
