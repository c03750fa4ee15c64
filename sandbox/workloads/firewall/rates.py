"""How many requests came from whom within a window of time."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

MOST_KEYS = 10_000
"""What AWS WAF tracks for one rule; beyond it the ones seen least recently are forgotten."""


class Rate:
    """Counts of each key over the last seconds, exact to one of them; AWS looks every few seconds and estimates."""

    def __init__(self, limit: int, window: int, now: Callable[[], float]) -> None:
        self.limit = limit
        self.window = window
        self._now = now
        self._keys: OrderedDict[Hashable, _Count] = OrderedDict()

    def exceeded(self, key: Hashable) -> bool:
        """Count a request, and say whether there were more than the limit within the window."""
        count = self._keys.get(key)
        if count is None:
            count = self._keys[key] = _Count()
            if len(self._keys) > MOST_KEYS:
                self._keys.popitem(last=False)
        else:
            self._keys.move_to_end(key)
        second = int(self._now())
        return count.add(second, second - self.window) > self.limit

    def over(self) -> list[Hashable]:
        """Return the keys that are over the limit now."""
        oldest = int(self._now()) - self.window
        return [key for key, count in self._keys.items() if count.within(oldest) > self.limit]


class _Count:
    __slots__ = ("_seconds", "_total")

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()
        self._total = 0

    def add(self, second: int, oldest: int) -> int:
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1][1] += 1
        else:
            self._seconds.append([second, 1])
        self._total += 1
        return self.within(oldest)

    def within(self, oldest: int) -> int:
        while self._seconds and self._seconds[0][0] <= oldest:
            self._total -= self._seconds.popleft()[1]
        return self._total
