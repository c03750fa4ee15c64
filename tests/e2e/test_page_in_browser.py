"""NetProbe's page in a real browser, against the app in a process of its own and servers on loopback.

With MODESHIFT_SCREENSHOTS=folder the screenshots end up there too.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.services.netprobe import examples
from tests.e2e import browsing
from tests.e2e.browsing import cells, flawless, run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(browsing.chromium() is None, reason="no Chromium on PATH (Debian: apt-get install chromium)"),
]

WINDOWS = {"desktop": (1280, 800), "phone": (390, 844), "small": (360, 640)}

Visit = Callable[..., Page]
Shot = Callable[[Page, str], None]


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", WINDOWS)
def test_a_probe_is_filled_in_run_and_read(visit: Visit, port: int, shot: Shot, window: str, scheme: str) -> None:
    page = visit(window=window, color_scheme=scheme)
    shot(page, f"start-{window}-{scheme}")
    page.get_by_role("textbox", name="URL").fill(f"http://127.0.0.1:{port}/")
    page.get_by_label("Attempts").fill("3")
    assert run(page) == f"127.0.0.1:{port} was reached."
    expect(page.get_by_role("heading", name="was reached")).to_be_in_viewport()

    phases = cells(page, "Milliseconds per phase")
    assert [row[0] for row in phases] == ["Resolve", "Connect", "First byte", "Transfer", "Total"]
    times = [float(row[-1].removesuffix(" ms")) for row in phases]
    assert times[2] > 30, "the target takes 40 ms to answer"
    assert sum(times[:-1]) == pytest.approx(times[-1], rel=0.02)
    bars = [bar.bounding_box() for bar in page.get_by_role("table", name="per phase").locator("rect").all()]
    edges = [(bar["x"], bar["x"] + bar["width"]) for bar in bars if bar]
    assert len(edges) == 4
    for (_, ended), (began, _) in pairwise(edges):
        assert began == pytest.approx(ended, abs=4), "each phase begins where the one before it ended"

    assert len(cells(page, "Milliseconds per attempt")) == 3
    assert "3 of 3" in page.get_by_role("definition").all_inner_texts()
    shot(page, f"reached-{window}-{scheme}")


@pytest.mark.parametrize("window", ["desktop", "phone"])
def test_a_failure_is_told_in_words_with_its_source(visit: Visit, closed_port: int, shot: Shot, window: str) -> None:
    page = visit(f"probe=tcp&host=127.0.0.1&port={closed_port}&count=2", window, color_scheme="dark")
    assert run(page) == f"127.0.0.1:{closed_port} was not reached."
    words = page.locator("#result .verdict").inner_text()
    assert "Connect: The host answers, but nothing listens on this port." in words
    assert "The cause is at the target" in words
    assert cells(page, "Milliseconds per phase")[-1] == ["Connect", "", "failed"]
    shot(page, f"refused-{window}")


def test_expectations_pass_and_fail_with_their_reasons(visit: Visit, port: int, shot: Shot) -> None:
    page = visit()
    page.get_by_role("textbox", name="URL").fill(f"http://127.0.0.1:{port}/")
    page.get_by_text("Expectations").click()
    page.get_by_label("Status").fill("204, 300-399")
    page.get_by_label("Body matches").fill(r'"status":\s+"ok"')
    assert run(page) == f"127.0.0.1:{port} was reached, but 1 of 2 expectations failed."
    items = page.locator("#result .checks li").all_inner_texts()
    assert [item.split()[0] for item in items] == ["Failed", "Passed"]
    assert "The status is 200; expected 204, 300-399." in items[0]
    shot(page, "expectations")


def test_redirects_are_shown_one_by_one(visit: Visit, port: int, shot: Shot) -> None:
    page = visit(f"probe=http&url=http://127.0.0.1:{port}/moved&max_redirects=1", "phone")
    run(page)
    assert [row[0].split()[0] for row in cells(page, "Requests on the way")] == ["302", "200"]
    shot(page, "redirects")


def test_what_servers_send_is_text(visit: Visit, port: int, shot: Shot, tmp_path: Path) -> None:
    with browsing.target(browsing.hostile_identity(tmp_path)) as secure:
        page = visit(f"probe=tls&host=127.0.0.1&port={secure}")
        assert run(page) == f"127.0.0.1:{secure} was reached, but is not to be trusted."
        assert page.get_by_text(browsing.MARKUP, exact=True).count() > 0, "its name in the certificate"
        shot(page, "hostile-certificate")
    assert_harmless(page)

    page = visit(f"probe=http&url=http://127.0.0.1:{port}/hostile")
    run(page)
    headers = dict(cells(page, "Response headers"))
    assert headers["etag"] == browsing.MARKUP
    assert browsing.MARKUP in headers["via"]
    assert_harmless(page)


def test_records_are_text_too(visit: Visit, shot: Shot) -> None:
    def answer(route: Route) -> None:
        example = examples.answer("dns")[200]["content"]["application/json"]["example"]
        record = {"name": browsing.MARKUP, "type": "TXT", "ttl": 60, "value": f'"</td>{browsing.MARKUP}"'}
        route.fulfill(json={**example, "type": "TXT", "answers": [record]})

    page = visit("probe=dns&name=example.com&type=TXT", "phone")
    page.route("**/v1/probes/dns", answer)
    assert run(page) == "example.com was looked up."
    ((kind, text, ttl),) = cells(page, "Records")
    assert (kind, text.count("<img"), ttl) == ("TXT", 2, "60 s")
    shot(page, "records")
    assert_harmless(page)


def assert_harmless(page: Page) -> None:
    assert page.title() == "NetProbe"
    assert page.locator("#result :is(img, script, iframe, a, style)").count() == 0
    assert page.context.cookies() == []


def test_a_link_fills_in_everything_and_runs_nothing(visit: Visit, port: int) -> None:
    asked: list[str] = []
    query = f"probe=http&url=http%3A%2F%2F127.0.0.1%3A{port}%2F&count=2&family=ipv4&expect.status=200&type=nope"
    page = visit(query)
    page.on("request", lambda request: asked.append(request.url))
    assert page.get_by_role("textbox", name="URL").input_value() == f"http://127.0.0.1:{port}/"
    assert page.get_by_label("IP family").input_value() == "ipv4"
    assert "Nothing probed yet" in page.locator("#result").inner_text()
    page.wait_for_timeout(300)
    assert asked == []
    assert run(page) == f"127.0.0.1:{port} was reached, as expected."
    assert page.url.endswith(f"/?{query.removesuffix('&type=nope')}")


def test_the_command_asks_what_the_page_asks(visit: Visit, port: int) -> None:
    page = visit(f"probe=http&url=http://127.0.0.1:{port}/&expect.status=200")
    page.get_by_label("Body matches").fill("it's '$(date)' \\w")
    page.get_by_text("As a command").click()
    words = shlex.split(page.locator("#command").inner_text())
    assert words[:3] == ["curl", "-s", page.url.partition("?")[0] + "v1/probes/http"]
    with page.expect_request("**/v1/probes/http") as asked:
        run(page)
    assert words[-2:] == ["-d", asked.value.post_data]
    assert json.loads(words[-1])["expect"]["body_matches"] == "it's '$(date)' \\w"


def test_command_and_link_are_copied(visit: Visit) -> None:
    page = visit("probe=dns&name=example.com", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("As a command").click()
    page.get_by_label("Record type").select_option("MX")
    page.get_by_role("button", name="Copy command").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#command").inner_text()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_have_count(2)
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert page.url.endswith("/?probe=dns&name=example.com&type=MX")


def test_without_a_clipboard_it_says_what_to_do(visit: Visit) -> None:
    page = visit("probe=dns&name=example.com")
    page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error()))")
    page.get_by_text("As a command").click()
    page.get_by_role("button", name="Copy command").click()
    expect(page.get_by_role("button", name="Selected, copy it now")).to_be_visible()
    assert page.evaluate("getSelection().toString()") == page.locator("#command").inner_text()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="The link is in the address bar")).to_be_visible()


@pytest.mark.parametrize(
    ("kind", "typed", "target", "number"),
    [
        ("http", "example.com", "https://example.com", None),
        ("http", "https://münchen.example/ä", "https://xn--mnchen-3ya.example/%C3%A4", None),
        ("http", "http://127.1/", "http://127.1/", None),
        ("tls", "https://example.com:8443/path", "example.com", "8443"),
        ("tcp", "example.com:80", "example.com", "80"),
        ("tcp", "2001:db8::1", "2001:db8::1", "443"),
        ("ping", "[2001:db8::1]:853", "[2001:db8::1]", "853"),
        ("dns", "MÜNCHEN.example", "xn--mnchen-3ya.example", None),
    ],
)
def test_whatever_is_pasted_becomes_a_target(
    visit: Visit, kind: str, typed: str, target: str, number: str | None
) -> None:
    page = visit(f"probe={kind}")
    field = page.locator("#target")
    field.fill(typed)
    field.blur()
    assert field.input_value() == target
    if number:
        assert page.get_by_label("Port").input_value() == number


def test_a_request_that_cannot_be_used_is_explained_beside_its_field(visit: Visit, shot: Shot) -> None:
    page = visit("probe=http&url=http://someone@example.com/&resolver=nowhere", "phone")
    assert run(page) == "This cannot be probed"
    url = page.get_by_role("textbox", name="URL")
    expect(url).to_be_focused()
    expect(url).to_have_attribute("aria-invalid", "true")
    expect(url).to_have_accessible_description("A URL with user or password cannot be probed.")
    expect(page.get_by_label("DNS server")).to_have_attribute("aria-invalid", "true")
    shot(page, "invalid")
    url.fill("http://127.0.0.1:9/")
    page.get_by_label("DNS server").fill("")
    run(page)
    assert page.locator("[aria-invalid]").count() == 0


def test_who_asks_too_often_is_told_when_to_come_back(visit: Visit, port: int) -> None:
    with browsing.app(NETPROBE_CLIENT_RATE="1/600") as limited:
        page = visit(f"probe=http&url=http://127.0.0.1:{port}/", at=limited)
        run(page)
        assert run(page) == "Too many probes"
        assert re.search(r"Try again in \d+ s, at \d", page.locator("#result").inner_text())


def test_a_key_is_asked_for_where_one_is_needed_and_kept_to_the_page(visit: Visit, port: int) -> None:
    with browsing.app(API_KEYS="a-key-of-some-length") as locked:
        page = visit(f"probe=http&url=http://127.0.0.1:{port}/", at=locked)
        assert run(page) == "A key is needed"
        expect(page.get_by_label("API key")).to_be_focused()
        page.keyboard.type("a-key-of-some-length")
        page.keyboard.press("Enter")
        expect(page.locator("#result h2")).to_contain_text("was reached")
        for text in (page.url, page.locator("#command").inner_text(), page.content()):
            assert "a-key-of-some-length" not in text


def test_a_service_that_is_gone_is_no_verdict_on_the_target(visit: Visit) -> None:
    page = visit("probe=dns&name=example.com")
    page.route("**/v1/**", lambda route: route.fulfill(status=504, body="<h1>Gateway Timeout</h1>"))
    assert run(page) == "The service failed"
    assert "status 504" in page.locator("#result").inner_text()
    page.route("**/v1/**", lambda route: route.abort())
    assert run(page) == "The service cannot be reached"
    assert "Nothing is known of the target" in page.locator("#result").inner_text()


def test_waiting_can_be_stopped(visit: Visit, port: int, shot: Shot) -> None:
    page = visit(f"probe=http&url=http://127.0.0.1:{port}/slow&timeout=20", "phone")
    page.get_by_role("button", name="Run probe").click()
    expect(page.locator("#result")).to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("progressbar")).to_be_visible()
    shot(page, "running")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#result .verdict h2")).to_have_text("Stopped")
    expect(page.get_by_role("button", name="Run probe")).to_be_focused()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


def test_a_keyboard_is_enough(visit: Visit, port: int) -> None:
    page = visit()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="API documentation")).to_be_focused()
    page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="TCP")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.type(f"127.0.0.1:{port}")
    page.keyboard.press("Enter")
    expect(page.locator("#result h2")).to_have_text(f"127.0.0.1:{port} was reached.")
    expect(page.locator("#target")).to_be_focused()


@pytest.mark.parametrize("window", ["desktop", "phone"])
def test_without_scripts_it_explains_itself_and_still_asks(visit: Visit, port: int, shot: Shot, window: str) -> None:
    page = visit(window=window, java_script_enabled=False)
    expect(page.get_by_role("heading", name="This page needs its script")).to_be_visible()
    expect(page.get_by_role("group", name="Example command")).to_contain_text("curl")
    expect(page.locator("#app")).to_be_hidden()
    shot(page, f"without-scripts-{window}")
    page.get_by_label("HTTP: URL").fill(f"http://127.0.0.1:{port}/")
    page.get_by_role("button", name="Probe").first.click()
    assert '"reached":true' in page.content()


def test_a_script_that_does_not_load_leaves_the_explanation(browser: Browser, origin: str) -> None:
    page = browser.new_context().new_page()
    page.route("**/bars.js", lambda route: route.abort())
    page.goto(origin)
    expect(page.get_by_role("heading", name="This page needs its script")).to_be_visible()
    page.context.close()


def test_it_works_below_another_path(visit: Visit, port: int) -> None:
    with browsing.app(SERVICES="netprobe=/a/np") as mounted:
        page = visit(f"probe=http&url=http://127.0.0.1:{port}/", at=f"{mounted}/a/np")
        assert run(page) == f"127.0.0.1:{port} was reached."
        page.get_by_text("As a command").click()
        assert f"{mounted}/a/np/v1/probes/http" in page.locator("#command").inner_text()
