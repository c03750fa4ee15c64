"""Whether the sandbox leaks: an hour of requests to functions and to tasks, hostile ones among them.

Brings dev (Lambda behind an HTTP API) and prod (Fargate behind a load balancer and a firewall) up in an account of its
own, asks both at a steady rate, and does to them once a minute what nobody should: broken HTTP, 1,000 connections at
once, clients that send half a request and wait, bodies that are too large, clients that leave before the answer. What
runs everything is measured meanwhile; what it has in the last third is compared with the second.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from rich.console import Console  # noqa: E402 the project's root has to be on the path first

from automation import operations  # noqa: E402
from automation.cloud import Cloud, open_session  # noqa: E402
from automation.project import find_project  # noqa: E402
from automation.rehearse.load import Load, sending  # noqa: E402
from automation.rehearse.place import Place, own_place  # noqa: E402
from automation.rehearse.samples import failures, figures  # noqa: E402
from sandbox.address import Address  # noqa: E402

STACKS = ("dev", "prod")
MOST_MEMORY = 1.1
"""Times what it was."""
MOST_FILES = 16
MOST_PROCESSES = 2
_MOMENT = 5.0
_CROWD = 1000
_SLOW = 50
_SLOW_SECONDS = 20
_MB = 1024 * 1024
_BROKEN = (
    b"NONSENSE\r\n\r\n",
    b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
    b"GET /%zz HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"x" * 70_000 + b"\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)


@dataclass(frozen=True)
class Usage:
    """What runs the stacks has at a moment."""

    own: float
    """MB of the process itself."""
    all: float
    """MB of it and all that it started."""
    files: int
    processes: int


def main() -> None:
    """Do it all, print what was measured, and fail when something grew or stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--rate", type=float, default=40, help="requests a second to each stack")
    arguments = parser.parse_args()
    with own_place(find_project(REPOSITORY), None) as place:
        urls = {stack: _up(place, stack) for stack in STACKS}
        address = Address.read(place.project.sandbox / "workloads")
        assert address is not None
        process = psutil.Process(address.pid)
        with ExitStack() as loads:
            sent = {stack: loads.enter_context(sending(url, 1.0)) for stack, url in urls.items()}
            for load in sent.values():
                load.change(arguments.rate)
            began = time.time()
            usages = asyncio.run(_soak(process, sent, list(urls.values()), arguments.seconds))
            for stack, load in sent.items():
                load.stop()
                _print_answers(stack, load, began)
        grew = _print_growth(usages)
        started = [process, *process.children(recursive=True)]
        for stack in STACKS:
            with open_session(place.project, stack, Cloud.SANDBOX) as session:
                operations.destroy(session, Console(quiet=True))
        _, left = psutil.wait_procs(started, timeout=60)
    print(f"After both stacks were destroyed, {len(left)} processes are left.")
    sys.exit(grew or bool(left))


def _up(place: Place, stack: str) -> str:
    """Bring a stack up; return what is asked of it."""
    with open_session(place.project, stack, Cloud.SANDBOX) as session:
        brought = operations.up(session, Console(quiet=True))
    if brought.local is None:
        sys.exit(f"{stack} does not run: {[error.message for error in brought.plan.errors()]}")
    return f"{brought.local.url.rstrip('/')}/health"


async def _soak(process: psutil.Process, loads: dict[str, Load], urls: Sequence[str], seconds: float) -> list[Usage]:
    """Do harm in turns while the load goes on; return what was measured, every few seconds."""
    harming = asyncio.create_task(_harm(urls))
    usages: list[Usage] = []
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            for load in loads.values():
                load.check()
            if harming.done():
                harming.result()
            usages.append(_usage(process))
            await asyncio.sleep(_MOMENT)
    finally:
        harming.cancel()
        with suppress(asyncio.CancelledError):
            await harming
    return usages


async def _harm(urls: Sequence[str]) -> None:
    """Do one kind of harm to all stacks every twelve seconds: each kind once a minute."""
    kinds: Sequence[Callable[[str], Awaitable[None]]] = (_break, _crowd, _dawdle, _flood, _leave)
    for kind in cycle(kinds):
        began = time.monotonic()
        await asyncio.gather(*(kind(url) for url in urls))
        await asyncio.sleep(max(0.0, 60 / len(kinds) - (time.monotonic() - began)))


