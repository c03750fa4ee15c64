"""A comment always fits, gives way in a fixed order, and never loses what a reviewer must not miss."""

from __future__ import annotations

import re

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from automation.markdown import COMMENT_LIMIT, MARKER_ROOM, PolicyReport, StackReport, Violation, report
from automation.markdown.escape import size
from automation.markdown.fit import fit, split
from automation.markdown.listing import Detail
from automation.markdown.section import Section
from automation.plan import Plan, build
from tests.automation import events
from tests.automation.events import replacement, step
from tests.automation.rendered import rendered
from tests.automation.scenarios import large_events

_KINDS = ["aws:sqs/queue:Queue", "aws:rds/instance:Instance", "aws:iam/rolePolicy:RolePolicy", "aws:ec2/vpc:Vpc"]
_OPS = ["create", "update", "replace", "delete", "same"]


def many(op: str, count: int, width: int = 10, token: str = "aws:sqs/queue:Queue", stack: str = "prod") -> Plan:
    """Return a plan of so many changes of one kind, with names and values of a length."""
    found: list[events.Event] = []
    for number in range(count):
        name, value = f"{number:05}{'n' * width}", f"{'v' * width}{number}"
        if op == "replace":
            found += replacement(token, name, old={"name": "a"}, new={"name": value}, keys=["name"], diffs=["name"])
        else:
            found.append(step(op, token, name, old={"name": "a"}, new={"name": value}))
    return build(stack, [*found, events.summary()])


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
@example([("replace", 5000, 300, _KINDS[1], 60)], COMMENT_LIMIT)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(_OPS), st.integers(0, 120), st.integers(0, 300), st.sampled_from(_KINDS), st.integers(0, 60)
        ),
        max_size=6,
    ),
    st.integers(20_000, COMMENT_LIMIT),
)
def test_a_comment_always_fits_and_is_sound(shapes: list[tuple[str, int, int, str, int]], limit: int) -> None:
    stacks = [
        StackReport(
            many(op, count, width, token, f"stack-{place}"),
            ok=bool(broken % 2),
            policies=PolicyReport(checked=1, violations=[Violation("P", "r" * width, "m" * width)] * broken),
        )
        for place, (op, count, width, token, broken) in enumerate(shapes)
    ]
    posted = report(stacks, limit=limit)
    assert size(posted.comment) <= limit - MARKER_ROOM
    assert all(size(part) <= 1_000_000 for part in posted.summary)
    page = rendered(posted.comment)
    assert (page.unbalanced, page.open) == ([], [])


@pytest.mark.parametrize("op", ["create", "update", "replace", "delete"])
def test_large_plans_fit_and_their_full_text_has_every_name(op: str) -> None:
    count = 1000
    posted = report([StackReport(many(op, count, 40))])
    assert size(posted.comment) <= COMMENT_LIMIT - MARKER_ROOM
    whole = "\n".join(posted.summary)
    assert all(f"{number:05}nnnn" in whole for number in range(count))


@pytest.mark.parametrize("stacks", [1, 3, 40, 400])
def test_many_stacks_fit_and_each_is_counted(stacks: int) -> None:
    reports = [StackReport(many("delete", 3, 60, stack=f"stack-{number:04}")) for number in range(stacks)]
    comment = report(reports).comment
    assert size(comment) <= COMMENT_LIMIT - MARKER_ROOM
    assert f"Preview of {stacks} stacks: {stacks} with changes" in comment or stacks == 1
    rows = len(re.findall(r"^\| <code>", comment, re.MULTILINE))
    more = re.search(r"^\| … and (\d+) more stacks? ", comment, re.MULTILINE)
    assert rows + (int(more[1]) if more else 0) == stacks


