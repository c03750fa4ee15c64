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
_OF_A_NETWORK = 250

Row = tuple[float, float, float, int, str]
"""When it was due, how long it waited and took, the answer's status, and what went wrong."""


@dataclass
class Schedule:
    """When each request is due."""

    rate: float
    due: float
    end: float = float("inf")

    def take(self) -> float:
        """Return when the next request is due, and go on to the one after it."""
        due = self.due
        self.due += 1 / self.rate
        return due

    def change(self, rate: float, now: float) -> None:
        """Go on at another rate; what should have been sent already stays due when it was."""
        self.rate = rate
        self.due = min(self.due, now + 1 / rate)


@dataclass
class Generator:
    """One load on one URL."""

    url: str
    schedule: Schedule
    timeout: float
    offset: float
    """What turns a monotonic time into seconds since 1970."""
    ended: list[Row] = field(default_factory=list[Row])

    async def run(self, connections: int) -> None:
        """Send until the schedule ends, and wait for the answers to what was sent."""
        queue: asyncio.Queue[float] = asyncio.Queue()
        clients = [asyncio.create_task(self._client(number, queue)) for number in range(connections)]
        try:
            await self._keep_time(queue)
            await queue.join()
        finally:
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def _keep_time(self, queue: asyncio.Queue[float]) -> None:
        """Hand out requests when they are due, until the schedule ends."""
        while (now := time.monotonic()) < self.schedule.end:
            if self.schedule.due <= now:
                queue.put_nowait(self.schedule.take())
            else:
                # The schedule may change meanwhile.
                await asyncio.sleep(min(self.schedule.due - now, _PAUSE))

    async def _client(self, number: int, queue: asyncio.Queue[float]) -> None:
        """Send what is due, one request at a time on one connection."""
        connector = aiohttp.TCPConnector(limit=1, ssl=False, ttl_dns_cache=None, local_addr=_address(self.url, number))
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "modeshift-rehearsal"},
            auto_decompress=False,
        ) as session:
            while True:
                due = await queue.get()
                if (waited := time.monotonic() - due) > self.timeout:
                    self._note(due, waited, 0, "no free connection in time")
                else:
                    await self._send(session, due)
                queue.task_done()

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
        self._note(due, began - due, 0 if problem else status, problem)

    def _note(self, due: float, waited: float, status: int, problem: str) -> None:
        took = time.monotonic() - due
        self.ended.append((round(due + self.offset, 6), round(waited, 6), round(took, 6), status, problem))


def _address(url: str, number: int) -> tuple[str, int] | None:
    """Return an address of this machine for one client, where it has many: a firewall counts requests by address."""
    if sys.platform != "linux" or urlsplit(url).hostname not in {"127.0.0.1", "localhost"}:
        return None
    return f"127.0.{1 + number // _OF_A_NETWORK}.{1 + number % _OF_A_NETWORK}", 0


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
    sys.stdout.write(json.dumps(rows) + "\n")
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
