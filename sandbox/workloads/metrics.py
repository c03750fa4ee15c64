"""What was measured, asked for as CloudWatch is asked: by namespace, name, dimensions, period and statistic."""

from __future__ import annotations

import math
import random
import re
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

Key = tuple[str, str, frozenset[tuple[str, str]]]

_KEPT_SECONDS = 3600
_FINE_SECONDS = 600
_COARSE_SECONDS = 60
_SAMPLES = 50
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")


@dataclass(slots=True)
class _Values:
    """All values of some time; beyond some samples, a random choice of them stands for all."""

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

    def join(self, other: _Values) -> None:
        """Become the values of both times."""
        both = [(value, one.count / len(one.samples)) for one in (self, other) for value in one.samples]
        if len(both) > _SAMPLES:
            values, weights = zip(*both, strict=True)
            self.samples = array("d", random.choices(values, weights, k=_SAMPLES))  # noqa: S311 - a sample, not a secret
        else:
            self.samples.extend(other.samples)
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)


class _Series:
    """The values of an hour by when they begin: the last minutes by the second, those before by the minute."""

    def __init__(self) -> None:
        self._seconds: dict[int, _Values] = {}
        self._minutes: dict[int, _Values] = {}

    def at(self, moment: int) -> _Values:
        """Return the values of the present second."""
        values = self._seconds.get(moment)
        if values is None:
            values = self._seconds[moment] = _Values()
            while (oldest := next(iter(self._seconds))) < moment - _FINE_SECONDS:
                minute = self._minutes.setdefault(oldest - oldest % _COARSE_SECONDS, _Values())
                minute.join(self._seconds.pop(oldest))
            while self._minutes and (oldest := next(iter(self._minutes))) < moment - _KEPT_SECONDS:
                del self._minutes[oldest]
        return values

    def since(self, first: int) -> Iterator[tuple[int, _Values]]:
        """Yield when values begin and what they are, the oldest first."""
        every = chain(self._minutes.items(), self._seconds.items())
        return ((moment, values) for moment, values in every if moment >= first)


_STATISTICS: Mapping[str, Callable[[list[_Values]], float]] = {
    "Sum": lambda parts: sum(one.total for one in parts),
    "SampleCount": lambda parts: float(sum(one.count for one in parts)),
    "Average": lambda parts: sum(one.total for one in parts) / sum(one.count for one in parts),
    "Minimum": lambda parts: min(one.least for one in parts),
    "Maximum": lambda parts: max(one.most for one in parts),
}


class Metrics:
    """The measurements of the last hour, second by second; those older than ten minutes, minute by minute.

    CloudWatch too keeps what is old in longer periods (user guide, metrics retention).
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._series: dict[Key, _Series] = defaultdict(_Series)

    def add(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float = 1.0) -> None:
        """Note a value that was measured just now."""
        self._series[_key(namespace, name, dimensions)].at(int(self._now())).add(value)

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
        series = self._series.get(_key(namespace, name, dimensions))
        periods: dict[int, list[_Values]] = defaultdict(list)
        for moment, values in series.since(int(start) - int(start) % period) if series else ():
            if (begin := moment - moment % period) < end:
                periods[begin].append(values)
        return [(float(begin), value(parts)) for begin, parts in sorted(periods.items())]

    def names(self, namespace: str = "") -> list[tuple[str, str, dict[str, str]]]:
        """Return namespace, name and dimensions of all that was measured."""
        return [(space, name, dict(pairs)) for space, name, pairs in self._series if namespace in {"", space}]


def _key(namespace: str, name: str, dimensions: Mapping[str, str]) -> Key:
    return namespace, name, frozenset(dimensions.items())


def _statistic(stat: str) -> Callable[[list[_Values]], float]:
    if stat in _STATISTICS:
        return _STATISTICS[stat]
    found = _PERCENTILE.fullmatch(stat)
    if found is None:
        message = f"No such statistic: {stat}. It is one of {', '.join(_STATISTICS)}, or a percentile as in p95."
        raise ValueError(message)
    share = float(found[1]) / 100
    return lambda parts: _percentile(parts, share)


def _percentile(parts: list[_Values], share: float) -> float:
    """Return the value that a share of all values does not exceed; a sample counts for as many as it stands for."""
    weighted = sorted((value, one.count / len(one.samples)) for one in parts for value in one.samples)
    wanted, passed = share * sum(weight for _, weight in weighted), 0.0
    for value, weight in weighted:
        passed += weight
        if passed >= wanted - 1e-9:
            return value
    return weighted[-1][0]
