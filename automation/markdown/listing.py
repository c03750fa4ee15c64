"""The list of changes as lines of a diff, which GitHub colours: one line per resource, then its properties."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

from automation.markdown.escape import VALUE, one_line
from automation.plan import Change, Op, Plan
from automation.plan.diffs import PropertyChange
from automation.plan.noise import noise_of
from automation.plan.remarks import kind, noun, text
from automation.plan.values import Hidden, Value

_CONTEXT = 40


class Detail(IntEnum):
    """How much is shown; what each level leaves out is left out by all after it."""

    ALL = 0
    NO_NOISE = 1
    NO_VALUES_OF_UPDATES = 2
    NO_VALUES = 3
    NO_NAMES = 4
    NO_NOTES = 5
    ESSENCE = 6

    @property
    def leaves_out(self) -> str:
        """Return what a reader is told about the level."""
        return (
            "",
            "tags and hashes",
            "the values of updates",
            "values",
            "the names of what is created or updated",
            "notes",
            "anything but failures, violations, dangers, replacements and deletions",
        )[self]


_SIGN = {Op.CREATE: "+", Op.UPDATE: "!", Op.REPLACE: "-/+", Op.DELETE: "-"}
_RANK = {Op.REPLACE: 0, Op.DELETE: 1, Op.UPDATE: 2, Op.CREATE: 3}


def listing(plan: Plan, detail: Detail, most: int = VALUE) -> list[str]:
    """Return the lines for all changes, component by component; those where something goes come first."""
    groups: dict[str, list[Change]] = {}
    noisy: list[Change] = []
    for change in plan.changed():
        if change.noisy and detail >= Detail.NO_NOISE:
            noisy.append(change)
        else:
            groups.setdefault(plan.component_of(change.urn), []).append(change)
    lines: list[str] = []
    for urn, members in sorted(groups.items(), key=lambda group: (min(_RANK[c.op] for c in group[1]), group[0])):
        lines += ["", *_group(plan, urn, members, detail, most)]
    if noisy:
        kinds = sorted({noise_of(one) for change in noisy for one in change.diff})
        lines += ["", f"# {noun(len(noisy), 'more update')} of nothing but {' and '.join(kinds)}"]
    if same := plan.counts()[Op.SAME]:
        lines += ["", f"# {same} unchanged"]
    return lines[1:]


def heading(change: Change) -> str:
    """Return the line of one resource: what happens to it, and why."""
    what = kind(change.type) if change.custom else f"component {kind(change.type)}"
    line = f"{_SIGN[change.op]} {change.op} {what} {one_line(change.name)}"
    if change.op is Op.REPLACE:
        line += f" because of {', '.join(one_line(cause) for cause in change.causes)}" if change.causes else ""
        line += ", which follows from another replacement" if change.follows else ""
    line += ", which is taken over, not made" if change.imported else ""
    line += ", which stays in AWS" if change.retained and change.op is Op.DELETE else ""
    return line + (": DATA GOES WITH IT" if change.destructive else "")


def _group(plan: Plan, urn: str, members: Sequence[Change], detail: Detail, most: int) -> Iterator[str]:
    top = plan.changes.get(urn)
    named = f"{one_line(top.name)} ({kind(top.type)})" if top else one_line(urn.rsplit("::", 1)[-1])
    tally = Counter(change.op for change in members)
    yield f"@@ {named}: {', '.join(f'{tally[op]} to {op}' for op in _RANK if tally[op])} @@"
    ordered = sorted(members, key=lambda c: (_RANK[c.op], c.custom, c.type, c.name, c.urn))
    if detail >= Detail.NO_NAMES:
        yield from _by_type([c for c in ordered if c.op in {Op.UPDATE, Op.CREATE}])
        ordered = [c for c in ordered if c.op in {Op.REPLACE, Op.DELETE}]
    for change in ordered:
        yield heading(change)
        yield from properties(change, detail, most)


def _by_type(changes: Iterable[Change]) -> Iterator[str]:
    for (op, token), count in Counter((change.op, change.type) for change in changes).items():
        yield f"{_SIGN[op]} {op} {noun(count, kind(token))}"


def properties(change: Change, detail: Detail, most: int = VALUE) -> Iterator[str]:
    """Yield the lines of what changes in a resource."""
    if detail >= (Detail.NO_VALUES_OF_UPDATES if change.op is Op.UPDATE else Detail.NO_VALUES):
        return
    shown = [one for one in change.diff if detail < Detail.NO_NOISE or one.replaces or not noise_of(one)]
    for one in shown:
        yield from _property(one, most)
    if folded := len(change.diff) - len(shown):
        yield f"    {folded} more: tags or hashes"


def _property(one: PropertyChange, most: int) -> Iterator[str]:
    before, after, path = one.before, one.after, one_line(one.path)
    cause = "  # forces the replacement" if one.replaces else ""
    if not one.told or (before is Hidden.SECRET and after is Hidden.SECRET):
        yield f"!     {path}: {'secret, and changes' if one.told else 'changes'}{cause}"
        return
    if _is_plain(before) and _is_plain(after):
        before, after = [item for item in before if item not in after], [item for item in after if item not in before]
    olds, news = _clipped(_literal(before), _literal(after), most)
    if olds:
        yield f"-     {path}: {olds}{'' if news else cause}"
    if news:
        yield f"+     {path}: {news}{cause}"
    if olds == news:
        yield f"!     {path}: another order{cause}"


def _literal(value: Value) -> str:
    """Return a value as JSON writes it, nothing for one that is absent; what is hidden says what it is."""
    if value is None or value == []:
        return ""
    if isinstance(value, Hidden):
        return "a secret" if value is Hidden.SECRET else "known after apply"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else text(value)


def _clipped(before: str, after: str, most: int) -> tuple[str, str]:
    """Return two texts cut to a length, around the first place where they differ."""
    if len(before) <= most and len(after) <= most:
        return before, after
    same = next((i for i, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0)
    start = max(0, same - _CONTEXT)
    cut = [("…" if start else "") + one_line(side[start:], most) if side else "" for side in (before, after)]
    return cut[0], cut[1]


def _is_plain(value: Value) -> bool:
    return isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)
