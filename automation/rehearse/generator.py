"""Sends requests at a steady rate whether or not answers come, and writes down what became of each.

A process of its own, so that it takes no time from what it measures and ends with its parent. Every request has a time
at which it is due, and latency counts from that time: a server that holds up the requests before it does not make the
ones behind it disappear from the figures. Connections are bounded; a request that is due while all are busy waits for
one, and that wait is part of its latency.

Commands come on standard input, a line each: `rate 400`, `stop`. When it closes, the process ends. Every tenth of a
second a line goes to standard output: a JSON list of what came to its end, `[due, waited, latency, status, problem]`,
times in seconds, `due` since 1970; a `status` of 0 is a request without an answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

_PAUSE = 0.1
_MOST_BYTES = 10 * 1024 * 1024


@dataclass
class Schedule:
    """When each request is due; all connections take theirs from it, in order."""

    rate: float
    now: float
    end: float = float("inf")
    _due: float = field(init=False)

    def __post_init__(self) -> None:
        self._due = self.now

    def take(self) -> float | None:
        """Return the time at which the next request is due; None when there is no next one."""
        due = self._due
        if due >= self.end:
            return None
        self._due += 1 / self.rate
        return due

    def change(self, rate: float, now: float) -> None:
        """Go on at another rate; what is late already stays due when it was."""
        if self._due > now:
            self._due = now + min(self._due - now, 1 / rate)
        self.rate = rate


@dataclass
class Generator:
    """One load on one URL."""

    url: str
    schedule: Schedule
    timeout: float
    offset: float
    """What turns a monotonic time into seconds since 1970."""
    ended: list[tuple[float, float, float, int, str]] = field(
        default_factory=list[tuple[float, float, float, int, str]]
    )

    async def run(self, connections: int) -> None:
        """Send until the schedule ends, and wait for the answers to what was sent."""
        async with asyncio.TaskGroup() as group:
            for number in range(connections):
                group.create_task(self._client(number))

    async def _client(self, number: int) -> None:
        """Send what is due, one request at a time on one connection."""
        connector = aiohttp.TCPConnector(limit=1, ssl=False, ttl_dns_cache=None, local_addr=_address(self.url, number))
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "modeshift-rehearsal"},
            auto_decompress=False,
        ) as session:
            while (due := self.schedule.take()) is not None:
                # A low rate may change while this one waits: the schedule's end is looked at again and again.
                while (ahead := due - time.monotonic()) > 0:
                    await asyncio.sleep(min(ahead, _PAUSE))
                    if self.schedule.end <= due:
                        return
                await self._send(session, due)

    async def _send(self, session: aiohttp.ClientSession, due: float) -> None:
        began = time.monotonic()
        status, problem = 0, ""
        try:
            async with session.get(self.url, allow_redirects=False) as answer:
                left = _MOST_BYTES
                async for chunk in answer.content.iter_any():
                    left -= len(chunk)
                    if left < 0:
                        problem = "answer too large"
                        answer.close()
                        break
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = problem_of(error)
        now = time.monotonic()
        self.ended.append((due + self.offset, began - due, now - due, 0 if problem else status, problem))


def _address(url: str, number: int) -> tuple[str, int] | None:
    """Return an address of this machine for one client, where it has many: a firewall counts requests by address."""
    if sys.platform != "linux" or urlsplit(url).hostname not in {"127.0.0.1", "localhost"}:
        return None
    return f"127.0.{1 + number // 250}.{1 + number % 250}", 0


def problem_of(error: BaseException) -> str:
    """Return in a few words, always the same ones, why there was no answer."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        return "connection refused" if isinstance(cause, ConnectionRefusedError) else "no connection"
    if isinstance(error, ConnectionResetError):
        return "connection reset"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "connection closed without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "answer cut short"
    return "no HTTP" if isinstance(error, aiohttp.ClientResponseError) else "connection lost"


async def _obey(generator: Generator) -> None:
    """Do what standard input says until it closes."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        now = time.monotonic()
        if line[0] == "rate":
            generator.schedule.change(float(line[1]), now)
        elif line[0] == "stop":
            generator.schedule.end = min(generator.schedule.end, now)
            return
    raise SystemExit(1)


async def _tell(generator: Generator) -> None:
    while True:
        await asyncio.sleep(_PAUSE)
        _write(generator)


def _write(generator: Generator) -> None:
    rows, generator.ended = generator.ended, []
    sys.stdout.write(
        json.dumps([[round(part, 6) if isinstance(part, float) else part for part in row] for row in rows])
    )
    sys.stdout.write("\n")
    sys.stdout.flush()


async def _run(options: argparse.Namespace) -> None:
    now = time.monotonic()
    generator = Generator(options.url, Schedule(options.rate, now), options.timeout, time.time() - now)
    telling = asyncio.create_task(_tell(generator))
    sending = asyncio.create_task(generator.run(options.connections))
    try:
        await _obey(generator)
        await sending
    finally:
        sending.cancel()
        telling.cancel()
    _write(generator)


def main() -> None:
    """Send requests until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--timeout", type=float, default=30)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
