"""Sends requests over and over on many connections, and says how it went.

A process of its own, so that it takes no time from the server it measures. It speaks just enough HTTP/1.1 to be
several times faster than what it measures: keep-alive, one request at a time per connection, bodies of known length.
The requests come on standard input, with zero bytes between them, and are sent in turn; the result goes to standard
output as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass
class Load:
    """What is sent and what came back."""

    requests: Iterator[bytes]
    until: float
    latencies: array[float] = field(default_factory=lambda: array("d"))
    failures: dict[str, int] = field(default_factory=dict)

    def fail(self, reason: str) -> None:
        self.failures[reason] = self.failures.get(reason, 0) + 1


class Connection(asyncio.Protocol):
    """Sends the next request when the last was answered."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._received = b""
        self._sent = time.perf_counter()
        self._transport.write(next(self._load.requests))

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        end = received.find(b"\r\n\r\n")
        length = _LENGTH.search(received, 0, end + 2) if end >= 0 else None
        if length is None or len(received) < end + 4 + int(length[1]):
            return
        now = time.perf_counter()
        self._load.latencies.append(now - self._sent)
        if received[9:10] != b"2":
            self._load.fail(f"status {received[9:12].decode()}")
        if now < self._load.until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if time.perf_counter() < self._load.until:
            self._load.fail("connection lost")
        if not self.over.done():
            self.over.set_result(None)


async def _run(port: int, load: Load, connections: int) -> None:
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: Connection(load), "127.0.0.1", port) for _ in range(connections)]
    # A server that no longer answers must not keep the benchmark waiting.
    _, late = await asyncio.wait(
        [connection.over for _, connection in opened], timeout=load.until - time.perf_counter() + 10
    )
    for _ in late:
        load.fail("no answer")


def main() -> None:
    """Send requests for a while."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    begun, busy = time.perf_counter(), time.process_time()
    load = Load(cycle(sys.stdin.buffer.read().split(b"\0")), begun + options.seconds)
    asyncio.run(_run(options.port, load, options.connections))
    taken = time.perf_counter() - begun
    ordered = sorted(load.latencies)
    at = {share: ordered[len(ordered) * share // 100] if ordered else 0 for share in (50, 95, 99)}
    result = {
        "seconds": taken,
        "requests": len(ordered),
        "per_second": len(ordered) / taken,
        **{f"p{share}": latency for share, latency in at.items()},
        "failures": load.failures,
        "busy": (time.process_time() - busy) / taken,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
