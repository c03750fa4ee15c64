"""What a report costs per change at 5,000 changes against 500: near 1, a little more where a comment is shortened.

Processor time, measured in turns, and the fastest of several runs counts: what else a machine does only ever adds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from automation.markdown import StackReport, report
from automation.plan import build

_SMALL, _LARGE = 500, 5_000
_ROOT = "urn:pulumi:prod::modeshift::pulumi:pulumi:Stack::modeshift-prod"
_OPS = ("create", "update", "replace", "delete")
_KINDS = ("aws:sqs/queue:Queue", "aws:lambda/function:Function", "aws:rds/instance:Instance")


def main() -> int:
    """Measure, print both times and the ratio, and fail beyond the promises."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--most-ratio", type=float, default=2.0, help="most that a change may cost more at 5,000")
    options.add_argument(
        "--most-seconds", type=float, default=2.0, help="most for a plan of 5,000 changes and its report"
    )
    chosen = options.parse_args()
    logs = {count: _events(count) for count in (_SMALL, _LARGE)}
    times = dict.fromkeys(logs, float("inf"))
    for _ in range(chosen.runs):
        for count, lines in logs.items():
            times[count] = min(times[count], _seconds(lambda lines=lines: _render(lines)))
    ratio = (times[_LARGE] / _LARGE) / (times[_SMALL] / _SMALL)
    print(f"{_SMALL} changes: {times[_SMALL]:.3f} s, {_LARGE} changes: {times[_LARGE]:.3f} s")
    print(f"a change at {_LARGE} costs {ratio:.2f} of one at {_SMALL}")
    return int(ratio > chosen.most_ratio or times[_LARGE] > chosen.most_seconds)


def _render(lines: list[str]) -> None:
    report([StackReport(build("prod", map(json.loads, lines)))])


def _seconds(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _events(count: int) -> list[str]:
    """Return the lines of a log with so many changes of every kind."""
    return [json.dumps(_event(number)) for number in range(count)] + [
        json.dumps({"summaryEvent": {"result": "succeeded"}})
    ]


def _event(number: int) -> dict[str, object]:
    op, token = _OPS[number % len(_OPS)], _KINDS[number % len(_KINDS)]
    urn = f"urn:pulumi:prod::modeshift::{token}::prod-part-{number:05}"
    state = {"type": token, "urn": urn, "custom": True, "parent": _ROOT}
    inputs = {
        "name": f"part-{number}",
        "size": number,
        "tagsAll": {"Owner": "platform"},
        "environment": {"A": "b" * 40},
    }
    metadata: dict[str, object] = {"op": op, "urn": urn, "type": token, "diffs": ["name", "size"], "keys": ["name"]}
    metadata["old"] = None if op == "create" else {**state, "inputs": inputs}
    metadata["new"] = (
        None if op == "delete" else {**state, "inputs": {**inputs, "name": f"other-{number}", "size": -number}}
    )
    return {"resourcePreEvent": {"metadata": metadata, "planning": True}}


if __name__ == "__main__":
    sys.exit(main())
