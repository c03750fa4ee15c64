"""Whether a stack stays within what its settings allow it to cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from automation.cost.estimate import Estimate
from stacks.prices import cents


@dataclass(frozen=True)
class BudgetCheck:
    """The limit, what is expected, and how much of the cost is unknown."""

    monthly: Decimal
    expected: Decimal
    unknown: int

    @property
    def exceeded(self) -> bool:
        """Whether what is expected is more than what is allowed. What is unknown cannot exceed anything."""
        return cents(self.expected) > self.monthly

    def document(self) -> dict[str, object]:
        """Return the result as JSON's plain types."""
        return {"monthly": str(self.monthly), "expected": str(cents(self.expected)), "exceeded": self.exceeded}

    def sentence(self) -> str:
        """Return the result in words."""
        at_least = " at least" if self.unknown else ""
        gaps = f" ({self.unknown} of its costs are unknown)" if self.unknown else ""
        if not self.exceeded:
            return f"Within the budget: {cents(self.expected)} of {cents(self.monthly)} USD a month{gaps}."
        over = cents(self.expected - self.monthly)
        return (
            f"Over the budget: expected{at_least} {cents(self.expected)} USD a month{gaps}, {over} more than "
            f"modeshift:budget.monthly allows ({cents(self.monthly)})."
        )


def check_budget(estimated: Estimate, monthly: int | Decimal) -> BudgetCheck:
    """Return whether the expected cost of a stack is within its budget."""
    return BudgetCheck(Decimal(monthly), estimated.total.expected, len(estimated.unknown))
