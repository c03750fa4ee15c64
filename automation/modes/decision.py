"""Which compute is the cheapest at which traffic: the table of docs/modes.md, made by what `modeshift modes` asks.

`python -m automation.modes.decision` writes it into the page anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from automation.cost.chart import short
from automation.cost.compare import REQUESTS, TITLES, Comparison, Workload, compare
from automation.cost.usage import profile
from stacks.prices import REGION, cents
from stacks.prices.sheet import load_sheet
from stacks.settings import Compute

PAGE: Final = Path(__file__).parents[2] / "docs/modes.md"

_DURATIONS: Final = (50, 100, 300, 1_000, 10_000)
"""Milliseconds that a request takes."""
_AT_ONCE: Final = 5
"""Requests that a task works on at once: what 50 a second of 100 ms each are."""
_TASKS: Final = {"dev": 1, "prod": 2}
_SECOND: Final = 1000
_BEGIN: Final = "<!-- made by python -m automation.modes.decision -->"
_END: Final = "<!-- end -->"


def decision_tables() -> str:
    """Return the tables in Markdown, one for each fewest number of tasks."""
    return "\n".join(line for profile_name, tasks in _TASKS.items() for line in _table(profile_name, tasks)).rstrip()


def written_into(page: str) -> str:
    """Return a page with its tables as they are now."""
    pattern = re.compile(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", re.DOTALL)
    return pattern.sub(lambda _: f"{_BEGIN}\n\n{decision_tables()}\n\n{_END}", page)


def _table(environment: str, tasks: int) -> Iterator[str]:
    several = "s" if tasks > 1 else ""
    yield f"At least {tasks} task{several}, as in {environment}; each cell is the cheapest and its USD a month:"
    yield ""
    yield f"| a request takes | {' | '.join(short(requests) for requests in REQUESTS)} | Fargate is cheaper from |"
    yield f"|---|{'---|' * len(REQUESTS)}---|"
    for milliseconds in _DURATIONS:
        comparison = _comparison(milliseconds, tasks)
        cells = [_cell(comparison, requests) for requests in REQUESTS]
        yield f"| {_time(milliseconds)} | {' | '.join(cells)} | {_flip(comparison)} |"
    yield ""


def _comparison(milliseconds: int, tasks: int) -> Comparison:
    usage = profile("small")
    usage = usage.model_copy(
        update={
            "service": usage.service.model_copy(update={"duration_ms": Decimal(milliseconds)}),
            "compare": usage.compare.model_copy(
                update={"task_requests_per_second": Decimal(_AT_ONCE * _SECOND) / milliseconds}
            ),
        }
    )
    return compare(Workload(name="any", fewest_tasks=tasks), usage, load_sheet(REGION))


def _cell(comparison: Comparison, requests: Decimal) -> str:
    cheapest = comparison.cheapest(requests)
    cost = comparison.costs[cheapest](requests)
    return f"{TITLES[cheapest]} {cost:,.0f}" if cost >= _SECOND else f"{TITLES[cheapest]} {cents(cost)}"


def _flip(comparison: Comparison) -> str:
    found = next(one for one in comparison.break_evens if (one.before, one.after) == (Compute.LAMBDA, Compute.FARGATE))
    return "never" if found.requests is None else short(found.requests)


def _time(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < _SECOND else f"{milliseconds // _SECOND} s"


if __name__ == "__main__":
    PAGE.write_text(written_into(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
