"""The dashboard: a document that CloudWatch can draw, made of what the stack has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from components import charts
from components.alarms import Severity, Watch, alarm
from components.base import Component
from components.dashboard import Dashboard, Section, widgets

ALL = [
    *charts.function_charts("f"),
    *charts.task_charts({"ClusterName": "c", "ServiceName": "s"}, insights=True),
    *charts.pod_charts(cluster_name="c", namespace="n"),
    *charts.target_charts(load_balancer_suffix="app/l", target_group_suffix="t"),
    *charts.queue_charts("q", "d"),
    *charts.database_charts("db"),
    *charts.table_charts("t"),
    *charts.http_api_charts("a"),
    *charts.rest_api_charts("a", "live"),
]


def test_alarms_come_first_and_each_section_has_a_title(deploy: Callable[..., Any]) -> None:
    def program() -> None:
        watch = Watch(suffix="bad", says="bad.", namespace="N", metric="M", above=1, severity=Severity.WARNING)
        bad = alarm(Component("Thing", "dev-thing"), watch, {"A": "b"})
        sections = [Section(title="netprobe", charts=charts.function_charts("dev-netprobe-1"))]
        Dashboard("dev-stack", sections=sections, alarms=[bad], region="eu-west-1")

    made = deploy(program).one("cloudwatch/dashboard:Dashboard").inputs
    assert made["dashboardName"] == "dev-stack"
    first, title, *drawn = json.loads(made["dashboardBody"])["widgets"]
    assert first["properties"]["alarms"] == ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:dev-thing-bad-1a2b3c4"]
    assert title["properties"]["markdown"] == "## netprobe"
    assert {chart["properties"]["region"] for chart in drawn} == {"eu-west-1"}


@given(st.lists(st.integers(0, 9), max_size=6), st.booleans())
def test_nothing_overlaps_or_leaves_the_page(counts: list[int], alarms: bool) -> None:
    sections = [Section(title=str(at), charts=ALL[:count]) for at, count in enumerate(counts)]
    taken: set[tuple[int, int]] = set()
    for each in widgets(sections, ["arn"] if alarms else [], region="r"):
        place: Any = each
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["width"])
            for y in range(place["y"], place["y"] + place["height"])
        }
        assert not cells & taken
        assert all(0 <= x < 24 for x, _ in cells)
        taken |= cells


def test_every_metric_is_written_as_cloudwatch_reads_it() -> None:
    for each in widgets([Section(title="all", charts=ALL)], [], region="r"):
        said: Any = each
        for namespace, metric, *dimensions, how in said["properties"].get("metrics", []):
            assert namespace
            assert metric
            assert dimensions
            assert len(dimensions) % 2 == 0
            assert how.keys() == {"label", "stat"}