async def _break(url: str) -> None:
    for request in _BROKEN:
        answer = await _said(url, request)
        if answer.startswith(b"HTTP/1.1 ") and not answer.startswith(b"HTTP/1.1 4"):
            sys.exit(f"{url} answers {answer[:60]!r} to {request[:60]!r}.")


async def _crowd(url: str) -> None:
    """Be a thousand clients at once, each with a request."""
    answers = await asyncio.gather(*(_said(url, _request(url)) for _ in range(_CROWD)))
    _crowds.update(answer[9:12].decode(errors="replace") or "closed" for answer in answers)


async def _dawdle(url: str) -> None:
    """Send half a request, and wait."""

    async def one() -> None:
        with suppress(OSError):
            _, writer = await _connected(url)
            writer.write(_request(url)[:30])
            await writer.drain()
            await asyncio.sleep(_SLOW_SECONDS)
            await _closed(writer)

    await asyncio.gather(*(one() for _ in range(_SLOW)))


async def _flood(url: str) -> None:
    """Send more than any front takes."""
    head = f"POST /health HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\ncontent-length: {11 * _MB}\r\n\r\n".encode()
    await _said(url, head + b"x" * (11 * _MB))


async def _leave(url: str) -> None:
    for _ in range(100):
        with suppress(OSError):
            _, writer = await _connected(url)
            writer.write(_request(url))
            writer.transport.abort()


_crowds: Counter[str] = Counter()


def _request(url: str) -> bytes:
    parts = urlsplit(url)
    return f"GET {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\nconnection: close\r\n\r\n".encode()


async def _connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", urlsplit(url).port)


async def _said(url: str, request: bytes) -> bytes:
    """Send something on a connection of its own; return how the answer begins, empty when there is none."""
    answer = b""
    with suppress(OSError, TimeoutError):
        reader, writer = await _connected(url)
        with suppress(OSError, TimeoutError):
            writer.write(request)
            answer = await asyncio.wait_for(reader.read(1024), 30)
        await _closed(writer)
    return answer


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _usage(process: psutil.Process) -> Usage:
    every = [process, *process.children(recursive=True)]
    memory = 0.0
    for one in every:
        with suppress(psutil.Error):
            memory += one.memory_info().rss / _MB
    return Usage(process.memory_info().rss / _MB, memory, process.num_fds(), len(every))


def _print_answers(stack: str, load: Load, began: float) -> None:
    samples = load.between(began, time.time())
    seen = figures(samples, time.time() - began)
    waits = [f"{name} {value * 1000:.0f} ms" for name, value in (("p50", seen.p50), ("p99", seen.p99)) if value]
    kinds = [f"{one.count} times {one.kind}" for one in failures(samples)]
    told = f"{stack}: {seen.requests} requests, {seen.rate:.1f} a second, {seen.failed} failed"
    print(", ".join([told, *kinds, *waits]) + ".")


def _print_growth(usages: Sequence[Usage]) -> bool:
    """Print what there was in each third, and tell whether the last has more than the second by more than it may."""
    print(f"A thousand connections at once were answered with: {dict(_crowds.most_common())}.")
    third = len(usages) // 3
    thirds = [usages[:third], usages[third : 2 * third], usages[2 * third :]]
    grew = False
    for name, value, most in (
        ("MB of the process", lambda one: one.own, None),
        ("MB of all", lambda one: one.all, None),
        ("open files", lambda one: one.files, MOST_FILES),
        ("processes", lambda one: one.processes, MOST_PROCESSES),
    ):
        _, before, after = medians = [statistics.median(map(value, part)) for part in thirds]
        limit = before * MOST_MEMORY if most is None else before + most
        grew |= after > limit
        print(f"{name}, median of each third: {', '.join(f'{one:.0f}' for one in medians)} (at most {limit:.0f}).")
    return grew


if __name__ == "__main__":
    main()
