"""How a question is put to the page: by typing, pasting, a link or the keyboard alone, and what it says of mistakes."""

from __future__ import annotations

import json
import shlex

import pytest
from playwright.sync_api import expect

from tests.e2e.page import browsing
from tests.e2e.page.browsing import NEEDS_BROWSER, Shot, Visit, run

pytestmark = [pytest.mark.e2e, NEEDS_BROWSER]


def test_a_link_fills_in_everything_and_runs_nothing(visit: Visit, port: int) -> None:
    asked: list[str] = []
    query = f"probe=http&url=http%3A%2F%2F127.0.0.1%3A{port}%2F&count=2&family=ipv4&expect.status=200&type=nope"
    page = visit(query)
    page.on("request", lambda request: asked.append(request.url) if "/v1/" in request.url else None)
    assert page.get_by_role("textbox", name="URL").input_value() == f"http://127.0.0.1:{port}/"
    assert page.get_by_label("IP family").input_value() == "ipv4"
    assert "Nothing probed yet" in page.locator("#result").inner_text()
    page.wait_for_timeout(300)
    assert asked == []
    assert run(page) == f"127.0.0.1:{port} was reached, as expected."
    assert page.url.endswith(f"/?{query.removesuffix('&type=nope')}")


def test_what_a_link_gets_wrong_is_left_as_it_was(visit: Visit) -> None:
    page = visit("probe=tls&host=example.com&port=x&family=ipv9&expect.verified=%7B&timeout=1e400")
    assert page.get_by_label("Port").input_value() == "443"
    assert page.url.count("&") == 5
    page.get_by_role("button", name="Copy link").click()
    assert page.url.endswith("/?probe=tls&host=example.com&port=443")
    page = visit("probe=toString&url=%22%3E%3Cimg%20src%3Dx%3E")
    assert page.get_by_role("radio", name="HTTP").is_checked()
    assert page.get_by_role("textbox", name="URL").input_value() == 'https://"><img src=x>'


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
