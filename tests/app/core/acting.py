"""A started app in this process and a client that acts on it; or its entry in a process of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import httpx

from app.core.state import State, with_state
from app.factory import create_app

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE = 60

Act = Callable[[httpx.AsyncClient], Awaitable[Any]]


def run(act: Act, **environ: str) -> Any:
    """Start an app and act as its client."""

    async def go() -> Any:
        app = create_app({"HOST": "127.0.0.1", **environ})
        async with app.router.lifespan_context(app) as state:
            serving: Any = with_state(app, cast("State", state))
            transport = httpx.ASGITransport(serving, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                return await act(client)

    return asyncio.run(go())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def container(environ: Mapping[str, str]) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run the entry of containers until the body ends; yields its port and the process, which serves by then."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(port), "DRAIN_SECONDS": "0", **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield port, process
    finally:
        process.kill()
        process.communicate()
