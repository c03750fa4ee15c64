"""How many messages each queue gets, and what that makes of a worker's month."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from automation.cost.resources import Resource, Resources
from automation.cost.schedule import times_a_year
from automation.cost.usage import ServiceUsage, Usage

QUEUE: Final = "aws:sqs/queue:Queue"
SCHEDULE: Final = "aws:scheduler/schedule:Schedule"
DEAD_LETTERS: Final = "-dead-letter"

_METRICS: Final = 3
"""Metrics that a worker in a function writes for each trigger: done, not done, how long it took."""

_YEAR_HOURS: Final = 8760
_HOUR_MINUTES: Final = 60
_MINUTES: Final = {"minute": 1, "hour": 60, "day": 1440}
_RATE: Final = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)s?\)")


def per_month(rate: str, hours: Decimal) -> Decimal | None:
    """Return how often `rate(5 minutes)` is in a month; None for what is no rate."""
    found = _RATE.fullmatch(rate)
    return hours * _HOUR_MINUTES / (int(found[1]) * _MINUTES[found[2]]) if found else None


def firings(schedule: Resource, hours: Decimal) -> Decimal | None:
    """Return how often a schedule comes true in a month; None where nobody can say."""
    expression = str(schedule.get("scheduleExpression"))
    if expression.startswith("at("):
        return Decimal(1)
    if (rate := per_month(expression, hours)) is not None:
        return rate
    times = times_a_year(expression, str(schedule.get("scheduleExpressionTimezone", "UTC") or "UTC"))
    return None if times is None else times * hours / _YEAR_HOURS


def messages_of(queue: Resource, resources: Resources, usage: Usage) -> Decimal:
    """Return the messages that a queue gets in a month; dead letters are taken to be none."""
    if queue.name.endswith(DEAD_LETTERS):
        return Decimal(0)
    clocks = [each for each in resources.of(SCHEDULE) if each.name == queue.name]
    fired = firings(clocks[0], usage.hours) if clocks else None
    return usage.of(resources.service_of(queue)).messages if fired is None else fired


def worker_usage(service: str, resources: Resources, usage: Usage) -> ServiceUsage:
    """Return what a service's worker is used for: its messages as though they were requests without an answer."""
    own = usage.of(service)
    queues = [each for each in resources.of(QUEUE) if resources.service_of(each) == service and _feeds(each, resources)]
    return own.model_copy(
        update={
            "requests": sum((messages_of(queue, resources, usage) for queue in queues), Decimal(0)),
            "duration_ms": own.message_ms,
            "response_kb": Decimal(0),
            "metrics": Decimal(_METRICS * len(queues)),
            "paid_calls": (),
        }
    )


def _feeds(queue: Resource, resources: Resources) -> bool:
    return resources.component_of(queue) == "Queue" and not queue.name.endswith(DEAD_LETTERS)
