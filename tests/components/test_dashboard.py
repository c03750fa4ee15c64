"""The dashboard: a document that CloudWatch can draw, made of what has alarms."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.alarms import Severity, Watch, alarm
from components.base import Component
from components.charts import CHARTS
from components.dashboard import Dashboard, Drawn, widgets
from components.notifications import Notifications

OF = {"FunctionName": "dev-netprobe-1"}
ALL = [Drawn(chart=chart, namespace=name, dimensions=OF) for name, charts in CHARTS.items() for chart in charts]


def watch(namespace: str, suffix: str, severity: Severity = Severity.WARNING) -> Watch:
    return Watch(suffix=suffix, says="bad.", namespace=namespace, metric="M", above=1, severity=severity)


@pytest.fixture
def body(deploy: Callable[..., Any]) -> dict[str, Any]:
    """Return the dashboard of a function with two alarms and of something that nobody can draw."""

    def program() -> None:
        told = Notifications("dev-alarms")
        opts = pulumi.ResourceOptions(transformations=[told.attach])
        function = Component("Thing", "dev-netprobe", opts)
        for suffix in ("errors", "throttles"):
            alarm(function, watch("AWS/Lambda", suffix), OF)
        alarm(Component("Thing", "dev-other", opts), watch("Acme/Own", "bad"), {})
        Dashboard("dev-stack", watched=told.watched, region="eu-west-1")

    made = deploy(program).one("cloudwatch/dashboard:Dashboard").inputs
    assert made["dashboardName"] == "dev-stack"
    return json.loads(made["dashboardBody"])


def test_alarms_come_first_and_what_has_several_is_drawn_once(body: dict[str, Any]) -> None:
    alarms, title, *drawn = body["widgets"]
    assert [arn.rpartition("/")[2] for arn in alarms["properties"]["alarms"]] == [
        "dev-netprobe-errors-1a2b3c4",
        "dev-netprobe-throttles-1a2b3c4",
        "dev-other-bad-1a2b3c4",
    ]
    assert title["properties"]["markdown"] == "## dev-netprobe"
    assert [chart["properties"]["title"] for chart in drawn] == [chart.title for chart in CHARTS["AWS/Lambda"]]
    assert {chart["properties"]["region"] for chart in drawn} == {"eu-west-1"}


@given(st.lists(st.integers(0, 9), max_size=6), st.booleans())
def test_nothing_overlaps_or_leaves_the_page(counts: list[int], alarms: bool) -> None:
    sections = {str(at): ALL[:count] for at, count in enumerate(counts)}
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
    for each in widgets({"all": ALL}, [], region="r"):
        said: Any = each
        for namespace, metric, *dimensions, how in said["properties"].get("metrics", []):
            assert namespace in CHARTS
            assert metric
            assert dimensions == ["FunctionName", "dev-netprobe-1"]
            assert how.keys() == {"label", "stat"}
