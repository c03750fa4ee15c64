"""How fast users are read and written, side by side with their queries alone in one run.

At 50 connections, through the server that containers run and PostgreSQL, with everything switched on: reading one,
listing a page, creating, changing. Next to it are the same statements by bare asyncpg at 50 at a time over as many
database connections. Both have a core of their own in turn; PostgreSQL and the client share the other. They take many
short turns, and the share is the median of the pairs'. Next to it is the share by processor time, which stays true
where other programs take part of that core. Percentiles are the medians of the turns'; the limits, a reference of
136.68 requests a second with 95 of 100 within 389 ms and 99 within 428 ms, hold in every turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from app.services import users  # noqa: E402 the root has to be on the path first
from benchmarks.servers import CORES, Server, free_ports, pin, running  # noqa: E402
from sandbox.data.postgres import Cluster  # noqa: E402

CONNECTIONS = 50
USERS = 10_000
RATE_LIMIT = 136.68
P95_LIMIT = 0.389
P99_LIMIT = 0.428
SHARE_LIMIT = 0.06
"""Of what bare asyncpg reaches with as much processor time; HTTP, validation and the ORM are the rest."""

_POOL, _OVERFLOW = 5, 3
_KEY = "benchmark-key-0123456789"
# More than any turn sends, as no user is created twice.
_NEW = 20_000
_FILL = f"""
    INSERT INTO users (id, email, email_key, name, name_key, version, created_by, updated_by, created_at)
    SELECT gen_random_uuid(), email, email, name, name, 1, 'benchmark', 'benchmark', now() - n * interval '1 second'
    FROM generate_series(1, {USERS}) n, LATERAL (SELECT n || '@example.com' AS email, 'name ' || n AS name) said;
    VACUUM ANALYZE users;
"""  # noqa: S608


def main() -> None:
    """Measure, print a table, and fail when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2, help="how long each turn lasts")
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    pin(0, CORES[1:])
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url, ids = stack.enter_context(_database(Path(folder) / "cluster"))
        missed = _compare(stack.enter_context(_service(url)), url, ids, options)
    sys.exit(missed)


def _compare(ours: Server, url: str, ids: list[str], options: argparse.Namespace) -> bool:
    head = f"{'p50':>7}{'p95':>7}{'p99':>7}"
    print(f"requests a second and ms, {CONNECTIONS} at once")
    print(f"{'':8}{'modeshift':>10}{head}{'asyncpg':>12}{head}{'share':>9}{'by processor':>14}")
    missed = []
    for kind, requests in _requests(ids).items():
        pairs = [
            (_load(ours, requests(), options.seconds), _bare(url, kind, ids, options.seconds))
            for _ in range(options.turns)
        ]
        sides = list(zip(*pairs, strict=True))
        share, by_processor = (
            statistics.median(mine[rate] / theirs[rate] for mine, theirs in pairs)
            for rate in ("per_second", "per_processor_second")
        )
        print(f"{kind:8}{_row(sides[0], 10)}{_row(sides[1], 12)}{share:>9.2f}{by_processor:>14.2f}")
        missed += [f"{kind}: {why}" for why in _missed(sides[0], by_processor)]
    limits = f"p95 {P95_LIMIT * 1000:.0f} ms, p99 {P99_LIMIT * 1000:.0f} ms, no failure, by processor {SHARE_LIMIT}"
    print(f"limits: at least {RATE_LIMIT} a second, {limits}")
    for line in missed:
        print(f"missed: {line}")
    return bool(missed)


def _row(turns: tuple[dict[str, Any], ...], width: int) -> str:
    middle = {name: statistics.median(turn[name] for turn in turns) for name in ("per_second", "p50", "p95", "p99")}
    times = "".join(f"{middle[name] * 1000:>7.1f}" for name in ("p50", "p95", "p99"))
    return f"{middle['per_second']:>{width}.0f}{times}"