def listed_and_left(comment: str, sign: str, what: str) -> int:
    """Return how many of something a comment lists or counts as left out."""
    listed = len(re.findall(rf"^(?:- `)?{re.escape(sign)} ", comment, re.MULTILINE))
    left = re.search(rf"… and \d+ more:.*?(\d+) {what}", comment)
    return listed + (int(left[1]) if left else 0)


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.generate])
@example(2500, 2500, 120)
@example(1, 1, 0)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 120))
def test_no_deletion_or_replacement_is_lost(deleted: int, replaced: int, width: int) -> None:
    goes, comes = many("delete", deleted, width), many("replace", replaced, width, "aws:sns/topic:Topic")
    comes.changes.update(goes.changes)
    comment = report([StackReport(comes)]).comment
    assert listed_and_left(comment, "- delete", "deletions") == deleted
    assert listed_and_left(comment, "-/+ replace", "replacements") == replaced


def test_failures_and_mandatory_violations_come_before_all_else() -> None:
    plan = many("create", 1000, 100)
    plan.diagnostics = build("x", [events.said("error", "the role is missing")]).diagnostics
    policies = PolicyReport(checked=90, violations=[Violation(f"RULE-{n:03}", "thing", "no") for n in range(60)])
    comment = report([StackReport(plan, ok=False, policies=policies)]).comment
    assert "the role is missing" in comment
    assert all(f"RULE-{number:03}" in comment for number in range(60))
    assert "❌ failed" in comment


def test_a_large_stack_takes_nothing_from_a_small_one() -> None:
    small = StackReport(events.plan_of("switch"))
    comment = report([small, StackReport(many("replace", 1000, 40))]).comment
    assert Section(small).at(Detail.NO_NOISE, COMMENT_LIMIT) in comment


def test_sections_give_way_in_a_fixed_order() -> None:
    section = Section(StackReport(build("prod", large_events(200))))
    sizes = [size(section.at(detail, 2_000)) for detail in Detail]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] <= 2_000
    by_level = {detail: section.at(detail, 2_000) for detail in Detail}
    assert "Part 5 of many" in by_level[Detail.NO_NOISE]
    assert 'name: "prod-part-001"' in by_level[Detail.NO_VALUES_OF_UPDATES]
    assert "description:" not in by_level[Detail.NO_VALUES_OF_UPDATES]
    assert 'name: "prod-part-001"' not in by_level[Detail.NO_VALUES]
    assert "create Queue prod-part-008" in by_level[Detail.NO_VALUES]
    assert "create Queue prod-part-008" not in by_level[Detail.NO_NAMES]
    assert all("delete Queue prod-part-000" in by_level[detail] for detail in Detail)


def test_a_shortened_comment_says_so_and_where_the_rest_is() -> None:
    comment = report([StackReport(many("update", 1000, 100))]).comment
    assert "the job summary and the artifact have all of it" in comment
    assert "Shortened" not in report([StackReport(many("update", 3))]).comment


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=40), st.integers(60, 400))
def test_a_list_is_cut_with_an_exact_count(lines: list[str], limit: int) -> None:
    lines = [line.replace("\n", " ") for line in lines]
    kept = fit(lines, limit, lambda left: f"and {left} more")
    assert sum(size(line) + 1 for line in kept) <= limit
    if kept != lines:
        count = int(re.fullmatch(r"and (\d+) more", kept[-1])[1])
        assert lines[: len(kept) - 1] == kept[:-1]
        assert len(kept) - 1 + count == len(lines)


def test_parts_stand_alone_and_lose_nothing() -> None:
    whole = "\n".join(report([StackReport(many("update", 300, 60)), StackReport(many("delete", 300, 60))]).summary)
    parts = split(whole, 5_000)
    assert len(parts) > 10
    assert all(size(part) <= 5_000 for part in parts)
    for part in parts:
        page = rendered(part)
        assert (page.unbalanced, page.open) == ([], [])
    names = re.findall(r"\d{5}n+", whole)
    assert re.findall(r"\d{5}n+", "\n".join(parts)) == names


def test_a_short_text_is_one_part() -> None:
    assert split("# a\n\n```\nb\n```\n", 1_000) == ["# a\n\n```\nb\n```\n"]
