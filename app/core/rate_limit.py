"""How many requests a client may send to this instance: a token bucket each, and no more buckets than fit in memory.

The headers are those of the IETF's current draft (draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy` and
`RateLimit`. Its early versions' `RateLimit-Limit`, `-Remaining` and `-Reset` cannot say what window they count in.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

_MOST_CLIENTS = 10_000
_FORM = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,4})")

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Rate:
    """So many requests at once, and as many again in so many seconds; none at all is no limit."""

    requests: int = 0
    seconds: int = 1

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read `100/60` as a hundred requests a minute, and `0` as no limit."""
        if text == "0":
            return cls()
        form = _FORM.fullmatch(text)
        if form is None:
            raise ValueError("expected requests/seconds, as in 100/60, or 0 for no limit")
        return cls(int(form[1]), int(form[2]))

    def __str__(self) -> str:
        return f"{self.requests}/{self.seconds}" if self.requests else "0"


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float


class Buckets:
    """The tokens that each client has left. The one that was idle longest is forgotten first: its bucket is full."""

    def __init__(
        self, rate: Rate, *, clock: Callable[[], float] = monotonic, most_clients: int = _MOST_CLIENTS
    ) -> None:
        self._most = rate.requests
        self._per_second = rate.requests / rate.seconds
        self._clock = clock
        self._most_clients = most_clients
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._policy = (b"ratelimit-policy", f'"client";q={rate.requests};w={rate.seconds}'.encode())

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str, cost: int = 1) -> tuple[Headers, int]:
        """Take tokens; return what to tell the client, and the seconds until there are enough if there were not."""
        now = self._clock()
        bucket = self._bucket(client, now)
        bucket.tokens = min(self._most, bucket.tokens + (now - bucket.filled) * self._per_second)
        bucket.filled = now
        # What costs more than a full bucket takes all of it, or it could never be had.
        cost = min(cost, self._most)
        wait = 0
        if bucket.tokens >= cost:
            bucket.tokens -= cost
        else:
            wait = max(1, math.ceil((cost - bucket.tokens) / self._per_second))
        full = math.ceil((self._most - bucket.tokens) / self._per_second)
        return [self._policy, (b"ratelimit", f'"client";r={int(bucket.tokens)};t={full}'.encode())], wait

    def _bucket(self, client: str, now: float) -> _Bucket:
        bucket = self._buckets.get(client)
        if bucket is None:
            if len(self._buckets) >= self._most_clients:
                self._buckets.popitem(last=False)
            bucket = self._buckets[client] = _Bucket(self._most, now)
        else:
            self._buckets.move_to_end(client)
        return bucket