def _missed(turns: tuple[dict[str, Any], ...], share: float) -> Iterator[str]:
    for turn in turns:
        if turn["failures"]:
            yield f"failures {turn['failures']}"
        if turn["per_second"] < RATE_LIMIT or turn["p95"] > P95_LIMIT or turn["p99"] > P99_LIMIT:
            yield f"{turn['per_second']:.0f} a second, p95 {turn['p95'] * 1000:.0f} ms, p99 {turn['p99'] * 1000:.0f} ms"
    if share < SHARE_LIMIT:
        yield f"share by processor {share:.2f}, at least {SHARE_LIMIT}"


def _requests(ids: list[str]) -> dict[str, Callable[[], bytes]]:
    """Return what makes the requests of a turn, by kind."""
    numbers = count()

    def created() -> bytes:
        new = (f'{{"email": "n{next(numbers)}@example.com", "name": "Name"}}' for _ in range(_NEW))
        return b"\0".join(_request("POST", "/users", body) for body in new)

    read = b"\0".join(_request("GET", f"/users/{user}") for user in ids)
    update = b"\0".join(_request("PATCH", f"/users/{user}", '{"name": "Other"}') for user in ids)
    listed = _request("GET", "/users?limit=20")
    return {"read": lambda: read, "list": lambda: listed, "create": created, "update": lambda: update}


def _request(method: str, path: str, body: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: benchmark\r\nx-api-key: {_KEY}\r\nif-match: *\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


def _load(server: Server, requests: bytes, seconds: float) -> dict[str, Any]:
    command = [sys.executable, str(REPOSITORY / "benchmarks/load.py"), "--port", str(server.port)]
    command += ["--connections", str(CONNECTIONS), "--seconds", str(seconds)]
    spent = server.processor_seconds()
    said = json.loads(subprocess.run(command, input=requests, capture_output=True, check=True).stdout)
    return {**said, "per_processor_second": said["requests"] / (server.processor_seconds() - spent)}


def _bare(url: str, kind: str, ids: list[str], seconds: float) -> dict[str, Any]:
    command = [sys.executable, str(REPOSITORY / "benchmarks/queries.py"), "--url", url, "--kind", kind]
    command += ["--connections", str(_POOL + _OVERFLOW), "--at-once", str(CONNECTIONS), "--seconds", str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pin(process.pid, CORES[:1])
    said, _ = process.communicate("\n".join(ids).encode())
    return json.loads(said)


@contextmanager
def _database(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Run PostgreSQL with some users; yields the URL and who they are."""
    cluster = Cluster.create(folder)
    cluster.start()
    try:
        cluster.provide("owner", "owner", "users")
        url = cluster.url("owner", "owner", "users")
        users.migrate({"DATABASE_URL": f"{url}?sslmode=disable"})
        for statement in _FILL.split(";")[:-1]:
            cluster.execute(statement, "users")
        yield url, cluster.execute("SELECT id FROM users ORDER BY email LIMIT 1000", "users").split()
    finally:
        cluster.stop()


@contextmanager
def _service(url: str) -> Iterator[Server]:
    port, metrics = free_ports(2)
    environ = {
        "API_KEYS": f"benchmark:{_KEY}",
        "CORS_ORIGINS": "https://app.example",
        "DATABASE_OVERFLOW": str(_OVERFLOW),
        "DATABASE_POOL": str(_POOL),
        "DATABASE_URL": f"{url}?sslmode=disable",
        "DRAIN_SECONDS": "0",
        "HOST": "127.0.0.1",
        "LOG_FORMAT": "json",
        "METRICS": "prometheus",
        "METRICS_PORT": str(metrics),
        "PORT": str(port),
        "RATE_LIMIT": "9999999/1",
        "SERVICES": "users=/users",
    }
    with running([sys.executable, "-m", "app"], port, environ) as server:
        yield server


if __name__ == "__main__":
    main()
