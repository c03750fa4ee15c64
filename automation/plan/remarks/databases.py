"""What happens to data that is no loss: a database made of another, taken over, upgraded, or brought up to date."""

from __future__ import annotations

from collections.abc import Iterator

from automation.plan.diffs import at
from automation.plan.model import Change, Op, Plan
from automation.plan.remarks.remark import Gravity, Quoted, Remark, Words, kind, listed, said
from components.stateful import STATEFUL_TYPES

_DATABASE = "aws:rds/instance:Instance"
MIGRATION = "aws:lambda/invocation:Invocation"


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield what is restored, upgraded and taken over, and which migrations run."""
    changed = plan.changed()
    for change in changed:
        if change.type == _DATABASE:
            yield from _database(change)
    taken = [change for change in changed if change.imported and change.type in STATEFUL_TYPES]
    for change in taken:
        how = "as it is" if change.op is Op.CREATE else "and is changed in place"
        words = (f"{kind(change.type)} ", Quoted(change.name), f", which exists, becomes part of the stack {how}.")
        yield Remark("data", Gravity.WARNING, words, [change.urn])
    if running := [change for change in changed if change.type == MIGRATION and change.op is not Op.DELETE]:
        words = (
            "The migrations ",
            *listed(change.name for change in running),
            " run before anything else of their service changes. If they fail, what runs now goes on running.",
        )
        yield Remark("migration", Gravity.NOTE, words, [change.urn for change in running])


def _database(change: Change) -> Iterator[Remark]:
    moment = at(change.after, "restoreToPointInTime.restoreTime")
    named = (f"{kind(change.type)} ", Quoted(change.name))
    if change.op is Op.CREATE and moment is not None:
        source = at(change.after, "restoreToPointInTime.sourceDbInstanceIdentifier")
        words: Words = (
            *named,
            " is made of ",
            said(source),
            " as it was at ",
            said(moment),
            ", and used from then on. What was written later stays in the old one alone.",
        )
        yield Remark("data", Gravity.WARNING, words, [change.urn])
    if change.op is not Op.UPDATE:
        return
    before, after = (str(inputs.get("engineVersion", "")).partition(".")[0] for inputs in (change.before, change.after))
    if before and after and before != after:
        words = (*named, " goes from PostgreSQL ", Quoted(before), " to ", Quoted(after))
        end = ": it does not answer for minutes, and the way back is a restore."
        yield Remark("data", Gravity.WARNING, (*words, end), [change.urn])
