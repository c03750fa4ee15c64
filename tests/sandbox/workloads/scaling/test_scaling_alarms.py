"""Alarms and metric math, as the CloudWatch user guide tells them."""

from __future__ import annotations

import pytest

from sandbox.workloads.scaling.alarms import Missing, Rule, State, rule_of
from sandbox.workloads.scaling.expressions import NotSimulatedError, evaluate
from sandbox.workloads.scaling.readings import Metric, queries, single

QUERY = single(Metric("AWS/ECS", "CPUUtilization", {}, "Average"))
BACKLOG = "SUM([w0, u0, w1]) / IF(tasks > 0, tasks, 1 / 101)"


def state(values: str, missing: Missing, before: State = "OK", enough: int = 3) -> State:
    """Judge datapoints as the guide writes them: X is beyond the threshold, 0 is not, - is missing; three of three."""
    rule = Rule(QUERY, "GreaterThanThreshold", 1, 3, enough, missing=missing)
    return rule.state([{"X": 2.0, "0": 0.0, "-": None}[each] for each in values.split()], before)


# The table of "How alarm state is evaluated when data is missing", 3 of 3; its columns in this order.
@pytest.mark.parametrize(
    ("values", "missing", "ignored", "breaching", "good"),
    [
        ("0 - X - X", "OK", "OK", "ALARM", "OK"),
        ("- - - - 0", "OK", "OK", "OK", "OK"),
        ("- - - - -", "INSUFFICIENT_DATA", "OK", "ALARM", "OK"),
        ("0 X X - X", "ALARM", "ALARM", "ALARM", "OK"),
        ("- - X - -", "ALARM", "OK", "ALARM", "OK"),
    ],
)
def test_missing_data(values: str, missing: State, ignored: State, breaching: State, good: State) -> None:
    assert state(values, "missing") == missing
    assert state(values, "breaching") == breaching
    assert state(values, "notBreaching") == good
    if "X" not in values:
        assert state(values, "ignore") == ignored


def test_a_young_metric_raises_no_alarm_yet() -> None:
    assert state("- - - - X", "missing", "INSUFFICIENT_DATA") == "INSUFFICIENT_DATA"
    assert state("- - - X X", "missing", "OK") == "OK"
    assert state("- - X X X", "missing") == "ALARM"


def test_some_of_the_last_can_be_enough() -> None:
    assert state("0 0 X 0 X", "missing", enough=2) == "ALARM"
    assert state("0 0 X 0 0", "missing", enough=2) == "OK"


def test_an_alarm_of_the_account_is_read() -> None:
    outputs = {
        "namespace": "AWS/ECS",
        "metricName": "CPUUtilization",
        "dimensions": {"ServiceName": "s", "ClusterName": "c"},
        "statistic": "Average",
        "period": 300,
        "evaluationPeriods": 2,
        "threshold": 80,
        "comparisonOperator": "GreaterThanOrEqualToThreshold",
        "treatMissingData": "notBreaching",
    }
    rule = rule_of(outputs)
    assert (rule.seconds, rule.periods, rule.enough, rule.missing) == (300, 2, 2, "notBreaching")
    assert rule.breaches(80)
    assert not rule.breaches(79.9)
    with pytest.raises(NotSimulatedError, match="GreaterThanUpperThreshold"):
        rule_of({**outputs, "comparisonOperator": "GreaterThanUpperThreshold"})


@pytest.mark.parametrize(
    ("values", "backlog"),
    [
        ({"w0": 50, "u0": 10, "w1": 40, "tasks": 2}, 50),
        ({"w0": 50, "tasks": 2}, 25),
        ({"w0": 1, "tasks": 0}, 101),
        ({"tasks": 2}, None),
        ({"w0": 50}, None),
    ],
)
def test_the_backlog_of_each_task(values: dict[str, float], backlog: float | None) -> None:
    found = evaluate(BACKLOG, values)
    assert found == backlog if backlog is None else found == pytest.approx(backlog)


def test_more_of_metric_math() -> None:
    assert evaluate("wanted - there", {"wanted": 3, "there": 1}) == 2
    assert evaluate("100 * FILL(a, 0) / MAX([a, b])", {"b": 4}) == 0
    assert evaluate("-a ** 2", {"a": 3}) == -9
    assert evaluate("a / b", {"a": 1, "b": 0}) is None


@pytest.mark.parametrize(
    "expression", ["RATE(a)", "SEARCH('x', 'Sum')", "a.b", "a if b else c", "SUM(a)", "1 +", "m[0]"]
)
def test_what_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises(NotSimulatedError):
        evaluate(expression, {"a": 1, "b": 2})


def test_one_query_is_the_result() -> None:
    metric = {"namespace": "n", "metricName": "m", "period": 60, "stat": "Sum"}
    query = queries([{"id": "a", "metric": metric}, {"id": "b", "expression": "a * 2", "returnData": True}], "metric")
    assert (query.result, query.metrics["a"].stat) == ("b", "Sum")
    with pytest.raises(NotSimulatedError):
        queries([{"id": "a", "metric": metric}], "metric")
