"""What had to hold in a rehearsal, and what that comes to."""

from __future__ import annotations

import pytest

from automation.errors import Exit
from automation.rehearse.objectives import alarms_in
from automation.rehearse.verdict import Alarm, Objective, Verdict, verdict
from tests.automation.rehearse.made import DOOR, START, failed, report


def missed(found: object) -> list[str]:
    return [one.name for one in found.objectives if one.met is not True]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_change_that_nobody_notices_is_good() -> None:
    found = report()
    assert (found.verdict, found.code, missed(found)) == (Verdict.GOOD, Exit.DONE, [])


@pytest.mark.parametrize("plan", ["shift:lambda→fargate", "deploy"])
def test_one_lost_request_is_too_many_where_none_may_be_lost(plan: str) -> None:
    found = report(plan, extra=failed(START + 20, 1))
    assert (found.verdict, found.code) == (Verdict.BAD, Exit.FAILED)
    assert missed(found) == ["no request fails"]


@pytest.mark.parametrize("plan", ["zone-loss", "spike"])
@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (10, []),
        (11, ["at most 10 answers with 5xx in 5 minutes"]),
        (80, ["at most 1% of requests fail", "at most 10 answers with 5xx in 5 minutes"]),
    ],
)
def test_elsewhere_it_goes_by_share_and_by_the_stacks_own_alarm(plan: str, count: int, expected: list[str]) -> None:
    assert missed(report(plan, extra=failed(START + 20, count))) == expected


def test_refused_connections_are_no_answers_with_5xx() -> None:
    found = report("zone-loss", extra=failed(START + 20, 20, 0, "connection refused"))
    assert missed(found) == []


def test_slower_afterwards_is_bad_whatever_was_rehearsed() -> None:
    assert missed(report("spike", after=0.5)) == [
        "after the change 95 % of answers take at most 1.5 times as long, or 0.1 s longer"
    ]
    assert missed(report("spike", during=0.5)) == []
    assert len(missed(report("deploy", during=0.5))) == 1
    assert missed(report("deploy", after=0.05)) == []


@pytest.mark.parametrize(
    ("outcome", "code"), [(Exit.FAILED, 1), (Exit.ROLLED_BACK, 6), (Exit.PAUSED, 5), (Exit.POLICY, 3)]
)
def test_a_change_that_was_not_done_says_so_and_ends_as_it_did(outcome: Exit, code: int) -> None:
    found = report(outcome=outcome)
    assert (found.verdict, found.code) == (Verdict.BAD, code)
    assert missed(found) == ["the change is done"]


def test_alarms_that_went_off_count_when_they_are_critical() -> None:
    quiet = Alarm(name="dev-cpu", says="CPU.", severity="warning")
    assert missed(report(alarms=(DOOR, quiet), rang={"dev-cpu": "above 80"})) == []
    found = report(alarms=(DOOR, quiet), rang={"dev-door-errors": "12 above 10"})
    assert missed(found) == ["no critical alarm goes off"]
    assert found.objectives[-1].found == "dev-front-door: 5xx (12 above 10)"


def test_too_little_to_tell_is_not_called_good() -> None:
    unknown = Objective(name="a", met=None, found="", source="")
    met, lost = (Objective(name="b", met=value, found="", source="") for value in (True, False))
    assert verdict([met, unknown]) is Verdict.UNSURE
    assert verdict([unknown, lost]) is Verdict.BAD
    assert verdict([]) is Verdict.GOOD


def test_alarms_are_those_that_tell_somebody() -> None:
    def resource(name: str, tags: dict[str, str] | None, **outputs: object) -> dict[str, object]:
        told = {"name": name, "alarmDescription": name, "threshold": 10, "period": 300, "tags": tags, **outputs}
        return {"type": "aws:cloudwatch/metricAlarm:MetricAlarm", "urn": f"urn::{name}", "outputs": told}

    critical = {"Severity": "critical"}
    door = resource("door", critical, namespace="AWS/ApiGateway", metricName="5xx")
    balancer = resource("alb", critical, namespace="AWS/ApplicationELB", metricName="HTTPCode_Target_5XX_Count")
    unhealthy = resource("hosts", critical, namespace="AWS/ApplicationELB", metricName="UnHealthyHostCount")
    math = resource("gap", {"Severity": "warning"}, threshold=0, period=None)
    scaling = resource("scaling", None, namespace="AWS/ECS", metricName="CPUUtilization")
    going = {**resource("old", critical), "delete": True}
    found = alarms_in([door, balancer, unhealthy, math, scaling, going, {"type": "other", "urn": "u"}])
    assert [(one.name, one.above, one.seconds) for one in found] == [
        ("door", 10, 300),
        ("alb", 10, 300),
        ("hosts", None, 0),
        ("gap", None, 0),
    ]
