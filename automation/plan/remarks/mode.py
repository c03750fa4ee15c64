"""Which services there are, what runs them, and what it means when that changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from automation.plan.model import Op, Plan
from automation.plan.remarks.remark import Gravity, Quoted, Remark, Words, listed
from automation.plan.values import Hidden, Value

_NAMES = {"lambda": "Lambda", "fargate": "Fargate", "eks": "EKS"}
_MEANING = {
    "lambda": (
        "Billed by the request instead of by the hour; idle costs nothing, a first request may wait for a cold start, "
        "and more load is met within seconds."
    ),
    "fargate": (
        "Tasks run all the time and are billed by the hour instead of by the request; there are no cold starts, and "
        "more load is met within minutes."
    ),
    "eks": (
        "Pods run all the time on a cluster that is billed by the hour, with its control plane on top; there are no "
        "cold starts, and more load is met within minutes."
    ),
}
_ROUTES = frozenset({"aws:apigatewayv2/route:Route", "aws:apigateway/stage:Stage", "aws:lb/listenerRule:ListenerRule"})


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield what becomes of the mode and of the services."""
    before, after = _computes(plan.outputs_before), _computes(plan.outputs_after)
    if not after:
        return
    if not before:
        yield Remark("mode", Gravity.NOTE, _first(plan, after))
        return
    if gone := sorted(before.keys() - after.keys()):
        yield Remark("services", Gravity.WARNING, ("Removed: ", *listed(gone), ". Nothing answers at their paths."))
    if new := sorted(after.keys() - before.keys()):
        yield Remark("services", Gravity.NOTE, ("New: ", *listed(new), "."))
    yield from _moves(plan, before, after)


def mode_of(outputs: Mapping[str, Value]) -> str:
    """Return a stack's mode as its outputs tell it, nothing where they do not."""
    mode = outputs.get("mode")
    return mode if isinstance(mode, str) and not isinstance(mode, Hidden) else ""


def _first(plan: Plan, services: Mapping[str, str]) -> Words:
    mode = mode_of(plan.outputs_after)
    parts: Words = ("First deployment", *((", in mode ", Quoted(mode)) if mode else ()), ": ")
    return (*parts, *_on(services), ".")


def _moves(plan: Plan, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Remark]:
    moves: dict[tuple[str, str], list[str]] = defaultdict(list)
    # What a shift does has sentences of its own.
    shifted = shifting(plan.outputs_before) | shifting(plan.outputs_after)
    for name in sorted(before.keys() & after.keys() - shifted):
        if before[name] != after[name]:
            moves[before[name], after[name]].append(name)
    old, new = mode_of(plan.outputs_before), mode_of(plan.outputs_after)
    switched: Words = ("Mode changes from ", Quoted(old), " to ", Quoted(new), ". ") if old and old != new else ()
    if switched and not moves:
        each = "No request moves with it." if shifted else "No service moves: each names what it runs on itself."
        yield Remark("mode", Gravity.NOTE, (*switched, each))
    for (source, target), names in moves.items():
        verb = "moves" if len(names) == 1 else "move"
        move = (*listed(names), f" {verb} from {compute_name(source)} to {compute_name(target)}. ")
        yield Remark("mode", Gravity.WARNING, (*switched, *move, _MEANING.get(target, ""), *_what_stays(plan)))
        switched = ()


def _what_stays(plan: Plan) -> Words:
    """Return what a reviewer fears and this plan does not do, each said only where the plan shows it."""
    moved = any(change.type in _ROUTES and change.op is Op.UPDATE for change in plan.changed())
    over = (" Requests move over once the new side is ready.",) if moved and _ran(plan) else ()
    return (*over, *unharmed(plan))


def unharmed(plan: Plan) -> Words:
    """Return what outlives a move, each said only where the plan shows it."""
    said: list[str] = []
    if not _ran(plan):
        return ()
    url = plan.outputs_after.get("url")
    if isinstance(url, str) and not isinstance(url, Hidden) and url == plan.outputs_before.get("url"):
        said.append(" The URL stays.")
    if not any(change.destructive for change in plan.changed()):
        said.append(" Nothing that holds data is replaced or deleted.")
    return tuple(said)


def _ran(plan: Plan) -> bool:
    return plan.result == "succeeded"


def services_of(outputs: Mapping[str, Value]) -> dict[str, Mapping[str, Value]]:
    """Return what a stack's outputs say of its services, of those of which they name the compute."""
    services = outputs.get("services")
    if not isinstance(services, Mapping):
        return {}
    said = {str(name): facts for name, facts in services.items() if isinstance(facts, Mapping)}
    return {name: facts for name, facts in said.items() if isinstance(facts.get("compute"), str)}


def shifting(outputs: Mapping[str, Value]) -> set[str]:
    """Return the services that share their traffic between computes."""
    return {name for name, facts in services_of(outputs).items() if facts.get("step") is not None}


def compute_name(compute: str) -> str:
    """Return what people call a compute."""
    return _NAMES.get(compute, compute)


def _computes(outputs: Mapping[str, Value]) -> dict[str, str]:
    return {name: str(facts["compute"]) for name, facts in services_of(outputs).items()}


def _on(services: Mapping[str, str]) -> Iterator[str]:
    by_compute: dict[str, list[str]] = defaultdict(list)
    for name, compute in sorted(services.items()):
        by_compute[compute].append(name)
    for position, (compute, names) in enumerate(sorted(by_compute.items())):
        yield from ("; " if position else "", *listed(names), f" on {compute_name(compute)}")
