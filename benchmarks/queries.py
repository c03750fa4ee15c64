"""Sends the queries of the users service by asyncpg alone, many at a time, and says how it went, as JSON.

The same statements over as many connections as the service has, in the same transactions, and nothing around them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count, cycle
from uuid import UUID, uuid4

import asyncpg
from asyncpg.pool import PoolConnectionProxy

_COLUMNS = (
    "id, email, email_key, name, name_key, version, created_at, created_by, updated_at, updated_by, deleted_at, "
    "request_key, request_hash"
)
_READ = f"SELECT {_COLUMNS} FROM users WHERE id = $1 AND deleted_at IS NULL"  # noqa: S608 all of it is here
_LIST = f"SELECT {_COLUMNS} FROM users WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 21"  # noqa: S608
_CREATE = f"""
    INSERT INTO users (id, email, email_key, name, name_key, version, created_by, updated_by)
    VALUES ($1, $2, $2, $3, $3, 1, 'benchmark', 'benchmark') ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
"""  # noqa: S608
_UPDATE = f"""
    UPDATE users SET name = $2, name_key = $2, version = version + 1, updated_at = now(), updated_by = 'benchmark'
    WHERE id = $1 AND deleted_at IS NULL RETURNING {_COLUMNS}
"""  # noqa: S608

Query = Callable[[PoolConnectionProxy], Awaitable[object]]


def queries(ids: list[UUID]) -> dict[str, Query]:
    """Return what each kind of request asks of the database."""
    turn, numbers = cycle(ids), count()

    async def create(connection: PoolConnectionProxy) -> object:
        async with connection.transaction():
            return await connection.fetchrow(_CREATE, uuid4(), f"{uuid4()}@example.com", f"Name {next(numbers)}")

    async def update(connection: PoolConnectionProxy) -> object:
        async with connection.transaction():
            return await connection.fetchrow(_UPDATE, next(turn), f"Name {next(numbers)}")

    return {
        "read": lambda connection: connection.fetchrow(_READ, next(turn)),
        "list": lambda connection: connection.fetch(_LIST),
        "create": create,
        "update": update,
    }


async def _run(options: argparse.Namespace, ids: list[UUID]) -> dict[str, float]:
    query = queries(ids)[options.kind]
    size = options.connections
    async with asyncpg.create_pool(options.url, ssl=False, min_size=size, max_size=size) as pool:
        latencies: list[float] = []
        begun, spent = time.perf_counter(), time.process_time()

        async def ask() -> None:
            while (sent := time.perf_counter()) < begun + options.seconds:
                async with pool.acquire() as connection:
                    assert await query(connection)
                latencies.append(time.perf_counter() - sent)

        await asyncio.gather(*(ask() for _ in range(options.at_once)))
        taken, spent = time.perf_counter() - begun, time.process_time() - spent
    latencies.sort()
    at = {f"p{share}": latencies[len(latencies) * share // 100] for share in (50, 95, 99)}
    return {"per_second": len(latencies) / taken, "per_processor_second": len(latencies) / spent, **at}


def main() -> None:
    """Ask for a while; the users to ask about come on standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--at-once", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    ids = [UUID(line) for line in sys.stdin.read().split()]
    print(json.dumps(asyncio.run(_run(options, ids))))


if __name__ == "__main__":
    main()
