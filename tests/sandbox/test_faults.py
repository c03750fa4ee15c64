"""Faults strike where and when their rule says, and leave behind what the real thing would."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sandbox.control import faults
from sandbox.control.account import Account
from sandbox.control.errors import PartialFailure, Refusal
from sandbox.control.faults import Rule

if TYPE_CHECKING:
    from tests.sandbox.conftest import Cloud

VPC = "aws:ec2/vpc:Vpc"
QUEUE = "aws:sqs/queue:Queue"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("fail", r"creating SQS Queue \(jobs\): .*StatusCode: 500, api error InternalFailure"),
        ("throttle", "exceeded maximum number of attempts, 25, .*ThrottlingException: Rate exceeded"),
        ("timeout", "context deadline exceeded"),
    ],
)
def test_a_fault_strikes_before_anything_is_done(cloud: Cloud, account: Account, kind: str, words: str) -> None:
    faults.add(account, Rule(QUEUE, "create", kind))
    with pytest.raises(Refusal, match=words):
        cloud.create(QUEUE, "jobs")
    assert account.summary() == {}
    cloud.create(QUEUE, "jobs")


def test_only_the_nth_matching_call_is_struck(cloud: Cloud, account: Account) -> None:
    faults.add(account, Rule("aws:sqs/*", "create", "fail", nth=2))
    cloud.create(VPC, "net", cidrBlock="10.0.0.0/16")
    cloud.create(QUEUE, "one")
    with pytest.raises(Refusal):
        cloud.create(QUEUE, "two")
    cloud.create(QUEUE, "three")
    assert [rule.seen for rule in faults.rules(account)] == [3]


def test_every_call_may_be_struck_and_a_clear_ends_it(cloud: Cloud, account: Account) -> None:
    faults.add(account, Rule("*", "create", "fail", nth=0, message="no more"))
    for name in ("one", "two"):
        with pytest.raises(Refusal, match=r"^no more$"):
            cloud.create(QUEUE, name)
    faults.clear(account)
    cloud.create(QUEUE, "three")


def test_calls_are_counted_for_all_processes_together(cloud: Cloud, account: Account) -> None:
    other = Account(account.store.path.parent)
    faults.add(other, Rule(QUEUE, "create", "fail", nth=2))
    assert faults.due(other, QUEUE, "create") is None
    with pytest.raises(Refusal):
        cloud.create(QUEUE, "jobs")
    other.close()


def test_a_create_that_fails_after_leaves_a_resource_the_engine_hears_of(cloud: Cloud, account: Account) -> None:
    faults.add(account, Rule(QUEUE, "create", "fail-after"))
    with pytest.raises(PartialFailure) as failure:
        cloud.create(QUEUE, "jobs")
    made = account.get(QUEUE, failure.value.resource_id)
    assert made is not None
    assert failure.value.properties["arn"] == made.outputs["arn"]


def test_an_update_that_fails_after_is_carried_out(cloud: Cloud, account: Account) -> None:
    made = cloud.create(QUEUE, "jobs")
    faults.add(account, Rule(QUEUE, "update", "fail-after"))
    with pytest.raises(PartialFailure):
        cloud.update(made, delaySeconds=5)
    found = account.get(QUEUE, made.id)
    assert found is not None
    assert found.outputs["delaySeconds"] == 5


def test_a_delete_that_fails_after_has_deleted(cloud: Cloud, account: Account) -> None:
    made = cloud.create(QUEUE, "jobs")
    faults.add(account, Rule(QUEUE, "delete", "fail-after"))
    with pytest.raises(Refusal, match="waiting for completion: deleting SQS Queue"):
        cloud.delete(made)
    assert account.summary() == {}
    cloud.delete(made)


@pytest.mark.parametrize("operation", ["check", "diff", "read"])
def test_any_operation_can_be_struck(cloud: Cloud, account: Account, operation: str) -> None:
    made = cloud.create(QUEUE, "jobs")
    faults.add(account, Rule(QUEUE, operation, "fail", nth=0))
    call = {
        "check": lambda: cloud.check(QUEUE, "jobs", {}),
        "diff": lambda: cloud.diff(made),
        "read": lambda: cloud.read(made.urn, made.id, made.outputs),
    }[operation]
    with pytest.raises(Refusal):
        call()
    assert cloud.plan(VPC, "net", {"cidrBlock": "10.0.0.0/16"})


def test_a_hang_takes_its_time_and_then_goes_on(cloud: Cloud, account: Account) -> None:
    faults.add(account, Rule(QUEUE, "create", "hang", seconds=0.05))
    started = time.monotonic()
    cloud.create(QUEUE, "jobs")
    assert time.monotonic() - started >= 0.05


def test_a_hang_ends_when_nobody_waits() -> None:
    started = time.monotonic()
    with pytest.raises(Refusal, match="creating: context canceled"):
        faults.strike_before(Rule("*", "create", "hang", seconds=60), "creating", lambda: False)
    assert time.monotonic() - started < 1


def test_a_cancelled_engine_does_not_wait_for_a_hang(
    cloud: Cloud, account: Account, another: Callable[..., Cloud]
) -> None:
    faults.add(account, Rule(QUEUE, "create", "hang", nth=0, seconds=0.3))
    other = another("two")
    cloud.cancel()
    with pytest.raises(Refusal, match="context canceled"):
        cloud.create(QUEUE, "jobs")
    other.create(QUEUE, "jobs")


@pytest.mark.parametrize("rule", [Rule("*", "explode", "fail"), Rule("*", "create", "explode")])
def test_a_rule_that_means_nothing_is_refused(account: Account, rule: Rule) -> None:
    with pytest.raises(Refusal, match="kinds are fail, throttle"):
        faults.add(account, rule)
    assert faults.rules(account) == []
