"""The web page as it is served: its links, headers and caching, and that its fields are those of the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from app.factory import create_app

FOLDER = Path(__file__).resolve().parents[3] / "app" / "services" / "netprobe" / "page"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in TYPES)
KINDS = ("http", "tls", "dns", "tcp", "ping")

Client = Callable[..., httpx.Response]
AppWith = Callable[..., Client]


class Page(HTMLParser):
    """What a page consists of: its elements, each with the elements around it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[dict[str, str | None]]]] = []
        self._around: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), [*self._around]))
        if tag not in {"meta", "link", "img", "input"}:
            self._around.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        self._around.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), [*self._around]))

    def links(self) -> Iterator[tuple[str, str]]:
        """Yield what each element leads to."""
        for tag, attributes, _ in self.elements:
            for name in ("href", "src", "action", "data-probes"):
                if link := attributes.get(name):
                    yield tag, link


def static(page: httpx.Response, name: str) -> str:
    """Return the path of a file that the page loads."""
    (link,) = {link for _, link in Page(page.text).links() if link.endswith(f"/{name}")}
    return urljoin(str(page.url), link).removeprefix("http://app")


def test_the_page_is_asked_for_again_and_its_files_are_kept(public: Client) -> None:
    page = public("GET", "/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-cache"
    folder = static(page, "page.js").rpartition("/")[0]
    for name in FILES:
        file = public("GET", f"{folder}/{name}")
        assert (file.status_code, file.headers["content-type"]) == (200, TYPES[Path(name).suffix])
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert file.content == (FOLDER / name).read_bytes()
    for reply in (page, file):
        assert "set-cookie" not in reply.headers
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_another_version_of_a_file_is_not_kept(public: Client) -> None:
    assert public("GET", "/static/0123abc/page.js").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/static/x/page.css"])
def test_what_a_browser_has_is_not_sent_again(public: Client, path: str) -> None:
    tag = public("GET", path).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = type(public)({}, {"If-None-Match": known})("GET", path)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert type(public)({}, {"If-None-Match": '"other"'})("GET", path).status_code == 200


@pytest.mark.parametrize("path", ["/", *(f"/static/x/{name}" for name in FILES)])
def test_head_tells_the_same_without_the_body(public: Client, path: str) -> None:
    known = type(public)({}, {"X-Request-ID": "same"})
    whole, head = known("GET", path), known("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == whole.headers
    assert int(head.headers["content-length"]) == len(whole.content)


@pytest.mark.parametrize("name", ["nope.js", "index.html", "__init__.py", "..%2Fsettings.py", "%2Fetc%2Fpasswd"])
def test_nothing_else_is_served(public: Client, name: str) -> None:
    reply = public("GET", f"/static/x/{name}")
    assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("route", ["/", "/np", "/a/np", "/a:b"])
def test_every_link_leads_somewhere_wherever_the_service_is_mounted(app_with: AppWith, route: str) -> None:
    client = app_with(SERVICES=f"netprobe={route}")
    page = client("GET", route)
    links = {link for _, link in Page(page.text).links()}
    assert len(links) > 10
    for link in links:
        path = urljoin(f"http://app{route}", link).removeprefix("http://app")
        if link.endswith("/v1/probes"):
            continue
        assert client("GET", path).status_code == (422 if "/v1/probes/" in path else 200), path
    # A gateway may serve all of it below a path that it takes away again.
    assert all(link.startswith(("./", "?")) for link in links)


def test_scripts_import_what_is_there() -> None:
    imported = {
        name
        for path in FOLDER.glob("*.js")
        for name in re.findall(r'^import .* from "\./([^"]+)";$', path.read_text(), re.MULTILINE)
    }
    assert imported <= set(FILES)
    assert imported | {"page.js"} == {name for name in FILES if name.endswith(".js")}


def test_nothing_is_inline_or_from_elsewhere(public: Client) -> None:
    page = Page(public("GET", "/").text)
    for tag, attributes, _ in page.elements:
        assert tag != "style"
        assert tag != "script" or attributes.get("src")
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
    assert not [link for _, link in page.links() if "//" in link]
    assert "url(" not in (FOLDER / "page.css").read_text()
    assert "@import" not in (FOLDER / "page.css").read_text()


def test_no_script_makes_markup_or_code_of_text_or_remembers_anything() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|parseFromString|createContextualFragment"
        r"|\beval\b|\bFunction\(|cookie|localStorage|sessionStorage|indexedDB"
    )
    for path in FOLDER.glob("*.js"):
        assert forbidden.findall(path.read_text()) == [], path.name


def test_the_page_is_no_part_of_the_api() -> None:
    assert not [path for path in create_app({}).openapi()["paths"] if path == "/" or "static" in path]


def test_the_page_needs_no_key_and_its_probes_do(app_with: AppWith) -> None:
    client = app_with(API_KEYS="k" * 20)
    page = client("GET", "/")
    assert page.status_code == 200
    assert client("GET", static(page, "page.js")).status_code == 200
    assert client("POST", "/v1/probes/dns", {"name": "example.com"}).status_code == 401


def _schema(document: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    """Return the schema of a field of a request, as in `expect.status`."""

    def followed(schema: dict[str, Any]) -> dict[str, Any]:
        options = [each for each in schema.get("anyOf", []) if each.get("type") != "null"] or [schema]
        found = options[0]
        return document["components"]["schemas"][found["$ref"].rpartition("/")[2]] if "$ref" in found else found

    body = document["paths"][f"/v1/probes/{kind}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    for part in name.split("."):
        body = followed(body)["properties"][part]
    return followed(body) | {key: body[key] for key in ("default",) if key in body}


@pytest.mark.parametrize("kind", KINDS)
def test_the_fields_are_those_of_the_api_with_its_limits_and_defaults(public: Client, kind: str) -> None:
    document = create_app({}).openapi()
    checked = 0
    for tag, field, around in Page(public("GET", "/").text).elements:
        name = field.get("name")
        kinds = next((each["data-kinds"] for each in reversed(around) if each.get("data-kinds")), None)
        of_the_form = any(each.get("id") == "form" for each in around)
        if not of_the_form or name in {None, "probe", "target"} or (kinds and kind not in kinds.split()):
            continue
        schema = _schema(document, kind, str(name))
        checked += 1
        if field.get("type") == "number":
            least = schema.get("minimum", schema.get("exclusiveMinimum"))
            assert float(str(field["min"])) >= least, name
            assert (float(str(field["max"])), tag) == (schema["maximum"], "input"), name
        if "maxlength" in field:
            assert int(str(field["maxlength"])) == schema["maxLength"], name
        if name in {"timeout", "interval", "max_redirects"}:
            assert float(str(field["placeholder"])) == schema["default"], name
    assert checked >= 5


@pytest.mark.parametrize(
    ("kind", "name"),
    [("dns", "type"), ("dns", "expect.rcode"), ("http", "method"), ("tcp", "family"), ("ping", "method")],
)
def test_the_choices_are_those_of_the_api(public: Client, kind: str, name: str) -> None:
    html = public("GET", "/").text
    shown = [
        {option[0] or option[1] for option in re.findall(r'<option(?: value="([^"]*)")?>([^<]*)<', choice)}
        for own, choice in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL)
        if own == name
    ]
    allowed = set(_schema(create_app({}).openapi(), kind, name)["enum"])
    # A choice without a value leaves the field out, and its words are for people.
    assert any(allowed - {"any", "auto"} <= choices for choices in shown), shown
