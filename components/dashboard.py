"""One page of CloudWatch that shows a stack: first what is wrong, then each service and what it keeps its data in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.charts import Chart, Line

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
class Section:
    """One part of the page: a title and charts."""

    title: str
    charts: Sequence[Chart]


class Dashboard(Component):
    """A dashboard: all alarms of a stack on top, below them a section for each service, queue, database and the front.

    Cost: 3 USD a month, three in an account are free (AWS price list: AmazonCloudWatch).

    Sources: CloudWatch user guide, "Dashboard body structure and syntax".
    """

    def __init__(
        self,
        name: str,
        *,
        sections: Sequence[Section],
        alarms: Sequence[aws.cloudwatch.MetricAlarm],
        region: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the dashboard.

        Args:
            name: Logical name, and that of the dashboard.
            sections: What it shows, from top to bottom.
            alarms: What it shows first; the first hundred of them.
            region: Where the metrics are.
            opts: Options of the component.

        """
        super().__init__("Dashboard", name, opts)
        arns = [alarm.arn for alarm in alarms[:_MOST_ALARMS]]
        self.dashboard = aws.cloudwatch.Dashboard(
            self.child_name(),
            dashboard_name=name,
            dashboard_body=pulumi.Output.json_dumps(
                {"widgets": list(widgets(sections, arns, region=region))}, sort_keys=True
            ),
            opts=self.opts(),
        )
        self.dashboard_name: pulumi.Output[str] = self.dashboard.dashboard_name
        self.register_outputs({"dashboardName": self.dashboard_name})


def widgets(
    sections: Sequence[Section], alarms: Sequence[pulumi.Input[str]], *, region: pulumi.Input[str]
) -> Iterator[Widget]:
    """Yield the widgets of a page, four charts in a row."""
    y = 0
    if alarms:
        yield _placed("alarm", (0, y, _COLUMNS, _ALARMS_HEIGHT), {"title": "Alarms", "alarms": list(alarms)})
        y += _ALARMS_HEIGHT
    for section in sections:
        yield _placed("text", (0, y, _COLUMNS, _TITLE_HEIGHT), {"markdown": f"## {section.title}"})
        y += _TITLE_HEIGHT
        for at, chart in enumerate(section.charts):
            row, column = divmod(at, _COLUMNS // _WIDTH)
            yield _placed("metric", (column * _WIDTH, y + row * _HEIGHT, _WIDTH, _HEIGHT), _drawn(chart, region))
        y += -(-len(section.charts) * _WIDTH // _COLUMNS) * _HEIGHT


def _placed(kind: str, place: tuple[int, int, int, int], properties: Mapping[str, object]) -> Widget:
    x, y, width, height = place
    return {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}


def _drawn(chart: Chart, region: pulumi.Input[str]) -> Mapping[str, object]:
    return {
        "title": chart.title,
        "region": region,
        "view": "timeSeries",
        "stacked": False,
        "period": _PERIOD,
        "yAxis": {"left": {"min": 0}},
        "metrics": [_metric(line) for line in chart.lines],
    }


def _metric(line: Line) -> list[object]:
    dimensions = [part for name, value in sorted(line.dimensions.items()) for part in (name, value)]
    return [line.namespace, line.metric, *dimensions, {"label": line.label, "stat": line.statistic}]
