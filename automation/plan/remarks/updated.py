"""What changes in place, with its values; tags, hashes and digests have sentences of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from automation.plan.diffs import PropertyChange
from automation.plan.model import Change, Op, Plan
from automation.plan.noise import noise_of
from automation.plan.remarks.permissions import DOCUMENTS
from automation.plan.remarks.remark import Gravity, Quoted, Remark, Words, becomes, kind, noun
from automation.plan.values import Hidden

_MOST_RESOURCES = 8
_MOST_PROPERTIES = 4


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield what each resource gets; what only passes on what others become is left to the list of all changes."""
    updated = [(change, own) for change in plan.changed() if change.op is Op.UPDATE and (own := _own(change))]
    for change, own in updated[:_MOST_RESOURCES]:
        words = (f"{kind(change.type)} ", Quoted(change.name), ": ", *_said(own), ".")
        yield Remark("updated", Gravity.NOTE, words, [change.urn])
    if (rest := len(updated) - _MOST_RESOURCES) > 0:
        words = (f"{noun(rest, 'more resource')} change in place.",)
        yield Remark("updated", Gravity.NOTE, words, [change.urn for change, _ in updated[_MOST_RESOURCES:]])


def _own(change: Change) -> list[PropertyChange]:
    told = DOCUMENTS.get(change.type, ())
    return [
        one for one in change.diff if one.after is not Hidden.UNKNOWN and one.root not in told and not noise_of(one)
    ]


def _said(own: Sequence[PropertyChange]) -> Iterator[str]:
    for position, one in enumerate(own[:_MOST_PROPERTIES]):
        yield from _property(one, first=not position)
    if (rest := len(own) - _MOST_PROPERTIES) > 0:
        yield f"; and {noun(rest, 'more property', 'more properties')}"


def _property(one: PropertyChange, *, first: bool) -> Words:
    return (*(() if first else ("; ",)), Quoted(one.path), " ", *becomes(one.before, one.after))
