"""What is lost with a resource, and which guards against losing it are lowered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from automation.plan.diffs import at
from automation.plan.model import Change, Op, Plan
from automation.plan.remarks.remark import Gravity, Quoted, Remark, Words, because, kind, listed

# Not what cannot be made again, but what somebody may still want to read.
ALSO_LOST: Mapping[str, str] = {
    "aws:cloudwatch/logGroup:LogGroup": "the log lines",
    "aws:cognito/userPool:UserPool": "the people registered",
    "aws:ebs/volume:Volume": "the files",
    "aws:sqs/queue:Queue": "the messages waiting",
}
_MOST_LOST = 20
_Guard = tuple[str, Callable[[Any], bool], str]
_GUARDS: tuple[_Guard, ...] = (
    ("deletionProtection", lambda value: value is True, "can be deleted from now on"),
    ("deletionProtectionEnabled", lambda value: value is True, "can be deleted from now on"),
    ("enableDeletionProtection", lambda value: value is True, "can be deleted from now on"),
    ("forceDestroy", lambda value: value is not True, "is deleted even with something in it from now on"),
    ("forceDelete", lambda value: value is not True, "is deleted even with something in it from now on"),
    ("skipFinalSnapshot", lambda value: value is not True, "leaves no snapshot behind from now on"),
    ("backupRetentionPeriod", lambda value: value != 0, "is no longer backed up"),
    ("pointInTimeRecovery.enabled", lambda value: value is True, "can no longer be put back to an earlier moment"),
)


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield what is lost, gravest first."""
    changed = plan.changed()
    groups: dict[tuple[str, Op, tuple[str, ...]], list[Change]] = {}
    for change in changed:
        if change.destructive:
            groups.setdefault((change.type, change.op, tuple(change.causes)), []).append(change)
        elif change.retained and change.op is Op.DELETE:
            words = (*_named(change), " stays in AWS and is no longer managed.")
            yield Remark("data", Gravity.WARNING, words, [change.urn])
    for (token, op, causes), members in groups.items():
        plural, verb, them = ("s", "are", "them") if len(members) > 1 else ("", "is", "it")
        names = listed((c.name for c in members), _MOST_LOST)
        end = f", and the data goes with {them}."
        words = (f"{kind(token)}{plural} ", *names, f" {verb} {op}d", *because(causes), end)
        yield Remark("data", Gravity.DANGER, words, [c.urn for c in members])
    if guarded := [change for change in changed if change.protected and change.op in {Op.DELETE, Op.REPLACE}]:
        words = ("The engine will refuse to delete ", *listed(c.name for c in guarded), ", which is protected.")
        yield Remark("guards", Gravity.WARNING, words, [c.urn for c in guarded])
    for token, what in ALSO_LOST.items():
        lost = [c for c in changed if c.type == token and c.op in {Op.DELETE, Op.REPLACE} and not c.retained]
        if lost:
            plural, them = ("s", "them") if len(lost) > 1 else ("", "it")
            words = (f"{kind(token)}{plural} ", *listed(c.name for c in lost), f": {what} in {them} are deleted too.")
            yield Remark("data", Gravity.WARNING, words, [c.urn for c in lost])
    for change in plan.changes.values():
        yield from _lowered(change)


def _lowered(change: Change) -> Iterator[Remark]:
    if change.unprotected and change.op is not Op.DELETE:
        words = (*_named(change), " is no longer protected by the engine.")
        yield Remark("guards", Gravity.WARNING, words, [change.urn])
    if change.op is not Op.UPDATE:
        return
    for path, guards, meaning in _GUARDS:
        before, after = at(change.before, path), at(change.after, path)
        if before is not None and guards(before) and not guards(after):
            yield Remark("guards", Gravity.WARNING, (*_named(change), f" {meaning}."), [change.urn])


def _named(change: Change) -> Words:
    return (f"{kind(change.type)} ", Quoted(change.name))
