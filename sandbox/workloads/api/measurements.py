"""CloudWatch's calls about what was measured, and alarms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.workloads.api.protocol import AwsError, Call
from sandbox.workloads.api.view import View, moment, present, regional

_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


async def get_metric_data(view: View, call: Call) -> dict[str, Any]:
    """Answer GetMetricData for metrics by themselves; expressions are refused."""
    start, end = (call.parameters[name].timestamp() for name in ("StartTime", "EndTime"))
    newest_first = call.parameters.get("ScanBy") != "TimestampAscending"
    results: list[dict[str, Any]] = []
    for query in call.parameters["MetricDataQueries"]:
        if "MetricStat" not in query:
            raise AwsError("InvalidParameterValue", "The sandbox computes no expressions over metrics for this call.")
        points = _points(view, query["MetricStat"], start, end)
        if newest_first:
            points.reverse()
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label") or query["MetricStat"]["Metric"]["MetricName"],
                "Timestamps": [datetime.fromtimestamp(time, UTC) for time, _ in points],
                "Values": [value for _, value in points],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": results}


async def describe_alarms(view: View, call: Call) -> dict[str, Any]:
    """Answer DescribeAlarms for alarms of metrics."""
    names, prefix, state = (call.parameters.get(key) for key in ("AlarmNames", "AlarmNamePrefix", "StateValue"))
    judged: Mapping[str, Mapping[str, Any]] = view.managers["scaling"].describe().get("alarms", {})
    found: list[dict[str, Any]] = []
    for alarm in regional(view, _ALARM, call.region):
        name = str(alarm.outputs["name"])
        # One that nothing here judges has no data, as a new one on AWS.
        said = judged.get(name, {})
        value = said.get("state", "INSUFFICIENT_DATA")
        if (names and name not in names) or not name.startswith(prefix or "") or state not in {None, value}:
            continue
        found.append(
            present(
                AlarmName=name,
                AlarmArn=alarm.outputs.get("arn"),
                AlarmDescription=alarm.outputs.get("alarmDescription"),
                StateValue=value,
                StateReason=said.get("reason") or "Unchecked: Initial alarm creation",
                StateUpdatedTimestamp=moment(said.get("since")),
                MetricName=alarm.outputs.get("metricName"),
                Namespace=alarm.outputs.get("namespace"),
                Threshold=alarm.outputs.get("threshold"),
            )
        )
    return {"MetricAlarms": found, "CompositeAlarms": []}


def _points(view: View, stat: Mapping[str, Any], start: float, end: float) -> list[tuple[float, float]]:
    metric = stat["Metric"]
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())}
    try:
        return view.context.metrics.statistics(
            metric["Namespace"],
            metric["MetricName"],
            dimensions,
            start,
            end,
            period=stat["Period"],
            stat=stat["Stat"],
        )
    except ValueError as problem:
        raise AwsError("InvalidParameterValue", str(problem)) from None


ANSWERS = {
    ("cloudwatch", "DescribeAlarms"): describe_alarms,
    ("cloudwatch", "GetMetricData"): get_metric_data,
}
