"""What is counted of every message, and where the figures go: as with requests, to Prometheus or in lines of EMF."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal, Protocol, TextIO

from app.core.metrics import Format, directive, served, wanted, write_emf
from app.core.settings import Settings

Outcome = Literal["done", "duplicate", "busy", "failed", "parked"]
"""Of an attempt: done now, done before, in progress elsewhere, to be tried again, in the dead letter queue."""

_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 900)


class MessageRecorder(Protocol):
    """Where the figures go."""

    def ended(self, trigger: str, outcome: Outcome, seconds: float) -> None:
        """Note how an attempt at a message ended."""
        ...

    @contextmanager
    def offered(self) -> Generator[None]:
        """Let the figures be read for as long as the worker runs."""
        ...


def message_recorder(settings: Settings, service: str, auto: Format) -> MessageRecorder | None:
    """Return the recorder that METRICS asks for."""
    match wanted(settings, auto):
        case "prometheus":
            return _Prometheus(settings.host, settings.metrics_port)
        case "emf":
            return EmfMessages(service, settings.environment)
        case _:
            return None


class _Prometheus:
    def __init__(self, host: str, port: int) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector  # noqa: PLC0415

        self._place = (host, port)
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._messages = Counter("messages", "Attempts at messages.", ("trigger", "outcome"), registry=self._registry)
        self._seconds = Histogram(
            "message_duration_seconds",
            "Time that attempts took.",
            ("trigger",),
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def ended(self, trigger: str, outcome: Outcome, seconds: float) -> None:
        self._messages.labels(trigger, outcome).inc()
        self._seconds.labels(trigger).observe(seconds)

    @contextmanager
    def offered(self) -> Generator[None]:
        with served(self._registry, self._place):
            yield


class EmfMessages:
    """Writes one line per attempt, from which CloudWatch Logs makes metrics."""

    def __init__(self, service: str, environment: str, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._same = {"Service": service, "Environment": environment}
        # Each combination of dimensions is a metric that is paid for: durations are not split by outcome.
        self._directives = [
            directive([*self._same, "Trigger", "Outcome"], "Messages", "Count"),
            directive([*self._same, "Trigger"], "MessageDuration", "Milliseconds"),
        ]

    def ended(self, trigger: str, outcome: Outcome, seconds: float) -> None:
        """Write the line."""
        figures = {
            "Trigger": trigger,
            "Outcome": outcome,
            "Messages": 1,
            "MessageDuration": round(seconds * 1000, 3),
        }
        write_emf(self._directives, self._same | figures, self._stream or sys.stdout)

    @contextmanager
    def offered(self) -> Generator[None]:
        """Do nothing: lines need no reader."""
        yield
