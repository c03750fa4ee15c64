"""Exceptions need a rule, a resource, a reason and a last day, after which they say so."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from policy.catalogue import RULES
from policy.judge import Report, Terms, judge
from policy.suppressions import FILE, Suppression, SuppressionError, load
from tests.policy import stacks

LAST_DAY = date(2026, 6, 30)
REASON = "The auditors read it from outside until June."
ENTRY = {"rule": "MS-S3-002", "resource": "block", "reason": REASON, "expires": LAST_DAY.isoformat()}
BROKEN = stacks.deployed(stacks.broken({"block": {"blockPublicAcls": False}, "log-block": {"blockPublicAcls": False}}))


def report(today: date = LAST_DAY, **changes: str) -> Report:
    suppression = Suppression.model_validate({**ENTRY, **changes})
    return judge(BROKEN, stacks.stack(BROKEN), Terms(environment="dev", today=today, suppressions=[suppression]))


def names(result: Report) -> tuple[set[str], set[str]]:
    return {one.resource.name for one in result.stopping}, {one.resource.name for one in result.excepted}


def test_an_exception_covers_its_resource_and_its_rule_to_its_last_day() -> None:
    assert names(report()) == ({"log-block"}, {"block"})
    assert names(report(resource="*block")) == (set(), {"block", "log-block"})
    assert names(report(rule="MS-S3-001")) == ({"block", "log-block"}, set())


def test_an_exception_that_ended_stops_and_says_so() -> None:
    result = report(LAST_DAY + timedelta(days=1))

    assert names(result) == ({"block", "log-block"}, set())
    (ended,) = [one for one in result.stopping if one.resource.name == "block"]
    assert ended.sentence == (
        "block lets public ACLs in (blockPublicAcls). "
        "The exception made because of “The auditors read it from outside until June.” ended on 2026-06-30."
    )


def test_the_document_says_what_is_excepted_and_why() -> None:
    document = report().document()

    assert not document["ok"]
    (excepted,) = [one for one in document["findings"] if one["urn"].endswith("::block")]
    assert excepted["exception"] == {"reason": REASON, "expires": "2026-06-30"}
    assert not excepted["stops"]


def file(folder: Path, text: str) -> Path:
    path = folder / "suppressions.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {rule: MS-S3-002, resource: block, expires: 2026-06-30}", "entry 1, reason: Field required"),
        (f"- {{rule: MS-S3-002, resource: block, reason: {REASON}}}", "entry 1, expires: Field required"),
        (f"- {{rule: MS-S3-002, reason: {REASON}, expires: 2026-06-30}}", "entry 1, resource: Field required"),
        (f"- {{rule: MS-S3-002, resource: block, reason: {REASON}, expires: never}}", "entry 1, expires: "),
        ("- {rule: MS-S3-002, resource: block, reason: because, expires: 2026-06-30}", "at least 20 characters"),
        (f"- {{rule: MS-S3-002, resource: '*', reason: {REASON}, expires: 2026-06-30}}", "name the resource"),
        (
            f"- {{rule: MS-S3-999, resource: block, reason: {REASON}, expires: 2026-06-30}}",
            "there is no rule MS-S3-999",
        ),
        (f"- {{rule: MS-S3-002, resource: block, reason: {REASON}, expires: 2026-06-30, all: true}}", "all: Extra"),
        ("rule: MS-S3-002", "the file"),
        ("- {", "while parsing"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SuppressionError, match=r"^suppressions\.yaml: ") as raised:
        load(file(tmp_path, text), rules=RULES)

    assert says in str(raised.value)


def test_no_file_and_an_empty_file_are_no_exceptions(tmp_path: Path) -> None:
    assert load(tmp_path / "none.yaml", rules=RULES) == []
    assert load(file(tmp_path, "# none\n"), rules=RULES) == []


def test_the_exceptions_of_this_repository_are_in_order() -> None:
    assert load(FILE, rules=RULES)
