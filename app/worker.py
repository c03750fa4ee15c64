"""The entry of work without HTTP: a Lambda function that SQS feeds, or `python3 -m app.worker` in a container.

`python3 -m app.worker --check` tells by its exit code whether the worker of this container lives. It runs twice a
minute, so nothing here is imported before it is needed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from app.core.workers import Worker

_STALE = 60
"""Seconds without a sign of life after which a worker counts as stuck."""

_loop: asyncio.AbstractEventLoop | None = None
_opened: AbstractAsyncContextManager[Worker] | None = None
_worker: Worker | None = None


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 Lambda has no type for it
    """Work on a batch of messages; name those that are to be seen again."""
    from app.core import telemetry  # noqa: PLC0415
    from app.core.batches import batch  # noqa: PLC0415

    loop, worker = _start()
    try:
        return loop.run_until_complete(batch(worker, event, context.get_remaining_time_in_millis))
    finally:
        telemetry.flush()


def _start() -> tuple[asyncio.AbstractEventLoop, Worker]:
    """Open the worker once for all batches of a function's instance."""
    from app.core.workers import open_worker  # noqa: PLC0415

    global _loop, _opened, _worker  # noqa: PLW0603 a function's instance is the one thing here that lives
    if _loop is None or _worker is None:
        _loop = asyncio.new_event_loop()
        _opened = open_worker(os.environ, "emf")
        _worker = _loop.run_until_complete(_opened.__aenter__())
    return _loop, _worker


def main() -> None:
    """Work until a signal ends it, or tell whether the worker beside this process lives."""
    parser = argparse.ArgumentParser(prog="python3 -m app.worker", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 0 if the worker here lives")
    if parser.parse_args().check:
        sys.exit(_sick(os.environ.get("HEARTBEAT_PATH", "")))
    from app.core.secrets import SecretsError  # noqa: PLC0415
    from app.core.settings import SettingsError  # noqa: PLC0415

    try:
        asyncio.run(_pull())
    except SecretsError as error:
        sys.exit(f"The worker cannot start: {error}")
    except SettingsError as error:
        sys.exit(f"The worker cannot start with these settings:\n{error}")


async def _pull() -> None:
    from app.core.pulling import pull  # noqa: PLC0415
    from app.core.workers import open_worker  # noqa: PLC0415

    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, _leave, stop, name)
    async with open_worker(os.environ, "prometheus") as worker:
        await pull(worker.settings, worker.queues, worker.work, stop)


def _leave(stop: asyncio.Event, name: signal.Signals) -> None:
    if stop.is_set():
        # Asked again: what is under way comes back when its lease ends.
        os._exit(128 + name)
    stop.set()


def _sick(path: str) -> str | None:
    """Return what is wrong with the worker that touches a file, nothing when it lives."""
    if not path:
        return "HEARTBEAT_PATH is not set: nothing tells whether a worker lives."
    try:
        silent = time.time() - Path(path).stat().st_mtime
    except FileNotFoundError:
        return f"{path} is not there: no worker has started."
    return f"The worker has been stuck for {silent:.0f} s." if silent > _STALE else None


if __name__ == "__main__":
    main()
elif os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") in {"on-demand", "provisioned-concurrency"}:
    _start()
