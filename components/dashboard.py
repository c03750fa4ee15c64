"""One page of CloudWatch that shows a stack: its alarms on top, then whatever has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.charts import CHARTS, Chart, Dimensions, Line

_COLUMNS = 24
_WIDTH = 6
_HEIGHT = 6
_TITLE_HEIGHT = 1
_ALARMS_HEIGHT = 4
_PERIOD = 60
_MOST_ALARMS = 100
"""As many as an alarm widget takes."""

Widget = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One alarm, the component that it is about, and what its metric is of."""

    about: str
    alarm: aws.cloudwatch.MetricAlarm
    namespace: str
    dimensions: Dimensions


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One chart of one thing."""

    chart: Chart
    namespace: str
    dimensions: Dimensions


class Dashboard(Component):
    """A dashboard: all alarms on top, below them the charts of each component that has one.

    Cost: 3 USD a month, three in an account are free (AWS price list: AmazonCloudWatch).

    Sources: CloudWatch user guide, "Dashboard body structure and syntax".
    """

    def __init__(
        self,
        name: str,
        *,
        watched: Sequence[Watched],
        region: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the dashboard.

        Args:
            name: Logical name, and that of the dashboard.
            watched: What it shows; of the alarms the first hundred.
            region: Where the metrics are.
            opts: Options of the component.

        """
        super().__init__("Dashboard", name, opts)
        arns = [each.alarm.arn for each in watched[:_MOST_ALARMS]]
        body = {"widgets": list(widgets(sections(watched), arns, region=region))}
        self.dashboard = aws.cloudwatch.Dashboard(
            self.child_name(),
            dashboard_name=name,
            dashboard_body=pulumi.Output.json_dumps(body, sort_keys=True),
            opts=self.opts(),
        )
        self.register_outputs({"dashboardName": self.dashboard.dashboard_name})


def sections(watched: Sequence[Watched]) -> dict[str, list[Drawn]]:
    """Return the charts by the component that they are of, each of what alarms are about once."""
    found: dict[str, list[Drawn]] = {}
    seen: set[tuple[str, str, tuple[int, ...]]] = set()
    for each in watched:
        # Values become known only later; the same output is the same thing.
        thing = (each.about, each.namespace, tuple(id(value) for _, value in sorted(each.dimensions.items())))
        if thing in seen:
            continue
        seen.add(thing)
        charts = CHARTS.get(each.namespace, ())
        drawn = [Drawn(chart=chart, namespace=each.namespace, dimensions=each.dimensions) for chart in charts]
        if drawn:
            found.setdefault(each.about, []).extend(drawn)
    return found


def widgets(
    sections: Mapping[str, Sequence[Drawn]], alarms: Sequence[pulumi.Input[str]], *, region: pulumi.Input[str]
) -> Iterator[Widget]:
    """Yield the widgets of a page, four charts in a row."""
    y = 0
    if alarms:
        yield _placed("alarm", (0, y, _COLUMNS, _ALARMS_HEIGHT), {"title": "Alarms", "alarms": list(alarms)})
        y += _ALARMS_HEIGHT
    for title, charts in sections.items():
        yield _placed("text", (0, y, _COLUMNS, _TITLE_HEIGHT), {"markdown": f"## {title}"})
        y += _TITLE_HEIGHT
        for at, drawn in enumerate(charts):
            row, column = divmod(at, _COLUMNS // _WIDTH)
            yield _placed("metric", (column * _WIDTH, y + row * _HEIGHT, _WIDTH, _HEIGHT), _chart(drawn, region))
        y += -(-len(charts) * _WIDTH // _COLUMNS) * _HEIGHT


def _placed(kind: str, place: tuple[int, int, int, int], properties: Mapping[str, object]) -> Widget:
    x, y, width, height = place
    return {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}


def _chart(drawn: Drawn, region: pulumi.Input[str]) -> Mapping[str, object]:
    return {
        "title": drawn.chart.title,
        "region": region,
        "view": "timeSeries",
        "stacked": False,
        "period": _PERIOD,
        "yAxis": {"left": {"min": 0}},
        "metrics": [_metric(drawn, line) for line in drawn.chart.lines],
    }


def _metric(drawn: Drawn, line: Line) -> list[object]:
    dimensions = [part for name, value in sorted(drawn.dimensions.items()) for part in (name, value)]
    return [drawn.namespace, line.metric, *dimensions, {"label": line.label, "stat": line.statistic}]
