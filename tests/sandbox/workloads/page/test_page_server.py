"""The page's server: files, the state, a live stream, and nothing for strangers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.workloads.page import Page
from tests.sandbox.workloads.page.sample import Sample, sample

PATIENCE = 30


@asynccontextmanager
async def served(seen: Sample) -> AsyncIterator[tuple[str, aiohttp.ClientSession, Page]]:
    page = Page(seen)
    runner = web.ServerRunner(web.Server(page.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
            yield f"http://127.0.0.1:{port}", session, page
    finally:
        await page.close()
        await runner.cleanup()


def with_page(folder: Path, test: Callable[[str, aiohttp.ClientSession, Page, Sample], Awaitable[None]]) -> None:
    async def run() -> None:
        seen = sample(folder)
        async with served(seen) as (origin, session, page):
            await test(origin, session, page, seen)

    asyncio.run(run())


async def message(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return the next state of a stream."""
    while line := await answer.content.readline():
        if line.startswith(b"data: "):
            return json.loads(line.removeprefix(b"data: "))
    raise AssertionError("the stream has ended")


def test_files_are_served_with_what_keeps_the_page_to_itself(tmp_path: Path) -> None:
    async def test(origin: str, session: aiohttp.ClientSession, *_: object) -> None:
        for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
            async with session.get(origin + path) as answer:
                assert (answer.status, answer.content_type) == (200, kind)
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                tag = answer.headers["ETag"]
            async with session.get(origin + path, headers={"If-None-Match": tag}) as answer:
                assert answer.status == 304
        async with session.head(f"{origin}/") as answer:
            assert (answer.status, await answer.read()) == (200, b"")

    with_page(tmp_path, test)


@pytest.mark.parametrize("path", ["/page.py", "/state.py", "/..%2fpage.py", "/nothing", "//etc/passwd"])
def test_nothing_else_is_served(tmp_path: Path, path: str) -> None:
    async def test(origin: str, session: aiohttp.ClientSession, *_: object) -> None:
        async with session.get(origin + path) as answer:
            assert answer.status == 404

    with_page(tmp_path, test)


def test_other_names_and_other_methods_are_refused(tmp_path: Path) -> None:
    async def test(origin: str, session: aiohttp.ClientSession, *_: object) -> None:
        for host in ("evil.example", "127.0.0.1.evil.example:80", ""):
            async with session.get(f"{origin}/state.json", headers={"Host": host}) as answer:
                assert answer.status == 403
        async with session.get(f"{origin}/state.json", headers={"Host": "localhost:1"}) as answer:
            assert answer.status == 200
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with session.post(f"{origin}/state.json") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")

    with_page(tmp_path, test)


def test_the_state_is_a_document_with_the_events_that_were_asked_for(tmp_path: Path) -> None:
    async def test(origin: str, session: aiohttp.ClientSession, page: Page, seen: Sample) -> None:
        first = seen.context.events.since()[-1].number
        seen.context.events.add("dev-web", "task", "a task started")
        for query, texts in ((f"?since={first}", ["a task started"]), (f"?since={first + 1}", [])):
            async with session.get(f"{origin}/state.json{query}") as answer:
                assert [one["text"] for one in (await answer.json())["events"]] == texts
        for query in ("", "?since=x", "?since=-1", "?since=" + "9" * 99):
            async with session.get(f"{origin}/state.json{query}") as answer:
                assert len((await answer.json())["events"]) == 2

    with_page(tmp_path, test)


def test_a_stream_tells_of_changes_and_ends_with_the_page(tmp_path: Path) -> None:
    async def test(origin: str, session: aiohttp.ClientSession, page: Page, seen: Sample) -> None:
        async with session.get(f"{origin}/live") as answer:
            assert answer.content_type == "text/event-stream"
            assert len((await message(answer))["events"]) == 1
            seen.context.events.add("dev-web", "health", "a target became healthy")
            assert [one["text"] for one in (await message(answer))["events"]][-1] == "a target became healthy"
            await page.close()
            assert (await answer.content.read()).strip() == b""

    with_page(tmp_path, test)


def test_a_window_too_many_is_told_so(tmp_path: Path) -> None:
    async def test(origin: str, session: aiohttp.ClientSession, *_: object) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as many:
            answers = [await many.get(f"{origin}/live") for _ in range(33)]
            assert sorted(answer.status for answer in answers) == [200] * 32 + [503]
            for answer in answers:
                answer.close()

    with_page(tmp_path, test)
