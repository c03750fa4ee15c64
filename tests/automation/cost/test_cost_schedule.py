"""Bounds that move with the clock, as shares of a year."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.cost.schedule import Bounds, Moment, shares

BUSY, IDLE = Bounds(2, 8), Bounds(1, 2)


def test_a_single_moment_holds_all_year() -> None:
    assert shares([Moment("cron(0 0 ? * SUN *)", "UTC", BUSY)]) == {BUSY: 1}


def test_half_the_day() -> None:
    found = shares([Moment("cron(0 6 * * ? *)", "UTC", BUSY), Moment("cron(0 18 * * ? *)", "UTC", IDLE)])

    assert found == {BUSY: Decimal("0.5"), IDLE: Decimal("0.5")}


def test_the_last_moment_of_a_year_holds_into_the_next() -> None:
    found = shares([Moment("cron(0 0 1 3 ? *)", "UTC", BUSY), Moment("cron(0 0 1 12 ? *)", "UTC", IDLE)])

    # March to November are 275 days.
    assert found == {BUSY: Decimal(275) / 365, IDLE: Decimal(90) / 365}


@pytest.mark.parametrize(
    ("cron", "same"),
    [
        ("cron(0 8 ? * MON-FRI *)", "cron(0 8 ? * 2-6 *)"),
        ("cron(0 8 ? * FRI-MON *)", "cron(0 8 ? * 6,7,1,2 *)"),
        ("cron(0 0/6 * * ? *)", "cron(0 0,6,12,18 * * ? *)"),
        ("cron(0 8 1 JAN-MAR ? *)", "cron(0 8 1 1,2,3 ? *)"),
    ],
)
def test_two_ways_to_say_the_same(cron: str, same: str) -> None:
    off = Moment("cron(30 20 * * ? *)", "UTC", IDLE)

    assert shares([Moment(cron, "UTC", BUSY), off]) == shares([Moment(same, "UTC", BUSY), off])


def test_clocks_that_change_move_no_share_by_more_than_their_hours() -> None:
    moments = [("cron(0 8 * * ? *)", BUSY), ("cron(0 20 * * ? *)", IDLE)]
    found = shares([Moment(cron, "Europe/Berlin", bounds) for cron, bounds in moments])

    assert found == {BUSY: Decimal("0.5"), IDLE: Decimal("0.5")}


@pytest.mark.parametrize(
    "cron",
    [
        "cron(0 8 L * ? *)",
        "cron(0 8 ? * 6#3 *)",
        "cron(0 8 15W * ? *)",
        "cron(0 8 * * ? 2030)",
        "at(2030-01-31T08:00:00)",
    ],
)
def test_what_has_no_fixed_place_in_a_year_is_not_guessed(cron: str) -> None:
    assert shares([Moment(cron, "UTC", BUSY)]) is None


@given(st.lists(st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 9)), min_size=1, max_size=6))
def test_shares_are_a_whole_year(times: list[tuple[int, int, int]]) -> None:
    found = shares([Moment(f"cron({minute} {hour} * * ? *)", "UTC", Bounds(low, low)) for hour, minute, low in times])

    assert found is not None
    assert abs(sum(found.values()) - 1) < Decimal("1e-20")
    assert all(share >= 0 for share in found.values())
