"""Changes of tags alone, which are folded: how many, and which tag becomes what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from automation.plan.diffs import PropertyChange, steps
from automation.plan.model import Plan
from automation.plan.remarks.remark import Gravity, Quoted, Remark, becomes, noun, text

_ROOTS = frozenset({"tags", "tagsAll"})
_MOST = 5


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield one sentence per tag that changes the same way, the most frequent first."""
    tally: Counter[tuple[str, str, str]] = Counter()
    for change in plan.changed():
        tally.update({_as_text(one) for one in change.diff if one.root in _ROOTS})
    for (tag, before, after), count in tally.most_common(_MOST):
        words = ("Tag ", Quoted(tag), " ", *becomes(before or None, after or None), f" on {noun(count, 'resource')}.")
        yield Remark("tags", Gravity.NOTE, words)
    if (rest := len(tally) - _MOST) > 0:
        yield Remark("tags", Gravity.NOTE, (f"{noun(rest, 'more tag')} change.",))


def _as_text(change: PropertyChange) -> tuple[str, str, str]:
    path = steps(change.path)
    return ".".join(path[1:]) or path[0], text(change.before), text(change.after)
