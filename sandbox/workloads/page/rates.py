"""How many requests a second, by what was measured in the last seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sandbox.workloads.metrics import Metrics

WINDOW: Final = 10
"""Seconds over which a rate is taken."""


class Rates:
    """The rates at one moment."""

    def __init__(self, metrics: Metrics, now: float) -> None:
        self._metrics = metrics
        # The second that is under way has not seen all of its requests.
        self._end = int(now)
        self._known = {(space, name, frozenset(pairs.items())) for space, name, pairs in metrics.names()}

    def of(self, namespace: str, name: str, dimensions: Mapping[str, str]) -> float | None:
        """Return how often a second something was counted; None where nothing ever was."""
        if (namespace, name, frozenset(dimensions.items())) not in self._known:
            return None
        start = self._end - WINDOW
        points = self._metrics.statistics(namespace, name, dimensions, start, self._end, period=1, stat="Sum")
        return round(sum(value for _, value in points) / WINDOW, 2)
