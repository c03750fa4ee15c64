"""All stacks as one comment that always fits, and as a full text in parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from automation.markdown.escape import code, html_code, size, table
from automation.markdown.extras import UNKNOWN, difference, money
from automation.markdown.fit import fit, split
from automation.markdown.inputs import Basis, StackReport
from automation.markdown.listing import Detail
from automation.markdown.section import Section
from automation.plan import Op
from automation.plan.remarks import noun
from automation.plan.remarks.mode import mode_of

COMMENT_LIMIT = 65_536
"""What GitHub takes, in characters; counted here in bytes, which are never fewer."""
SUMMARY_LIMIT = 1_000_000
"""What one step may add to a job summary, in bytes, with room for what else it says."""

_RESERVED = 1_024
_SMALLEST_SECTION = 1_200
_MOST_QUIET = 20
_COLUMNS = ("stack", "mode", "create", "update", "replace", "delete", "USD a month", "policy", "drift")
_OPTIONAL = _COLUMNS[6:]
_NUMBERS = range(2, 7)
_NOTES = {
    Basis.LIVE: "",
    Basis.PROGRAM: (
        "> **Program diff, not live state.** No credentials were used: the base branch was brought up in a sandbox and "
        "this branch previewed against it. What is really deployed may differ."
    ),
}


@dataclass(frozen=True)
class Report:
    """What to post."""

    comment: str
    """At most as long as asked for."""
    summary: list[str]
    """Everything, in parts that each fit a job summary; joined with newlines they are the artifact."""


def report(
    stacks: Sequence[StackReport], *, basis: Basis = Basis.LIVE, notice: str = "", limit: int = COMMENT_LIMIT
) -> Report:
    """Return the report on all stacks.

    Args:
        stacks: what is known of each, in the order to show them in.
        basis: what the plans were made against.
        notice: where it happened, when that is not AWS.
        limit: most bytes of the comment; what the poster adds, such as a marker, is on top of it.
    """
    sections = [Section(stack) for stack in stacks]
    top = _top(stacks, basis, notice, limit // 2)
    quiet = _quiet([section.stack.name for section in sections if section.quiet])
    loud = [section for section in sections if not section.quiet]
    whole = [_top(stacks, basis, notice, SUMMARY_LIMIT), *(section.full() for section in loud), quiet]
    return Report(_comment(top, loud, quiet, limit), split(_paragraphs(whole), SUMMARY_LIMIT))


def _comment(top: str, sections: Sequence[Section], quiet: str, limit: int) -> str:
    """Return the comment: the longest section gives way first, one level at a time, until all fit."""
    room = limit - size(top) - size(quiet) - _RESERVED
    order = sorted(range(len(sections)), key=lambda i: sections[i].stack.ok)
    told = [sections[i] for i in sorted(order[: max(1, room // _SMALLEST_SECTION)])]
    share = room // max(1, len(told)) - 2
    levels = [Detail.NO_NOISE] * len(told)
    texts = [section.at(Detail.NO_NOISE, share) for section in told]
    while _length(texts) > room and min(levels) < Detail.ESSENCE:
        place = max((i for i, level in enumerate(levels) if level < Detail.ESSENCE), key=lambda i: size(texts[i]))
        levels[place] = Detail(levels[place] + 1)
        texts[place] = told[place].at(levels[place], share)
    for place, level in enumerate(levels):
        if level is Detail.ESSENCE:
            spare = room - _length(texts)
            texts[place] = told[place].at(level, max(share, size(texts[place]) + spare))
    return _paragraphs([top, *texts, quiet, _left_out(levels, len(sections) - len(told))])


def _length(texts: Sequence[str]) -> int:
    return sum(size(text) + 2 for text in texts)


def _paragraphs(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _quiet(names: Sequence[str]) -> str:
    """Return one line for all stacks about which there is nothing else to say."""
    shown = [code(name) for name in names[:_MOST_QUIET]]
    rest = [f"{noun(len(names) - len(shown), 'more stack')}"] if len(names) > len(shown) else []
    return f"No changes: {', '.join([*shown, *rest])}." if names else ""


def _left_out(levels: Sequence[Detail], untold: int) -> str:
    """Return what a reader of a shortened comment must know."""
    tally = Counter(level for level in levels if level > Detail.NO_NOISE)
    lines = [f"In {noun(tally[level], 'stack')}: without {level.leaves_out}." for level in sorted(tally)]
    lines += [f"{noun(untold, 'more stack')} in the job summary only."] if untold else []
    start = "Shortened to fit a comment; the job summary and the artifact have all of it."
    return f"<sub>{' '.join([start, *lines])}</sub>" if lines else ""


def _top(stacks: Sequence[StackReport], basis: Basis, notice: str, limit: int) -> str:
    ordered = sorted(stacks, key=lambda stack: stack.ok) if len(stacks) > limit // 200 else stacks
    head, rule, *rows = _overview(ordered).split("\n")
    width = head.count("|") - 2
    rows = fit(rows, limit, lambda rest: f"| … and {noun(rest, 'more stack')} {'| ' * width}|")
    parts = [f"## {_title(stacks)}", _NOTES[basis], f"> {notice}" if notice else "", "\n".join([head, rule, *rows])]
    return "\n\n".join(part for part in (*parts, _cost(stacks)) if part)


def _title(stacks: Sequence[StackReport]) -> str:
    failed = sum(not stack.ok for stack in stacks)
    changing = sum(stack.changes for stack in stacks)
    broken = sum(bool(stack.policies and stack.policies.mandatory) for stack in stacks)
    found = [(failed, "failed"), (changing, "with changes"), (broken, "forbidden by policies")]
    if len(stacks) == 1:
        said, subject = [what.removeprefix("with ") for count, what in found if count], code(stacks[0].name)
    else:
        said, subject = [f"{count} {what}" for count, what in found if count], noun(len(stacks), "stack")
    return f"Preview of {subject}: {', '.join(said) or 'no changes'}"


def _overview(stacks: Sequence[StackReport]) -> str:
    """Return the table of all stacks, without the columns that say nothing about any."""
    rows = [_row(stack) for stack in stacks]
    used = [i for i, name in enumerate(_COLUMNS) if name not in _OPTIONAL or any(row[i] for row in rows)]
    chosen = ([row[i] for i in used] for row in rows)
    return table([_COLUMNS[i] for i in used], ["r" if i in _NUMBERS else "l" for i in used], chosen)


def _row(stack: StackReport) -> list[str]:
    counts = stack.plan.counts()
    numbers = [str(counts[op] or "") for op in (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE)]
    lost = any(change.destructive for change in stack.plan.changed())
    numbers[2:] = [f"**{number}**{' 🛑' if lost else ''}" if number else "" for number in numbers[2:]]
    name = html_code(stack.name) + ("" if stack.ok else " ❌ failed")
    return [name, _mode(stack), *numbers, _cost_cell(stack), _policy_cell(stack), _drift_cell(stack)]


def _mode(stack: StackReport) -> str:
    before, after = mode_of(stack.plan.outputs_before), mode_of(stack.plan.outputs_after)
    if before and after and before != after:
        return f"**{html_code(before)} → {html_code(after)}**"
    return html_code(after or before) if after or before else UNKNOWN


def _cost_cell(stack: StackReport) -> str:
    if stack.cost is None:
        return ""
    return difference(stack.cost.change) + (" 🛑" if stack.cost.over_budget else "")


def _policy_cell(stack: StackReport) -> str:
    if stack.policies is None:
        return ""
    said = [f"**{len(stack.policies.mandatory)} mandatory** 🛑"] if stack.policies.mandatory else []
    said += [f"{len(stack.policies.advisory)} advisory"] if stack.policies.advisory else []
    return ", ".join(said) or "met"


def _drift_cell(stack: StackReport) -> str:
    if stack.drift is None:
        return ""
    return f"**{noun(len(changed), 'resource')}**" if (changed := stack.drift.changed()) else "none"


def _cost(stacks: Sequence[StackReport]) -> str:
    costs = [stack.cost for stack in stacks if stack.cost is not None]
    if len(costs) < 2 or any(cost.before is None or cost.after is None for cost in costs):  # noqa: PLR2004
        return ""
    before, after = (sum(filter(None, (getattr(cost, side) for cost in costs))) for side in ("before", "after"))
    return f"All stacks together: {money(before)} → {money(after)} USD a month." if before != after else ""
