"""What is replaced and which property causes it; what only follows is counted."""

from __future__ import annotations

from collections.abc import Iterator

from automation.plan.model import Change, Op, Plan
from automation.plan.remarks.databases import MIGRATION
from automation.plan.remarks.downtime import NETWORK
from automation.plan.remarks.remark import Gravity, Quoted, Remark, Words, because, kind, listed, noun

# Replacing these is how they are changed: nothing is gone in between and nothing is lost.
_REVISIONS = {
    "aws:apigateway/deployment:Deployment": "met by callers when its stage turns to it",
    "aws:ecs/taskDefinition:TaskDefinition": "rolled out by its service",
    "aws:lambda/layerVersion:LayerVersion": "rolled out by its service",
}


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield one sentence per cause, and one for all that follow from other replacements."""
    replaced = [change for change in plan.changed() if change.op is Op.REPLACE and not _is_said_elsewhere(change)]
    groups: dict[tuple[str, tuple[str, ...]], list[Change]] = {}
    for change in replaced:
        if not change.follows:
            groups.setdefault((change.type, tuple(change.causes)), []).append(change)
    for (token, causes), members in groups.items():
        yield Remark("replaced", _gravity(token), _because(token, causes, members), [c.urn for c in members])
    if following := [change for change in replaced if change.follows]:
        verb = "is" if len(following) == 1 else "are"
        words = (noun(len(following), "more resource"), f" {verb} replaced only because of what they depend on.")
        if len(following) == 1:
            words = (f"{kind(following[0].type)} ", Quoted(following[0].name), " is replaced with what it depends on.")
        yield Remark("replaced", Gravity.WARNING, words, [c.urn for c in following])


def _is_said_elsewhere(change: Change) -> bool:
    return change.destructive or change.type in {NETWORK, MIGRATION}


def _gravity(token: str) -> Gravity:
    return Gravity.NOTE if token in _REVISIONS else Gravity.WARNING


def _because(token: str, causes: tuple[str, ...], members: list[Change]) -> Words:
    many = len(members) > 1
    subject = (f"{noun(len(members), kind(token))}: " if many else f"{kind(token)} ", *listed(c.name for c in members))
    end = f", as every change of it is: a new revision, {_REVISIONS[token]}." if token in _REVISIONS else "."
    return (*subject, " are replaced" if many else " is replaced", *because(causes), end)
