"""Answers that a stage of a REST API remembers.

Source: "Cache settings for REST APIs in API Gateway": a remembered answer has at most 1 MB, and holds for the seconds
that its method has, which are real ones here.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from sandbox.workloads.http.messages import Response

_LARGEST = 1024 * 1024
_MOST = 64 * 1024 * 1024
"""How much is kept, whatever size of cache is paid for."""

Key = tuple[str, ...]


class Cache:
    """Answers by what they depend on; those not asked for the longest go first."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._kept: OrderedDict[Key, tuple[float, Response]] = OrderedDict()
        self._bytes = 0

    def find(self, key: Key) -> Response | None:
        """Return a copy of an answer that still holds."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        until, response = kept
        if self._now() >= until:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return replace(response, headers=list(response.headers))

    def keep(self, key: Key, response: Response, seconds: float) -> None:
        """Remember a copy of an answer that went well."""
        if not (200 <= response.status < 300 and isinstance(response.body, bytes)):  # noqa: PLR2004 - class of statuses
            return
        if len(response.body) > _LARGEST:
            return
        if key in self._kept:
            self._drop(key)
        self._kept[key] = self._now() + seconds, replace(response, headers=list(response.headers))
        self._bytes += len(response.body)
        while self._bytes > _MOST:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        _, response = self._kept.pop(key)
        assert isinstance(response.body, bytes)
        self._bytes -= len(response.body)
