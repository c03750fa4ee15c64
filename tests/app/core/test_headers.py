"""What every response carries for the sake of browsers and caches."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from urllib.parse import urljoin

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import Response

from app.core.settings import Settings, SettingsError

Answers = Callable[..., list[httpx.Response]]


def _policy(reply: httpx.Response) -> dict[str, list[str]]:
    (line,) = reply.headers.get_list("content-security-policy")
    directives = [directive.split() for directive in line.split(";")]
    return {name: sources for name, *sources in directives}


def test_every_response_is_guarded(answers: Answers) -> None:
    for reply in answers("/health", "/nope", "/openapi.json", "/docs", "/version", RATE_LIMIT="3/600"):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "private, no-store"
        assert "server" not in reply.headers
        policy = _policy(reply)
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
        assert "'unsafe-eval'" not in policy["script-src"]
        assert "'unsafe-inline'" not in policy["script-src"]


def test_a_page_may_load_its_own_script_and_style_and_nothing_foreign(answers: Answers) -> None:
    (reply,) = answers("/nope")
    policy = _policy(reply)
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]


def test_a_response_keeps_the_headers_of_its_own(answers: Answers) -> None:
    def extend(app: FastAPI) -> None:
        @app.get("/style.css")
        async def style() -> Response:
            return Response("", headers={"Cache-Control": "public, max-age=60", "Referrer-Policy": "origin"})

    (reply,) = answers("/style.css", extend=extend)
    assert reply.headers.get_list("cache-control") == ["public, max-age=60"]
    assert reply.headers.get_list("referrer-policy") == ["origin"]
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_https_is_remembered_where_the_caller_used_it(answers: Answers) -> None:
    plain, forged = answers(
        "/health", httpx.Request("GET", "http://app/health", headers={"X-Forwarded-Proto": "https"})
    )
    assert "strict-transport-security" not in plain.headers
    assert "strict-transport-security" not in forged.headers
    (told,) = answers(
        httpx.Request("GET", "http://app/health", headers={"X-Forwarded-Proto": "https"}), TRUSTED_PROXIES="1"
    )
    (direct,) = answers(httpx.Request("GET", "https://app/health"))
    for reply in (told, direct):
        assert reply.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("base", ["", "/np"])
def test_the_docs_load_one_version_of_one_library_and_start_it(answers: Answers, base: str) -> None:
    (reply,) = answers(f"{base}/docs", SERVICES=f"netprobe={base or '/'}")
    policy = _policy(reply)
    source, script_hash = policy["script-src"]
    assert re.fullmatch(r"https://cdn\.jsdelivr\.net/npm/swagger-ui-dist@\d+\.\d+\.\d+/", source)
    loaded = re.findall(r'<(?:script src|link rel="stylesheet" href)="([^"]+)" integrity="sha384-[^"]{64}"', reply.text)
    assert loaded == [f"{source}swagger-ui.css", f"{source}swagger-ui-bundle.js"]
    (start,) = re.findall(r"<script>(.*)</script>", reply.text)
    digest = base64.b64encode(hashlib.sha256(start.encode()).digest()).decode()
    assert script_hash == f"'sha256-{digest}'"
    (document,) = re.findall("url: '([^']+)'", start)
    assert urljoin(f"http://app{base}/docs", document) == f"http://app{base}/openapi.json"


ORIGIN = "https://app.example"


def _preflight(origin: str) -> httpx.Request:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    return httpx.Request("OPTIONS", "http://app/things", headers=asked)


def test_no_other_origin_may_call_unless_it_is_listed(answers: Answers) -> None:
    fetch = httpx.Request("GET", "http://app/version", headers={"Origin": ORIGIN})
    for reply in answers(fetch, _preflight(ORIGIN)):
        assert "access-control-allow-origin" not in reply.headers
    listed, asked, stranger = answers(
        fetch, _preflight(ORIGIN), _preflight("https://evil.example"), CORS_ORIGINS=ORIGIN
    )
    assert listed.headers["access-control-allow-origin"] == ORIGIN
    assert "X-Request-ID" in listed.headers["access-control-expose-headers"]
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert (stranger.status_code, stranger.headers["content-type"]) == (400, "application/problem+json")
    assert stranger.json()["detail"] == "Disallowed CORS origin."
    assert "access-control-allow-origin" not in stranger.headers


def test_a_listed_origin_asks_without_a_key_and_may_read_refusals(answers: Answers) -> None:
    refused = httpx.Request("POST", "http://app/things", headers={"Origin": ORIGIN}, json={})
    asked, answer = answers(_preflight(ORIGIN), refused, CORS_ORIGINS=ORIGIN, API_KEYS="k" * 20)
    assert asked.status_code == 200
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_any_origin_may_be_let_in_and_then_no_browser_sends_credentials(answers: Answers) -> None:
    (reply,) = answers(httpx.Request("GET", "http://app/version", headers={"Origin": ORIGIN}), CORS_ORIGINS="*")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize(
    "origins",
    ["app.example", "https://app.example/", "https://*.example", "ftp://a", "null", f"{ORIGIN},", f"*,{ORIGIN}"],
)
def test_what_is_no_origin_is_refused(origins: str) -> None:
    with pytest.raises(SettingsError, match="CORS_ORIGINS="):
        Settings.from_environ({"CORS_ORIGINS": origins})
