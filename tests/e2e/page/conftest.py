"""The page, opened in a real browser, against the app in a process of its own and servers on loopback.

With MODESHIFT_SCREENSHOTS=folder the screenshots end up there too.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.page import browsing
from tests.e2e.page.browsing import WINDOWS, Shot, Visit, flawless


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.browser(browsing.chromium() or "") as started:
        yield started


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with browsing.app() as started:
        yield started


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with browsing.target() as started:
        yield started


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def visit(browser: Browser, origin: str) -> Iterator[Visit]:
    """Open the page in a window of some size; what it complains of fails the test."""
    with ExitStack() as opened:

        def start(query: str = "", window: str = "desktop", at: str = origin, **options: Any) -> Page:
            width, height = WINDOWS[window]
            context = browser.new_context(viewport={"width": width, "height": height}, **options)
            page = context.new_page()
            opened.enter_context(flawless(page))
            opened.callback(context.close)
            page.goto(f"{at}?{query}")
            return page

        yield start


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """Keep a picture of the whole page, having made sure that it fits its window."""

    def take(page: Page, name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"
        path = tmp_path / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        if folder := os.environ.get("MODESHIFT_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder)

    return take
