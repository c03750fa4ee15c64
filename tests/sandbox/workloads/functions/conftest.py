"""What tests of functions run with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.sandbox.workloads.functions.functions_here import Here, Run, running


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs a test with a manager of its own."""

    def run(work: Callable[[Here], Awaitable[None]], speed: float = 1) -> None:
        async def all_of_it() -> None:
            async with running(tmp_path, monkeypatch, speed) as here:
                await work(here)

        asyncio.run(all_of_it())

    return run
