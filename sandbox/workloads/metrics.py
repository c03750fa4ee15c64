"""What was measured, asked for as CloudWatch is asked: by namespace, name, dimensions, period and statistic."""

from __future__ import annotations

import math
import random
import re
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Key = tuple[str, str, frozenset[tuple[str, str]]]

_KEPT_SECONDS = 3600
_SAMPLES = 50
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")


@dataclass
class _Second:
    """All values of one second; beyond some samples, a random choice of them stands for all."""

    count: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    samples: array[float] = field(default_factory=lambda: array("d"))

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)
        if len(self.samples) < _SAMPLES:
            self.samples.append(value)
        elif (place := random.randrange(self.count)) < _SAMPLES:  # noqa: S311 - a sample, not a secret
            self.samples[place] = value


_STATISTICS: Mapping[str, Callable[[list[_Second]], float]] = {
    "Sum": lambda seconds: sum(one.total for one in seconds),
    "SampleCount": lambda seconds: float(sum(one.count for one in seconds)),
    "Average": lambda seconds: sum(one.total for one in seconds) / sum(one.count for one in seconds),
    "Minimum": lambda seconds: min(one.least for one in seconds),
    "Maximum": lambda seconds: max(one.most for one in seconds),
}


class Metrics:
    """The measurements of the last hour, second by second."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._series: dict[Key, dict[int, _Second]] = defaultdict(dict)

    def add(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float = 1.0) -> None:
        """Note a value that was measured just now."""
        series = self._series[_key(namespace, name, dimensions)]
        moment = int(self._now())
        second = series.get(moment)
        if second is None:
            second = series[moment] = _Second()
            while (oldest := next(iter(series))) < moment - _KEPT_SECONDS:
                del series[oldest]
        second.add(value)

    def statistics(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        start: float,
        end: float,
        *,
        period: int,
        stat: str,
    ) -> list[tuple[float, float]]:
        """Return time and value of every period with a value that begins in [start, end), the oldest first.

        Times are seconds since 1970. `stat` is Sum, SampleCount, Average, Minimum, Maximum or a percentile as in p95.

        Raises:
            ValueError: There is no such statistic.

        """
        value = _statistic(stat)
        series = self._series.get(_key(namespace, name, dimensions), {})
        periods: dict[int, list[_Second]] = defaultdict(list)
        first = int(start) - int(start) % period
        for moment, second in series.items():
            if first <= moment and (begin := moment - moment % period) < end:
                periods[begin].append(second)
        return [(float(begin), value(seconds)) for begin, seconds in sorted(periods.items())]

    def names(self, namespace: str = "") -> list[tuple[str, str, dict[str, str]]]:
        """Return namespace, name and dimensions of all that was measured."""
        return [(space, name, dict(pairs)) for space, name, pairs in self._series if namespace in {"", space}]


def _key(namespace: str, name: str, dimensions: Mapping[str, str]) -> Key:
    return namespace, name, frozenset(dimensions.items())


def _statistic(stat: str) -> Callable[[list[_Second]], float]:
    if stat in _STATISTICS:
        return _STATISTICS[stat]
    found = _PERCENTILE.fullmatch(stat)
    if found is None:
        message = f"No such statistic: {stat}. It is one of {', '.join(_STATISTICS)}, or a percentile as in p95."
        raise ValueError(message)
    share = float(found[1]) / 100
    return lambda seconds: _percentile(seconds, share)


def _percentile(seconds: list[_Second], share: float) -> float:
    """Return the value that a share of all values does not exceed; a sample counts for as many as it stands for."""
    weighted = sorted((value, one.count / len(one.samples)) for one in seconds for value in one.samples)
    wanted, passed = share * sum(weight for _, weight in weighted), 0.0
    for value, weight in weighted:
        passed += weight
        if passed >= wanted - 1e-9:
            return value
    return weighted[-1][0]
