"""Metrics as alarms and policies ask for them, minute by minute of the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.workloads.scaling.expressions import NotSimulatedError, evaluate

if TYPE_CHECKING:
    from sandbox.workloads.clock import Clock
    from sandbox.workloads.metrics import Metrics

MINUTE = 60
_COUNTS = frozenset({"Sum", "SampleCount"})
# Told once a minute of the clock, not once for each thing that happens.
_GAUGES = frozenset({"AWS/ECS", "AWS/SQS", "AWS/RDS", "ECS/ContainerInsights", "ContainerInsights"})


@dataclass(frozen=True)
class Metric:
    """A statistic of one metric."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    stat: str


@dataclass(frozen=True)
class Query:
    """One metric, or an expression over several by their ids; `result` is the one that counts."""

    metrics: Mapping[str, Metric]
    expressions: Mapping[str, str]
    result: str

    def queues(self) -> frozenset[str]:
        """Return the names of the queues that it is about."""
        return frozenset(one.dimensions["QueueName"] for one in self.metrics.values() if one.namespace == "AWS/SQS")


def single(metric: Metric) -> Query:
    """Return a query for one metric."""
    return Query({"m": metric}, {}, "m")


def queries(given: Sequence[Mapping[str, Any]], block: str) -> Query:
    """Return what a list of metric data queries asks for; `block` is the name of their block for a metric.

    Raises:
        NotSimulatedError: None of them is the result.

    """
    metrics: dict[str, Metric] = {}
    expressions: dict[str, str] = {}
    result = ""
    for one in given:
        if one.get("returnData"):
            result = one["id"]
        if one.get("expression"):
            expressions[one["id"]] = one["expression"]
            continue
        details: Mapping[str, Any] = one[block]
        # A policy keeps what a metric is beside its statistic, an alarm keeps all of it together.
        what: Mapping[str, Any] = details.get("metric") or details
        stat = details.get("stat") or what.get("stat")
        metrics[one["id"]] = Metric(
            what["namespace"], what["metricName"], dimensions(what.get("dimensions")), str(stat)
        )
    if not result:
        message = "a list of metrics that returns none"
        raise NotSimulatedError(message)
    return Query(metrics, expressions, result)


def dimensions(given: Mapping[str, str] | Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Return dimensions, which are a mapping or a list of names and values."""
    if given is None or isinstance(given, Mapping):
        return dict(given or {})
    return {one["name"]: one["value"] for one in given}


@dataclass(frozen=True)
class Readings:
    """Reads metrics by periods of the clock; a period is whole seconds of this machine, one at least.

    What is counted is scaled to the whole of a period: requests come as fast as they come, and a minute of a clock that
    runs ten times as fast sees a tenth of a minute's.
    """

    metrics: Metrics
    clock: Clock

    def period(self, seconds: float = MINUTE) -> int:
        """Return how many seconds of this machine a period of the clock takes."""
        return max(1, round(self.clock.real(seconds)))

    def read(self, query: Query, periods: int, until: float, seconds: int = MINUTE) -> list[float | None]:
        """Return a query's values of the last whole periods before a time, the oldest first; None where it has none.

        Raises:
            NotSimulatedError: It has an expression that is not known here.

        """
        period = self.period(seconds)
        end = int(until) - int(until) % period
        begins = range(end - periods * period, end, period)
        found = {name: self._values(metric, begins, period, seconds) for name, metric in query.metrics.items()}
        return [_result(query, {name: one[begin] for name, one in found.items() if begin in one}) for begin in begins]

    def known(self, query: Query) -> bool:
        """Whether any of a query's metrics was ever measured."""
        return any(
            metric.name == name and metric.dimensions == told
            for metric in query.metrics.values()
            for _, name, told in self.metrics.names(metric.namespace)
        )

    def _values(self, metric: Metric, begins: range, period: int, seconds: int) -> dict[int, float]:
        found = self.metrics.statistics(
            metric.namespace,
            metric.name,
            metric.dimensions,
            begins.start,
            begins.stop,
            period=period,
            stat=metric.stat,
        )
        factor = seconds / period if metric.stat in _COUNTS and metric.namespace not in _GAUGES else 1
        return {int(begin): value * factor for begin, value in found}


def _result(query: Query, values: Mapping[str, float]) -> float | None:
    known = dict(values)
    waiting = dict(query.expressions)
    # An expression may need another one, whose id is only then a name with a value.
    for _ in query.expressions:
        for name, expression in list(waiting.items()):
            value = evaluate(expression, known)
            if value is not None:
                known[name] = value
                del waiting[name]
    return known.get(query.result)
