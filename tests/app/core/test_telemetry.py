"""Traces and metrics reach a collector that speaks OTLP over HTTP; without one, nothing of it is even imported."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.core.settings import Settings, SettingsError
from app.core.telemetry import trace_id
from tests.app.core.acting import PATIENCE, REPOSITORY, container

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"

# One invocation, then the freezer: what has not been sent by the end of the handler is never sent.
INVOCATION = f"""
from app.handler import lambda_handler
import os, time
event = {{
    "version": "2.0",
    "rawPath": "/health",
    "rawQueryString": "",
    "headers": {{"traceparent": "00-{TRACE}-{PARENT}-01"}},
    "requestContext": {{"http": {{"method": "GET", "path": "/health", "sourceIp": "127.0.0.1"}}}},
    "isBase64Encoded": False,
}}
begun = time.perf_counter()
reply = lambda_handler(event, None)
print(reply["statusCode"], time.perf_counter() - begun, flush=True)
os._exit(0)
"""
LIFE = """
import asyncio, sys
from app.main import app
async def live():
    async with app.router.lifespan_context(app):
        messages = []
        scope = {"type": "http", "method": "GET", "path": "/health", "headers": [], "query_string": b""}
        async def send(message):
            messages.append(message)
        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}
        await app(scope, receive, send)
        assert messages[0]["status"] == 200
"""


@dataclass
class Collector:
    """What came, by signal."""

    port: int = 0
    spans: list[tuple[dict[str, Any], Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.headers.append(headers)
        if path == "/v1/traces":
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = attributes(group.resource.attributes)
                self.spans += [(resource, span) for scope in group.scope_spans for span in scope.spans]
        else:
            assert path == "/v1/metrics"
            for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics |= {metric.name: metric for scope in group.scope_metrics for metric in scope.metrics}


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            found.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def python(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "METRICS": "off", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def get(port: int, path: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert answer.status == 200


@pytest.mark.e2e
def test_a_container_sends_what_it_has_before_it_stops(collector: Collector) -> None:
    environ = {"METRICS": "off", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "ENVIRONMENT": "staging"}
    with container({**environ, "SERVICES": "netprobe"}) as (port, process):
        get(port, "/version?secret=1")
        get(port, "/health")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)

    named = {span.name: (resource, span) for resource, span in collector.spans}
    assert set(named) == {"GET /version", "GET /health"}
    resource, span = named["GET /health"]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert attributes(span.attributes)["http.response.status_code"] == 200
    assert resource["service.name"] == "netprobe"
    assert resource["deployment.environment.name"] == "staging"
    assert resource["service.instance.id"]
    points = collector.metrics["http.server.request.duration"].histogram.data_points
    assert {attributes(point.attributes)["http.route"]: point.count for point in points} == {
        "/version": 1,
        "/health": 1,
    }


@pytest.mark.e2e
def test_a_function_sends_what_it_has_after_each_request(collector: Collector) -> None:
    done = python(INVOCATION, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)

    assert done.stdout.startswith("200 "), done.stderr
    assert [span.trace_id.hex() for _, span in collector.spans] == [TRACE]
    assert "http.server.request.duration" in collector.metrics
    assert f'"trace_id":"{TRACE}"' in done.stderr, "a record in the log leads to its trace"


@pytest.mark.e2e
def test_names_that_the_operator_gives_win(collector: Collector) -> None:
    done = python(
        INVOCATION,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
        OTEL_SERVICE_NAME="probes",
        OTEL_RESOURCE_ATTRIBUTES="team=network,service.version=7",
    )

    assert done.stdout.startswith("200 "), done.stderr
    ((resource, _),) = collector.spans
    assert (resource["service.name"], resource["team"], resource["service.version"]) == ("probes", "network", "7")


@pytest.mark.e2e
def test_each_signal_can_be_left_out(collector: Collector) -> None:
    python(INVOCATION, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_METRICS_EXPORTER="none")
    assert (len(collector.spans), collector.metrics) == (1, {})

    python(INVOCATION, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_TRACES_EXPORTER="none")
    assert len(collector.spans) == 1
    assert "http.server.request.duration" in collector.metrics


@pytest.mark.e2e
def test_the_key_to_a_collector_may_be_a_secret(collector: Collector) -> None:
    resolved = "{'OTEL_EXPORTER_OTLP_HEADERS': 'api-key=s3cret'}"
    program = f"from app.core import secrets\nsecrets.load = lambda environ: environ.update({resolved})\n{INVOCATION}"
    done = python(program, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)

    assert done.stdout.startswith("200 "), done.stderr
    assert {headers.get("api-key") for headers in collector.headers} == {"s3cret"}


@pytest.mark.e2e
@pytest.mark.parametrize("answers", [False, True], ids=["refuses", "hangs"])
def test_a_lost_collector_costs_a_request_seconds_and_not_its_answer(answers: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if not answers:
            listener.close()
        done = python(INVOCATION, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")

    status, seconds = done.stdout.split()
    assert status == "200"
    assert float(seconds) < 10, "two exports of 2 s; OpenTelemetry's own limit would be 10 s each"


@pytest.mark.e2e
def test_switched_off_it_is_not_imported() -> None:
    done = python(f"{LIFE}\nasyncio.run(live())\nprint(*sys.modules)")

    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert "opentelemetry.trace" in loaded, "FastAPI brings the API along; is the check below still about the SDK?"
    foreign = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "google.protobuf", "requests")
    assert [name for name in loaded if name.startswith(foreign)] == []


@pytest.mark.e2e
@pytest.mark.parametrize("entry", ["main", "handler"])
def test_a_missing_package_is_said_at_start(entry: str) -> None:
    block = "import sys\nsys.modules['opentelemetry.exporter.otlp.proto.http.trace_exporter'] = None\n"
    done = python(f"{block}import app.{entry}", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")

    assert done.returncode == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT='http://127.0.0.1:4318': telemetry needs packages that are not" in done.stderr
    assert "requirements/telemetry.txt" in done.stderr
    assert entry == "handler" or "Traceback" not in done.stderr


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://collector", "http://", "http:///v1", "http://a b"])
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT="):
        Settings.from_environ({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})


def test_a_protocol_that_is_not_built_in_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"OTEL_EXPORTER_OTLP_PROTOCOL='grpc': .*'http/protobuf'"):
        Settings.from_environ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


def test_outside_a_request_there_is_no_trace() -> None:
    assert trace_id() is None
