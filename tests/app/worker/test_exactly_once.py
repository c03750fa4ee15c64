"""Many messages, some of them poison and some sent twice: each good one is done once, each poison one is parked.

`benchmarks/messages.py` does the same with 10,000.
"""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.messages import Seen, plan, run, wrong


@pytest.mark.e2e
def test_nothing_is_lost_and_nothing_is_done_twice(aws: str) -> None:
    sent = plan(200, seed=7)
    assert (len(sent.bodies), len(sent.good), sum(sent.poison.values())) == (210, 198, 2)
    seen, _, problems = run(aws, sent)
    assert problems == []
    assert seen.outcomes["duplicate"] >= 10


def test_the_judge_sees_what_is_wrong() -> None:
    sent = plan(200, seed=7)
    seen = Seen()
    assert wrong(sent, seen, 0, Counter()) == [
        "198 good jobs were never done",
        "2 poison messages are not parked with their reason",
    ]
    seen.done.update([*sent.good, min(sent.good), 200])
    assert wrong(sent, seen, 3, sent.poison + Counter(["another"])) == [
        "1 jobs were done more than once",
        "1 jobs were done that should not be",
        "3 messages are left in the queue",
        "1 messages are parked that should not be",
    ]
    assert wrong(sent, Seen(Counter(sent.good)), 0, sent.poison) == []
