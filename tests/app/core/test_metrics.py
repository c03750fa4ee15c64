"""Every request is counted under its route, wherever the figures go; what callers write never becomes a label."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace
from typing import Any

import botocore.session
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from app.core.metrics import EmfRecorder, PrometheusRecorder, recorder
from app.core.settings import Settings, SettingsError
from app.core.state import Readiness
from tests.app.core.acting import PATIENCE, REPOSITORY, Act, container, free_port, run

_CLOUDWATCH: Any = botocore.session.get_session().get_service_model("cloudwatch")
_DATUM = _CLOUDWATCH.shape_for("MetricDatum").members
_DIMENSION = _CLOUDWATCH.shape_for("Dimension").members
UNITS = frozenset(_DATUM["Unit"].enum)
LONGEST_METRIC = _DATUM["MetricName"].metadata["max"]
LONGEST_DIMENSION = _DIMENSION["Name"].metadata["max"]
LONGEST_VALUE = _DIMENSION["Value"].metadata["max"]
LONGEST_NAMESPACE = _CLOUDWATCH.shape_for("Namespace").metadata["max"]


@pytest.fixture
def port() -> int:
    return free_port()


def scraped(port: int) -> dict[tuple[str, ...], float]:
    """Return what Prometheus would read, by name and label values."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def served(act: Act, port: int, **environ: str) -> dict[tuple[str, ...], float]:
    """Act and return what was counted."""

    async def then_scrape(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
        await act(client)
        return await asyncio.to_thread(scraped, port)

    return run(then_scrape, METRICS="prometheus", METRICS_PORT=str(port), **environ)


def lines(act: Act, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Act and return the lines that CloudWatch would read."""
    run(act, METRICS="emf")
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def visit(client: httpx.AsyncClient) -> None:
    await client.get("/health")
    await client.get("/health")
    await client.delete("/health")
    await client.post("/v1/probes/tcp", json={"host": "example.com", "port": 22})
    await client.get("/etc/passwd")


def test_requests_are_counted_by_method_route_and_class_of_status(port: int) -> None:
    counted = served(visit, port)
    assert {key[1:]: count for key, count in counted.items() if key[0] == "http_requests_total"} == {
        ("GET", "/health", "2xx"): 2,
        ("DELETE", "/health", "4xx"): 1,
        ("POST", "/v1/probes/tcp", "4xx"): 1,
        ("GET", "unmatched", "4xx"): 1,
    }


def test_durations_are_a_histogram_by_route(port: int) -> None:
    counted = served(lambda client: client.get("/faults/delay?seconds=0.06"), port, FAULTS="true", ENVIRONMENT="dev")
    buckets = {
        float(key[1]): count
        for key, count in counted.items()
        if key[0] == "http_request_duration_seconds_bucket" and key[3] == "/faults/delay"
    }
    assert buckets[0.05] == 0
    assert buckets[30] == buckets[float("inf")] == 1
    assert counted["http_request_duration_seconds_count", "GET", "/faults/delay"] == 1
    assert 0.06 <= counted["http_request_duration_seconds_sum", "GET", "/faults/delay"] < 30


def test_a_parameter_is_not_a_label(port: int) -> None:
    async def act(client: httpx.AsyncClient) -> None:
        for code in (500, 502, 503):
            await client.get(f"/faults/status/{code}")

    counted = served(act, port, FAULTS="true", ENVIRONMENT="dev")
    assert counted["http_requests_total", "GET", "/faults/status/{code}", "5xx"] == 3


def test_no_caller_can_make_labels(port: int) -> None:
    async def act(client: httpx.AsyncClient) -> None:
        for number in range(50):
            await client.request(f"M{number}", f"/{number}", headers={"host": f"h{number}"})

    counted = served(act, port)
    assert counted["http_requests_total", "other", "unmatched", "4xx"] == 50
    assert len([key for key in counted if key[0] == "http_requests_total"]) == 1


def test_requests_under_way_are_seen_and_forgotten(port: int) -> None:
    async def act(client: httpx.AsyncClient) -> list[float]:
        async def under_way() -> float:
            return (await asyncio.to_thread(scraped, port))[("http_requests_in_progress",)]

        request = asyncio.create_task(client.get("/faults/delay?seconds=0.5"))
        await asyncio.sleep(0.1)
        during = await under_way()
        await request
        return [during, await under_way()]

    environ = {"FAULTS": "true", "ENVIRONMENT": "dev", "METRICS": "prometheus", "METRICS_PORT": str(port)}
    assert run(act, **environ) == [1, 0]


def test_the_process_is_measured_too(port: int) -> None:
    counted = served(lambda client: client.get("/health"), port)
    assert counted[("process_resident_memory_bytes",)] > 1024**2
    assert counted[("process_open_fds",)] > 0


def test_the_front_door_does_not_lead_to_the_figures(port: int) -> None:
    answer = run(lambda client: client.get("/metrics"), METRICS="prometheus", METRICS_PORT=str(port))
    assert answer.status_code == 404


def test_two_apps_in_one_process_count_for_themselves(port: int) -> None:
    served(visit, port)
    assert served(lambda client: client.get("/health"), port)["http_requests_total", "GET", "/health", "2xx"] == 1


def test_the_port_is_free_again_afterwards(port: int) -> None:
    served(visit, port)
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_taken_port_is_said_and_costs_no_request(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", port)), caplog.at_level(logging.ERROR):
        answer = run(lambda client: client.get("/health"), METRICS="prometheus", METRICS_PORT=str(port))
    assert answer.status_code == 200
    assert f"Metrics are not served: 127.0.0.1:{port}: " in caplog.text
    assert "Set METRICS_PORT to a free port" in caplog.text


def test_the_app_and_its_metrics_cannot_share_a_port() -> None:
    with pytest.raises(SettingsError, match="METRICS_PORT=8080 is also PORT"):
        Settings.from_environ({"METRICS_PORT": "8080"})


@pytest.mark.parametrize(
    ("setting", "auto", "chosen"),
    [
        ("", "prometheus", PrometheusRecorder),
        ("auto", "emf", EmfRecorder),
        ("emf", "prometheus", EmfRecorder),
        ("prometheus", "emf", PrometheusRecorder),
        ("off", "prometheus", None),
        ("off", "emf", None),
        ("auto", None, None),
    ],
)
def test_the_setting_outranks_what_an_entry_thinks_fit(setting: str, auto: Any, chosen: type | None) -> None:
    found = recorder(Settings.from_environ({"METRICS": setting}), "netprobe", auto)
    assert found is None if chosen is None else isinstance(found, chosen)


def test_without_metrics_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda client: client.get("/health"), METRICS="off").status_code == 200
    assert capsys.readouterr().out == ""


def test_a_line_per_request_says_what_prometheus_would_count(capsys: pytest.CaptureFixture[str]) -> None:
    found = [(line["Method"], line["Route"], line["Status"], line["Requests"]) for line in lines(visit, capsys)]
    assert found == [
        ("GET", "/health", "2xx", 1),
        ("GET", "/health", "2xx", 1),
        ("DELETE", "/health", "4xx", 1),
        ("POST", "/v1/probes/tcp", "4xx", 1),
        ("GET", "unmatched", "4xx", 1),
    ]


def test_lines_keep_stacks_and_services_apart(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = lines(lambda client: client.get("/health"), capsys)
    assert (line["Service"], line["Environment"]) == ("netprobe", "prod")
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert {"Service", "Environment"} <= set(directive["Dimensions"][0])


@given(
    method=st.text(min_size=1),
    route=st.text(min_size=1, max_size=200),
    status=st.integers(100, 599),
    seconds=st.floats(0, 900),
)
def test_every_line_keeps_the_rules_of_the_embedded_metric_format(
    method: str, route: str, status: int, seconds: float
) -> None:
    """The rules are CloudWatch's specification of the format; units and lengths are botocore's model of its API."""
    written: list[str] = []
    stream: Any = SimpleNamespace(write=written.append, flush=lambda: None)
    EmfRecorder("netprobe", "prod", stream).ended(method, route, status, seconds)
    (line,) = written
    assert line.endswith("\n")
    assert "\n" not in line[:-1]
    assert len(line.encode()) <= 256 * 1024
    check_emf(json.loads(line))


def check_emf(document: dict[str, Any]) -> None:
    assert set(document["_aws"]) == {"Timestamp", "CloudWatchMetrics"}
    assert type(document["_aws"]["Timestamp"]) is int
    assert document["_aws"]["Timestamp"] > 1_000_000_000_000, "milliseconds, not seconds"
    assert document["_aws"]["CloudWatchMetrics"]
    for directive in document["_aws"]["CloudWatchMetrics"]:
        assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= LONGEST_NAMESPACE
        assert not directive["Namespace"].startswith("AWS/"), "reserved"
        assert directive["Dimensions"]
        for names in directive["Dimensions"]:
            assert len(names) == len(set(names)) <= 30
            for name in names:
                assert 1 <= len(name) <= min(LONGEST_DIMENSION, 250)
                assert type(document[name]) is str
                assert 1 <= len(document[name]) <= LONGEST_VALUE
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert set(metric) <= {"Name", "Unit", "StorageResolution"}
            assert 1 <= len(metric["Name"]) <= LONGEST_METRIC
            assert metric["Unit"] in UNITS
            assert type(document[metric["Name"]]) in {int, float}


def test_the_check_of_the_format_can_fail(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = lines(lambda client: client.get("/health"), capsys)
    check_emf(line)
    line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] = "Requests"
    with pytest.raises(AssertionError):
        check_emf(line)


def test_a_request_that_fails_is_counted_as_one_of_ours(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Readiness) -> list[str]:
        raise ZeroDivisionError

    monkeypatch.setattr(Readiness, "missing", fail)
    counted = served(lambda client: client.get("/ready"), port)
    assert counted["http_requests_total", "GET", "/ready", "5xx"] == 1
    assert counted[("http_requests_in_progress",)] == 0


def test_a_refusal_before_routing_is_counted_too(port: int) -> None:
    async def act(client: httpx.AsyncClient) -> None:
        for _ in range(3):
            await client.get("/version")

    counted = served(act, port, RATE_LIMIT="1/60")
    assert counted["http_requests_total", "GET", "/version", "2xx"] == 1
    assert counted["http_requests_total", "GET", "unmatched", "4xx"] == 2


@pytest.mark.e2e
def test_a_container_serves_its_figures_without_being_told(port: int) -> None:
    with container({"METRICS_PORT": str(port)}) as (own, _):
        with urllib.request.urlopen(f"http://127.0.0.1:{own}/health", timeout=PATIENCE) as answer:
            assert answer.status == 200
        # An answer is counted once it was sent.
        deadline = time.monotonic() + PATIENCE
        while not (count := scraped(port).get(("http_requests_total", "GET", "/health", "2xx"))):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert count == 1


@pytest.mark.e2e
def test_a_function_writes_its_figures_without_being_told() -> None:
    event = {
        "version": "2.0",
        "rawPath": "/health",
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"http": {"method": "GET", "path": "/health", "sourceIp": "127.0.0.1"}},
        "isBase64Encoded": False,
    }
    done = subprocess.run(
        [sys.executable, "-c", f"from app.handler import lambda_handler\nlambda_handler({event!r}, None)"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    (line,) = done.stdout.splitlines()
    check_emf(json.loads(line))
    assert json.loads(line)["Route"] == "/health"
