"""OpenTelemetry traces and metrics, where OTEL_EXPORTER_OTLP_ENDPOINT says where they go.

FastAPI makes the spans and measurements itself and needs only OpenTelemetry's API, which it brings along; this module
gives them somewhere to go. The SDK and its exporter are an extra (requirements/telemetry.txt) and are imported only
when they are asked for. Everything but the endpoint and its protocol is read by the SDK itself, under the names that
OpenTelemetry documents.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Generator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager

from opentelemetry import metrics, trace

from app import __version__
from app.core.settings import Settings, SettingsError

_TIMEOUT = "OTEL_EXPORTER_OTLP_TIMEOUT"
_SECONDS = "2"
"""For one export: a function's caller waits for it, so that a collector that is gone must not cost 10 s per request."""

_EXPORTERS = ("trace_exporter", "metric_exporter")


def check(settings: Settings) -> None:
    """Make sure that what telemetry needs is installed where it is asked for; raises `SettingsError`."""
    if not settings.otel_exporter_otlp_endpoint:
        return
    try:
        for exporter in _EXPORTERS:
            importlib.import_module(f"opentelemetry.exporter.otlp.proto.http.{exporter}")
    except ImportError as error:
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT={settings.otel_exporter_otlp_endpoint!r}: telemetry needs packages that "
            f"are not installed ({error.name} is missing). Build the image with --build-arg "
            "REQUIREMENTS=telemetry.txt, or install requirements/telemetry.txt; or unset the variable."
        ) from None


@contextmanager
def exported(settings: Settings, service: str, environ: MutableMapping[str, str]) -> Generator[None]:
    """Export spans and measurements for as long as the app runs; do nothing without an endpoint.

    Secrets have to be resolved before: the headers that an endpoint wants are one.
    """
    if not settings.otel_exporter_otlp_endpoint:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    environ.setdefault(_TIMEOUT, _SECONDS)
    known = {
        "service.name": service,
        "service.version": __version__,
        "service.instance.id": str(uuid.uuid4()),
        "deployment.environment.name": settings.environment,
    }
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word.
    resource = Resource.create(known).merge(OTELResourceDetector().detect())
    with ExitStack() as stopped:
        if _wanted("TRACES", environ):
            tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
            tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            trace.set_tracer_provider(tracers)
            stopped.callback(tracers.shutdown)
        if _wanted("METRICS", environ):
            reader = PeriodicExportingMetricReader(OTLPMetricExporter())
            meters = MeterProvider(metric_readers=[reader], resource=resource, shutdown_on_exit=False)
            metrics.set_meter_provider(meters)
            stopped.callback(meters.shutdown)
        yield


def _wanted(signal: str, environ: Mapping[str, str]) -> bool:
    return environ.get(f"OTEL_{signal}_EXPORTER", "otlp") != "none"


def flush() -> None:
    """Export what has not been exported: a function may be frozen after each request, for good."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        force = getattr(provider, "force_flush", None)
        if force is not None:
            force()


def trace_id() -> str | None:
    """Return the trace that the current request belongs to, for log records."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None
