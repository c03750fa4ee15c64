"""What the page shows of a probe, in a real browser."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.services.netprobe import examples
from tests.e2e.page import browsing
from tests.e2e.page.browsing import NEEDS_BROWSER, WINDOWS, Shot, Visit, cells, run

pytestmark = [pytest.mark.e2e, NEEDS_BROWSER]


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


def test_who_asks_too_often_is_told_when_to_come_back(visit: Visit, port: int) -> None:
    with browsing.app(NETPROBE_CLIENT_RATE="1/600") as limited:
        page = visit(f"probe=http&url=http://127.0.0.1:{port}/", at=limited)
        run(page)
        assert run(page) == "Too many probes"
        assert re.search(r"Try again in \d+ s, at \d", page.locator("#result").inner_text())


def test_a_service_that_is_gone_is_no_verdict_on_the_target(visit: Visit) -> None:
    page = visit("probe=dns&name=example.com")
    page.route("**/v1/**", lambda route: route.fulfill(status=504, body="<h1>Gateway Timeout</h1>"))
    assert run(page) == "No answer of this service"
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
