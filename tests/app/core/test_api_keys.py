"""Where keys are set, the API needs one; health, pages and documents stay open."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from app.core.gate import Paths
from app.core.settings import Settings, SettingsError
from app.factory import create_app

Answers = Callable[..., list[httpx.Response]]
KEY = "correct-horse-battery"
HASH = hashlib.sha256(KEY.encode()).hexdigest()
PATH = "/things"


def _post(key: str | bytes | None, path: str = PATH) -> httpx.Request:
    return httpx.Request("POST", f"http://app{path}", headers={} if key is None else {"X-API-Key": key}, json={})


def _app(environ: dict[str, str]) -> FastAPI:
    app = create_app(environ)
    app.add_api_route(PATH, _things, methods=["POST"])
    return app


async def _things() -> None:
    pass


@pytest.mark.parametrize("keys", [KEY, HASH, f"ci:{KEY}", f"ci:{HASH}", f"other:{'x' * 20}, ci:{HASH}"])
def test_a_key_opens_the_api_and_nothing_else_does(answers: Answers, keys: str) -> None:
    wrong: list[str | bytes | None] = [None, "", "wrong", KEY[:-1], KEY + " x", HASH, b"\xff\xfe", "ci"]
    opened, *refused = answers(_post(KEY), *(_post(key) for key in wrong), API_KEYS=keys)
    assert opened.status_code == 200
    for reply in refused:
        assert (reply.status_code, reply.headers["content-type"]) == (401, "application/problem+json")
        assert reply.headers["www-authenticate"] == "ApiKey"
        assert KEY not in reply.text


def test_without_keys_everything_is_open(answers: Answers) -> None:
    assert [reply.status_code for reply in answers(_post(None), _post("any"))] == [200, 200]


def test_health_pages_and_documents_stay_open_and_the_rest_is_hidden(answers: Answers) -> None:
    opened = answers("/health", "/ready", "/version", "/docs", "/openapi.json", API_KEYS=KEY)
    assert [reply.status_code for reply in opened] == [200] * 5
    hidden = answers("/nope", "/v1", "/health/", "//health", "/docs/x", _post(None, "/health"), API_KEYS=KEY)
    assert [reply.status_code for reply in hidden] == [401] * 6


def test_a_service_below_a_route_keeps_its_pages_open(answers: Answers) -> None:
    paths = ["/np/health", "/np/ready", "/np/version", "/np/docs", "/np/openapi.json", "/health"]
    replies = answers(*paths, _post(None), API_KEYS=KEY, SERVICES="netprobe=/np")
    assert [reply.status_code for reply in replies] == [200] * 6 + [401]


def test_a_key_has_a_limit_of_its_own_and_guessing_is_limited(answers: Answers) -> None:
    requests = [_post("guess-1"), _post("guess-2"), _post("guess-3"), _post(KEY), _post(KEY), _post(KEY)]
    replies = answers(*requests, API_KEYS=f"ci:{KEY}", RATE_LIMIT="2/600")
    assert [reply.status_code for reply in replies] == [401, 401, 429, 200, 200, 429]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("short", "entry 1 is shorter than 16"),
        (f"{KEY},ci:short", "entry 2 is shorter than 16"),
        (f"{KEY},,", "entry 2 is no NAME:KEY"),
        (f"a b:{KEY}", "entry 1 is no NAME:KEY"),
        (f"ci:{KEY},ci:{'x' * 20}", "two keys have one name"),
        (",", "entry 1 is no NAME:KEY"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_and_not_shown(keys: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as raised:
        Settings.from_environ({"API_KEYS": keys, "PORT": "x"})
    assert KEY not in str(raised.value)
    assert "short" not in str(raised.value).replace("shorter", "")
    assert len(str(raised.value).splitlines()) == 2


def test_settings_do_not_show_keys() -> None:
    assert KEY not in repr(Settings.from_environ({"API_KEYS": KEY}))


def test_keys_from_a_secret_count_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:keys-a1b2c3"

    class SecretsManager:
        def get_secret_value(self, **request: str) -> dict[str, str]:
            return {"SecretString": f"ci:{KEY}"}

    monkeypatch.setattr("app.core.secrets._connect", lambda region: SecretsManager())
    environ = {"MODESHIFT_SECRETS": json.dumps({"API_KEYS": arn})}
    app = _app(environ)
    assert "securitySchemes" in app.openapi()["components"]

    async def ask(state: object, key: str) -> int:
        sent: list[int] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"{}"}

        async def send(message: dict[str, object]) -> None:
            sent.append(int(str(message.get("status", 0))))

        headers = [(b"x-api-key", key.encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers, "scheme": "http"}
        await app({**scope, "query_string": b"", "client": ("127.0.0.1", 1), "state": state}, receive, send)
        return sent[0]

    async def run() -> None:
        assert await ask({}, KEY) == 401
        async with app.router.lifespan_context(app) as state:
            assert await ask(dict(state), KEY) == 200
            assert await ask(dict(state), "wrong") == 401

    asyncio.run(run())


def test_the_document_names_the_key_only_where_it_is_needed() -> None:
    assert "securitySchemes" not in _app({}).openapi()["components"]
    document = _app({"API_KEYS": KEY}).openapi()
    assert document["components"]["securitySchemes"] == {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    }
    assert document["paths"][PATH]["post"]["security"] == [{"ApiKey": []}]
    assert "security" not in document["paths"]["/health"]["get"]


def test_a_service_says_which_of_its_paths_are_keyless() -> None:
    paths = Paths.of("/health", "", {"/people": ["/", "/about", "/static/*"], "": ["/static/*"]})
    keyless = ["/people", "/people/about", "/people/static/page.js", "/static/page.js", "/people/health", "/docs"]
    assert [path for path in keyless if paths.need_key("GET", path)] == []
    guarded = ["/", "/people/", "/people/ada", "/people/about/x", "/people/static", "/peoples", "/static", "/static*"]
    assert [path for path in guarded if not paths.need_key("GET", path)] == []
    assert all(paths.need_key(method, path) for method in ("POST", "PUT", "DELETE") for path in keyless)
