"""What a plan does to databases is told in words, whether or not anything is lost."""

from __future__ import annotations

from typing import Any

import pytest

from automation.plan import build
from automation.plan.remarks import remarks
from tests.automation import events
from tests.automation.events import UNKNOWN, replacement, step

DATABASE = "aws:rds/instance:Instance"
INVOCATION = "aws:lambda/invocation:Invocation"
TABLE = "aws:dynamodb/table:Table"
RESTORED = {"restoreToPointInTime": {"sourceDbInstanceIdentifier": "orders-1", "restoreTime": "2026-11-21T10:00:00Z"}}


def of(*found: dict[str, Any]) -> dict[str, str]:
    plan = build("prod", [*found, events.summary()])
    return {remark.text: remark.gravity.value for remark in remarks(plan)}


def test_a_restore_says_what_it_is_made_of_and_what_is_not_in_it() -> None:
    (text,) = [text for text in of(step("create", DATABASE, "orders-r1", new=RESTORED)) if "made of" in text]

    assert text == (
        "Instance orders-r1 is made of orders-1 as it was at 2026-11-21T10:00:00Z, and used from then on. "
        "What was written later stays in the old one alone."
    )


def test_a_restore_from_what_is_not_there_yet_is_told_too() -> None:
    moment = {**RESTORED["restoreToPointInTime"], "sourceDbInstanceIdentifier": UNKNOWN}
    texts = of(step("create", DATABASE, "r1", new={"restoreToPointInTime": moment}))

    assert any("made of a value known after apply as it was at" in text for text in texts)


def test_a_restored_database_that_stays_says_nothing_more() -> None:
    assert not any("made of" in text for text in of(step("update", DATABASE, old=RESTORED, new=RESTORED)))


def test_a_major_version_is_told_and_a_minor_one_is_a_restart() -> None:
    upgrade = of(step("update", DATABASE, "x", old={"engineVersion": "17.4"}, new={"engineVersion": "18"}))
    minor = of(step("update", DATABASE, "x", old={"engineVersion": "18.1"}, new={"engineVersion": "18.2"}))
    sentence = (
        "Instance x goes from PostgreSQL 17 to 18: it does not answer for minutes, and the way back is a restore."
    )

    assert upgrade[sentence] == "warning"
    assert not any("PostgreSQL" in text for text in minor)
    assert any("restarts" in text for text in minor)


def test_what_is_taken_over_is_told() -> None:
    assert of(step("import", TABLE, "x", new={"name": "old"})) == {
        "Table x, which exists, becomes part of the stack as it is.": "warning"
    }


def test_what_is_taken_over_and_differs_is_told_with_what_changes() -> None:
    old, new = {"backupRetentionPeriod": 7}, {"backupRetentionPeriod": 9}
    texts = of(step("import", DATABASE, "x", new=old), step("update", DATABASE, "x", old=old, new=new))

    assert texts == {
        "Instance x, which exists, becomes part of the stack and is changed in place.": "warning",
        "Instance x: backupRetentionPeriod changes from 7 to 9.": "note",
    }


@pytest.mark.parametrize("how", ["create", "replace"])
def test_migrations_are_told_once_and_never_as_a_replacement(how: str) -> None:
    old, new = {"triggers": {"artifact": "a"}}, {"triggers": {"artifact": "b"}}
    made = [step("create", INVOCATION, "m", new=new)]
    steps = made if how == "create" else replacement(INVOCATION, "m", old=old, new=new)
    texts = of(*steps)

    assert texts == {
        "The migrations m run before anything else of their service changes. If they fail, what runs now goes on "
        "running.": "note"
    }


def test_migrations_that_go_run_no_more() -> None:
    assert not any("run before" in text for text in of(step("delete", INVOCATION, "m")))
