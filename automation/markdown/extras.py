"""What cost, policies and drift add to a stack's part."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from automation.markdown.escape import VALUE, code, details, fenced, html_code, table
from automation.markdown.inputs import CostDelta, PolicyReport, Violation
from automation.markdown.listing import Detail, listing
from automation.plan import Plan
from automation.plan.remarks import noun

UNKNOWN = "unknown"
_ZERO = Decimal()


def money(amount: Decimal | None) -> str:
    """Return an amount in USD, to the cent; what is unknown is never 0."""
    return UNKNOWN if amount is None else f"{amount:,.2f}"


def difference(change: Decimal | None) -> str:
    """Return a change of an amount with its sign."""
    return UNKNOWN if change is None else f"{change:+,.2f}" if round(change, 2) else "0.00"


def cost_words(cost: CostDelta | None) -> list[str]:
    """Return what a change of cost comes to, and whether it is more than the budget."""
    if cost is None or (not cost.over_budget and cost.change is not None and not round(cost.change, 2)):
        return []
    between = ""
    if cost.lowest is not None and cost.highest is not None and cost.lowest != cost.highest:
        between = f", between {money(cost.lowest)} and {money(cost.highest)} as it scales"
    if cost.change is None:
        line = "not known in all"
    else:
        line = f"{money(cost.before)} → {money(cost.after)} USD a month ({difference(cost.change)}{between})"
    missing = f", without {noun(len(cost.unknown), 'thing')} whose price is unknown" if cost.unknown else ""
    if cost.over_budget:
        return [f"- 🛑 **Over the budget** of {money(cost.budget)} USD a month: {line}{missing}."]
    return [f"- Cost: {line}{missing}."]


def cost_details(cost: CostDelta | None) -> Iterator[str]:
    """Yield what the cost is made of, the largest changes first."""
    if cost is None or not (cost.lines or cost.unknown):
        return
    rows = sorted(cost.lines, key=lambda one: (-abs((one.after or _ZERO) - (one.before or _ZERO)), one.what))
    both = (
        [
            table(
                ("what", "before", "after"),
                "lrr",
                ((html_code(one.what), money(one.before), money(one.after)) for one in rows),
            )
        ]
        if rows
        else []
    )
    both += ["\n".join(f"- Unknown: {code(what, VALUE)}" for what in cost.unknown)] if cost.unknown else []
    both += ["\n".join(f"- Assumed: {code(what, VALUE)}" for what in cost.assumptions)] if cost.assumptions else []
    dated = f", prices of {html_code(cost.prices_of)}" if cost.prices_of else ""
    yield details(f"Cost in USD a month{dated}", "\n\n".join(both))


def policy_words(policies: PolicyReport | None) -> list[str]:
    """Return the violations that fail a preview, and how many others there are."""
    if policies is None:
        return []
    lines = [f"- 🛑 **Policy** {_violation(one)}" for one in policies.mandatory]
    if policies.advisory:
        verb = "advises" if len(policies.advisory) == 1 else "advise"
        lines.append(f"- ⚠️ {noun(len(policies.advisory), 'policy', 'policies')} {verb} against it, as listed below.")
    return lines


def policy_details(policies: PolicyReport | None) -> Iterator[str]:
    """Yield what advises, what somebody accepted, and what cannot be told yet."""
    if policies is None:
        return
    lines = [f"- Advisory: {_violation(one)}" for one in policies.advisory]
    if policies.standing:
        rules = ", ".join(f"{code(rule)} ×{count}" for rule, count in sorted(policies.standing.items()))
        lines.append(f"- Advisory before as after: {rules}.")
    for one in policies.suppressed:
        until = f" until {code(one.expires)}" if one.expires else ""
        lines.append(f"- Accepted{until}: {code(one.policy)} on {code(one.resource)}: {code(one.reason, VALUE)}.")
    if policies.undetermined:
        lines.append(f"- {noun(policies.undetermined, 'check')} can only be made after apply.")
    if lines:
        yield details(f"Policies: {policies.checked} checked", "\n".join(lines))


def drift_words(drift: Plan | None) -> list[str]:
    """Return how much was changed outside."""
    if drift is None or not (changed := drift.changed()):
        return []
    verb = "was" if len(changed) == 1 else "were"
    return [f"- ⚠️ {noun(len(changed), 'resource')} {verb} changed outside since the last deployment, as listed below."]


def drift_details(drift: Plan | None, most: int) -> Iterator[str]:
    """Yield what was changed outside."""
    if drift is not None and (changed := drift.changed()):
        summary = f"Changed outside: {noun(len(changed), 'resource')}"
        yield details(summary, fenced(listing(drift, Detail.ALL, most), "diff"))


def _violation(one: Violation) -> str:
    message, remedy = (code(words.rstrip(". "), VALUE) for words in (one.message, one.remediation))
    fix = f" To fix it: {remedy}." if one.remediation else ""
    return f"{code(one.policy)} on {code(one.resource)}: {message}.{fix}"
