"""What a plan changes about the cost, and whether it stays within the budget."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from automation.cost.budget import check_budget
from automation.cost.delta import cost_delta, of_plan
from automation.cost.money import Range, plain
from automation.cost.resources import deployed, desired
from automation.cost.view import signed
from tests.automation.cost.conftest import SHEET, price, resource, usage

EIP = "aws:ec2/eip:Eip"
KEY = "aws:kms/key:Key"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def step(op: str, kind: str, name: str, *, old: Any = None, new: Any = None) -> dict[str, Any]:
    """Return an event as the engine writes it."""
    urn = f"urn:pulumi:dev::modeshift::{kind}::dev-{name}"
    sides = {
        side: {"type": kind, "urn": urn, "custom": True, "inputs": inputs, "parent": ""}
        for side, inputs in (("old", old), ("new", new))
        if inputs is not None
    }
    return {"resourcePreEvent": {"metadata": {"op": op, "urn": urn, "type": kind, **sides}}}


EVENTS = [
    step("same", KEY, "key", old={}, new={}),
    step("create", EIP, "new", new={}),
    step("delete", EIP, "gone", old={}),
    step("create-replacement", EIP, "moved", old={"a": 1}, new={"a": 2}),
    step("replace", EIP, "moved", old={"a": 1}, new={"a": 2}),
    step("delete-replaced", EIP, "moved", old={"a": 1}, new={"a": 2}),
    step("read", EIP, "looked-up", new={}),
    {"diagnosticEvent": {"severity": "info", "message": "hello"}},
]


def test_what_was_and_what_will_be() -> None:
    assert [each.name for each in deployed(EVENTS)] == ["dev-gone", "dev-moved", "dev-key"]
    assert [each.name for each in desired(EVENTS)] == ["dev-moved", "dev-new", "dev-key"]


def test_what_is_retained_is_billed_on() -> None:
    event = step("delete", EIP, "kept", old={})
    event["resourcePreEvent"]["metadata"]["old"]["retainOnDelete"] = True

    assert [each.name for each in desired([event])] == ["dev-kept"]


def test_unknown_and_secret_values_are_not_values() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}
    (found,) = desired([step("create", KEY, "key", new={"a": UNKNOWN, "b": secret, "c": {"d": ["x"]}, "e": UNKNOWN})])

    assert found.get("a", "default") is None
    assert found.get("b", "default") is None
    assert found.get("missing", "default") == "default"
    assert found.get("e.below", "default") is None
    assert found.number("a", 7) is None
    assert found.number("missing", 7) == 7


def test_a_delta_names_what_changes_the_largest_first() -> None:
    before, after = of_plan(
        [*EVENTS, step("create", "aws:lb/loadBalancer:LoadBalancer", "door", new={"internal": True})], usage(), SHEET
    )
    delta = cost_delta(before, after)

    assert [(row.resource, signed(row.change.expected)) for row in delta.rows] == [
        ("dev-door", "+16.43"),
        ("dev-gone", "-3.65"),
        ("dev-new", "+3.65"),
    ]
    assert delta.change.expected == after.total.expected - before.total.expected
    assert delta.document()["change"]["expected"] == "16.43"


def test_nothing_changes_between_equal_estimates() -> None:
    estimated = price(resource(EIP))
    delta = cost_delta(estimated, estimated)

    assert delta.rows == ()
    assert delta.change == Range.exactly(0)


def test_a_cost_nobody_knows_is_named_in_the_delta() -> None:
    delta = cost_delta(price(), price(resource("aws:guardduty/detector:Detector")))

    assert [gap.type for gap in delta.unknown] == ["aws:guardduty/detector:Detector"]
    assert delta.change == Range.exactly(0)


@pytest.mark.parametrize(("monthly", "exceeded"), [(3, True), (4, False)])
def test_a_budget_is_exceeded_by_what_is_expected(monthly: int, exceeded: bool) -> None:
    check = check_budget(price(resource(EIP)), monthly)

    assert check.exceeded is exceeded
    assert check.document() == {"monthly": str(monthly), "expected": "3.65", "exceeded": exceeded}
    assert ("0.65 more than modeshift:budget.monthly allows" in check.sentence()) is exceeded


def test_a_budget_counts_cents_and_says_what_is_unknown() -> None:
    estimated = price(resource(EIP), resource("aws:guardduty/detector:Detector"))
    check = check_budget(estimated, Decimal("3.65"))

    assert not check.exceeded
    assert "1 of its costs are unknown" in check.sentence()


@pytest.mark.parametrize(
    ("amount", "text"),
    [("16.425", "+16.43"), ("-3.65", "-3.65"), ("0.001", "0.00"), ("-0.004", "0.00"), ("1234", "+1,234.00")],
)
def test_changes_are_signed(amount: str, text: str) -> None:
    assert signed(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [("1000000", "1,000,000"), ("0.25", "0.25"), ("1825.50", "1,825.5"), ("1E+2", "100"), ("5", "5")],
)
def test_quantities_are_plain(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text
