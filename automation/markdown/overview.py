"""The top of a report: what it is about, and one row per stack."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from automation.markdown.escape import code, html_code, table
from automation.markdown.extras import UNKNOWN, difference, money
from automation.markdown.fit import fit
from automation.markdown.inputs import Basis, StackReport
from automation.plan import Op
from automation.plan.remarks import noun
from automation.plan.remarks.mode import mode_of

_COLUMNS = ("stack", "mode", "create", "update", "replace", "delete", "USD a month", "policy", "drift")
_OPTIONAL = _COLUMNS[6:]
_NUMBERS = range(2, 7)
_LONG_ROW = 200
_NOTES = {
    Basis.LIVE: "",
    Basis.PROGRAM: (
        "> **Program diff, not live state.** No credentials were used: the base branch was brought up in a sandbox and "
        "this branch previewed against it. What is really deployed may differ."
    ),
}


def overview(stacks: Sequence[StackReport], basis: Basis, notice: str, limit: int) -> str:
    """Return title, notes and table; where not all rows fit into `limit` bytes, failed stacks come first."""
    ordered = sorted(stacks, key=lambda stack: stack.ok) if len(stacks) > limit // _LONG_ROW else stacks
    head, rule, *rows = _table(ordered).split("\n")
    width = head.count("|") - 2
    rows = fit(rows, limit, lambda rest: f"| … and {noun(rest, 'more stack')} {'| ' * width}|")
    parts = [f"## {_title(stacks)}", _NOTES[basis], f"> {notice}" if notice else "", "\n".join([head, rule, *rows])]
    return "\n\n".join(part for part in (*parts, _cost(stacks)) if part)


def _title(stacks: Sequence[StackReport]) -> str:
    failed = sum(not stack.ok for stack in stacks)
    changing = sum(stack.changes for stack in stacks)
    broken = sum(bool(stack.policies and stack.policies.mandatory) for stack in stacks)
    if len(stacks) == 1:
        result = "failed" if failed else "changes" if changing else "no changes"
        return f"Preview of {code(stacks[0].name)}: {result}{', forbidden by policies' if broken else ''}"
    found = [(failed, "failed"), (changing, "with changes"), (broken, "forbidden by policies")]
    said = ", ".join(f"{count} {what}" for count, what in found if count) or "no changes"
    return f"Preview of {noun(len(stacks), 'stack')}: {said}"


def _table(stacks: Sequence[StackReport]) -> str:
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
    """Return what several stacks come to together, where that is known and changes."""
    costs = [stack.cost for stack in stacks if stack.cost is not None]
    before = [cost.before for cost in costs if cost.before is not None]
    after = [cost.after for cost in costs if cost.after is not None]
    known = len(before) == len(after) == len(costs) > 1
    if not known or sum(before) == sum(after):
        return ""
    return f"All stacks together: {money(sum(before, Decimal()))} → {money(sum(after, Decimal()))} USD a month."
