"""The sandbox's page in a real browser: what runs, shown live; a supervisor of a recorded account stands behind it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Window

from sandbox.workloads.page import Page
from sandbox.workloads.snapshot import Snapshot
from tests.e2e.page.browsing import NEEDS_BROWSER, Shot, Visit
from tests.sandbox.workloads.page.sample import Sample, account, count, sample

pytestmark = [pytest.mark.e2e, NEEDS_BROWSER]


@dataclass
class Served:
    """A page that is served on a loop of its own, and what it shows, which is changed on that loop too."""

    seen: Sample
    loop: asyncio.AbstractEventLoop
    origin: str = ""
    stop: Callable[[], None] = lambda: None

    def change(self, do: Callable[[Sample], object]) -> None:
        done: Future[None] = Future()

        def run() -> None:
            do(self.seen)
            done.set_result(None)

        self.loop.call_soon_threadsafe(run)
        done.result(30)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    there = Served(sample(tmp_path), loop)

    async def start() -> tuple[Page, web.ServerRunner]:
        page = Page(there.seen)
        runner = web.ServerRunner(web.Server(page.handle))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        there.origin = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        return page, runner

    page, runner = asyncio.run_coroutine_threadsafe(start(), loop).result(30)

    async def end() -> None:
        await page.close()
        await runner.cleanup()

    def stop() -> None:
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(end(), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    there.stop = stop
    yield there
    stop()


def card(page: Window, name: str) -> Any:
    return page.get_by_role("article", name=name)


def test_requests_are_followed_from_front_door_to_processes(visit: Visit, served: Served, shot: Shot) -> None:
    page = visit(at=served.origin)
    expect(page.get_by_role("status")).to_have_text("Live")
    door = card(page, "dev-front-door, HTTP API")
    expect(door).to_contain_text("open")
    expect(door.get_by_role("link", name="http://127.0.0.1:41000")).to_be_visible()
    balancer = card(page, "dev-front-door, Application Load Balancer, internal")
    expect(balancer.locator(".end").filter(has_text="dev-web-function")).to_contain_text("90 %")
    expect(card(page, "dev-web, ip").locator("li").filter(has_text="10.0.2.9")).to_contain_text("unhealthy")
    tasks = card(page, "dev-web, Fargate")
    expect(tasks).to_contain_text("1 of 2")
    row = tasks.get_by_role("list", name="Processes of dev-web").get_by_role("listitem")
    expect(row).to_contain_text("pid 4242")
    expect(row).to_contain_text("running, healthy")
    balancer.get_by_role("link", name="dev-web-function").click()
    assert page.evaluate("document.querySelector(':target').getAttribute('aria-label')") == "dev-web-function, function"
    assert page.title() == "Modeshift sandbox"
    shot(page, "sandbox-desktop")


def test_changes_show_without_loading_the_page_again(visit: Visit, served: Served) -> None:
    page = visit(at=served.origin)
    target = card(page, "dev-web, ip").locator("li").filter(has_text="10.0.2.9")
    expect(target).to_contain_text("unhealthy")
    page.evaluate("window.mark = document.querySelector('.targets')")
    card(page, "dev-web, ip").focus()

    def heal(seen: Sample) -> None:
        seen.told["balancers"]["groups"][0]["targets"][1] |= {"state": "draining", "description": "in progress"}
        seen.context.events.add("dev-web", "health", "10.0.2.9 is being drained", level="warning")

    def shift(seen: Sample) -> None:
        resources = account()
        rule = next(one for one in resources if one.outputs.get("priority") == 50000)
        for group, weight in zip(rule.outputs["actions"][0]["forward"]["targetGroups"], (0, 100), strict=True):
            group["weight"] = weight
        seen.snapshot = Snapshot(resources)

    served.change(heal)
    expect(target).to_contain_text("draining", timeout=30_000)
    expect(page.get_by_role("row").filter(has_text="being drained")).to_contain_text("warning")
    served.change(shift)
    expect(page.locator(".end").filter(has_text="dev-web-function")).to_contain_text("0 %", timeout=30_000)
    served.change(lambda seen: count(seen, 500))
    expect(card(page, "dev-front-door, HTTP API")).to_contain_text("50/s", timeout=30_000)
    assert page.evaluate("window.mark === document.querySelector('.targets')"), "what stays was made anew"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "dev-web, ip"


def test_what_was_told_is_shown_as_text_and_what_nobody_saw_is_said(visit: Visit, served: Served) -> None:
    page = visit(at=served.origin)
    expect(page.get_by_text("a deployment began <img")).to_be_visible()
    assert page.locator("#stacks img, #events img").count() == 0
    limits = page.get_by_role("list").filter(has_text="What holds data is not shown")
    expect(limits).to_contain_text("dev-unseen: nobody has seen a process of it yet.")
    expect(limits).to_contain_text("dev-front-door: mutual TLS is not simulated.")
    expect(card(page, "dev-unseen, Fargate")).to_contain_text("–")


def test_it_can_be_held_and_goes_on_from_what_is(visit: Visit, served: Served) -> None:
    page = visit(at=served.origin)
    expect(page.get_by_role("status")).to_have_text("Live")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "pause"
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Paused")
    served.change(lambda seen: seen.context.events.add("dev-web", "task", "a task nobody sees yet"))
    page.wait_for_timeout(2500)
    assert page.get_by_text("a task nobody sees yet").count() == 0
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("a task nobody sees yet")).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("light", ["light", "dark"])
def test_it_fits_a_phone_in_any_light(visit: Visit, served: Served, shot: Shot, light: str) -> None:
    page = visit(at=served.origin, window="small", color_scheme=light)
    expect(card(page, "dev-web, Fargate")).to_contain_text("1 of 2")
    served.change(lambda seen: seen.context.events.add("dev-web", "task", "x" * 400))
    expect(page.get_by_text("xxxx")).to_be_visible(timeout=30_000)
    shot(page, f"sandbox-phone-{light}")
    height = page.get_by_role("button", name="Pause").bounding_box()
    assert height is not None
    assert height["height"] >= 44


def test_a_sandbox_that_has_ended_is_told_from_one_that_is_quiet(browser: Browser, served: Served) -> None:
    # Not held to be flawless: the browser itself complains of a connection that was lost.
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(served.origin)
        expect(page.get_by_role("status")).to_have_text("Live")
        served.stop()
        expect(page.get_by_role("status")).to_contain_text("what is shown is old", timeout=30_000)
    finally:
        context.close()


def test_an_empty_account_says_what_to_do(visit: Visit, served: Served) -> None:
    def empty(seen: Sample) -> None:
        seen.snapshot = Snapshot(())

    served.change(empty)
    page = visit(at=served.origin)
    expect(page.get_by_text("Nothing is up.")).to_contain_text("modeshift up --stack dev")
