"""The routes of the probes: what they take, what they refuse, and what their OpenAPI document promises."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from pydantic import BaseModel

from app.factory import create_app
from app.services.netprobe import examples, models
from app.services.netprobe.models.dns import ExpectDns
from app.services.netprobe.models.http import ExpectHttp
from app.services.netprobe.models.tls import ExpectTls
from app.services.netprobe.probes import trace

Client = Callable[..., httpx.Response]
Web = Callable[[bytes], int]

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("tcp", "http", "dns", "tls", "ping")
REQUESTS: dict[str, type[BaseModel]] = {
    "tcp": models.TcpRequest,
    "http": models.HttpRequest,
    "dns": models.DnsRequest,
    "tls": models.TlsRequest,
    "ping": models.PingRequest,
    "batch": models.BatchRequest,
}
RESULTS: dict[str, type[BaseModel]] = {
    "tcp": models.TcpResult,
    "http": models.HttpResult,
    "dns": models.DnsResult,
    "tls": models.TlsResult,
    "ping": models.PingResult,
    "batch": models.BatchResult,
}
QUERIES: dict[str, dict[str, Any]] = {
    "tcp": {"host": "10.0.0.1", "port": 443, "count": 2},
    "http": {"url": "http://10.0.0.1/", "method": "HEAD", "max_redirects": 1},
    "dns": {"name": "printer.local", "type": "TXT"},
    "tls": {"host": "10.0.0.1", "server_name": "example.com", "timeout": 0.5},
    "ping": {"host": "10.0.0.1", "method": "tcp", "interval": 0},
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app({"ENVIRONMENT": "prod"}).openapi()


@pytest.mark.parametrize("name", REQUESTS)
def test_examples_are_what_they_are_examples_of(name: str) -> None:
    for example in examples.questions(name).values():
        assert example["summary"]
        REQUESTS[name].model_validate(example["value"])
    answer = examples.answer(name)[200]["content"]["application/json"]["example"]
    assert json.loads(RESULTS[name].model_validate(answer).model_dump_json()) == answer


@pytest.mark.parametrize("name", NAMES)
def test_a_link_asks_the_same_as_a_body(public: Client, name: str) -> None:
    replies = [
        public("POST", f"/v1/probes/{name}", QUERIES[name]),
        public("GET", f"/v1/probes/{name}?{httpx.QueryParams(QUERIES[name])}"),
    ]
    assert [reply.status_code for reply in replies] == [200, 200]
    posted, got = (reply.json() for reply in replies)
    assert posted.pop("elapsed_ms") > 0
    assert got.pop("elapsed_ms") > 0
    assert got == posted
    assert got["error"]["kind"] == "no_public_address"


@pytest.mark.parametrize(
    "query", ["", "?host=example.com", "?host=example.com&port=x", "?host=example.com&port=443&expect=1", "?port=443"]
)
def test_a_link_that_cannot_be_read_is_refused(public: Client, query: str) -> None:
    refused = public("GET", f"/v1/probes/tcp{query}")
    assert refused.status_code == 422
    assert all(error["field"].startswith("query.") for error in refused.json()["errors"])


def test_operations_have_names_for_clients(document: dict[str, Any]) -> None:
    operations = [
        operation["operationId"]
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if path.startswith("/v1/probes/")
    ]
    names = [f"{verb}_{name}" for name in NAMES for verb in ("probe", "get")]
    assert sorted(operations) == sorted([*names, "probe_batch"])


def test_a_batch_says_which_probe_is_which(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for schema, field in (("BatchRequest", "probes"), ("BatchResult", "results")):
        items = schemas[schema]["properties"][field]["items"]
        assert items["discriminator"]["propertyName"] == "probe"
        assert sorted(items["discriminator"]["mapping"]) == sorted(NAMES)
        for reference in items["discriminator"]["mapping"].values():
            assert "probe" in schemas[reference.rpartition("/")[2]]["required"]


HOSTILE = {
    "null byte": b'{"host": "example.com\\u0000", "port": 443}',
    "half a surrogate": b'{"host": "\\ud800", "port": 443}',
    "half a surrogate as a name": b'{"host": "example.com", "port": 443, "\\ud800": 1}',
    "null byte as a name": b'{"host": "example.com", "port": 443, "\\u0000": 1}',
    "not a number": b'{"host": "example.com", "port": 443, "timeout": NaN}',
    "infinity": b'{"host": "example.com", "port": 443, "timeout": Infinity}',
    "overflow": b'{"host": "example.com", "port": 443, "timeout": 1e999}',
    "text for a number": b'{"host": "example.com", "port": "443"}',
    "boolean for a number": b'{"host": "example.com", "port": true}',
    "fraction for a whole": b'{"host": "example.com", "port": 443.5}',
    "enormous number": b'{"host": "example.com", "port": ' + b"9" * 4000 + b"}",
    "too many digits": b'{"host": "example.com", "port": ' + b"9" * 5000 + b"}",
    "bytes": b'{"host": "\xff\xfe", "port": 443}',
    "depth": b'{"host": ' + b"[" * 5000 + b"]" * 5000 + b', "port": 443}',
    "endless depth": b"[" * 50_000,
    "one more field": b'{"host": "example.com", "port": 443, "probe": "tcp"}',
    "negative count": b'{"host": "example.com", "port": 443, "count": -1}',
    "zone": b'{"host": "example.com", "port": 443, "resolver": "fe80::1%eth0"}',
    "name for an address": b'{"host": "example.com", "port": 443, "resolver": "one.one.one.one"}',
    "number for an address": b'{"host": "example.com", "port": 443, "resolver": 16843009}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_refused_in_good_order(body: bytes) -> None:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app({"ENVIRONMENT": "prod"}), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.post("/v1/probes/tcp", content=body, headers={"Content-Type": "application/json"})

    refused = asyncio.run(send())
    assert refused.status_code in {400, 422}, refused.text
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("timeout", [0, 0.05, 25.1, 29, -1, "inf", "nan", "5"])
def test_a_deadline_beyond_the_gateways_is_refused(public: Client, timeout: object) -> None:
    body = {"host": "example.com", "port": 443, "timeout": timeout}
    assert public("POST", "/v1/probes/tcp", body).status_code == 422


def test_a_refused_port_is_named_with_those_that_are_not(public: Client) -> None:
    refused = public("POST", "/v1/probes/http", {"url": "http://example.com:22/"}).json()
    assert refused["errors"] == [
        {"field": "body.url", "message": "port 22 may not be probed; these may: 53, 80, 443, 853, 8080, 8443"}
    ]
    assert public("GET", "/v1/probes/tls?host=example.com&port=22").json()["errors"][0]["field"] == "query.port"


def test_a_resolver_needs_its_port(app_with: Callable[..., Client]) -> None:
    client = app_with(NETPROBE_PORTS="443")
    refused = client("POST", "/v1/probes/tcp", {"host": "example.com", "port": 443, "resolver": "9.9.9.9"})
    assert refused.json()["errors"][0]["field"] == "body.resolver"


def test_who_has_had_enough_is_told_when_to_come_back(app_with: Callable[..., Client], closed_port: int) -> None:
    client = app_with(
        ENVIRONMENT="dev", NETPROBE_ALLOW_PRIVATE="127.0.0.1/32", NETPROBE_PORTS="1-65535", NETPROBE_TARGET_RATE="1/60"
    )
    probe = {"host": "127.0.0.1", "port": closed_port, "interval": 0}
    refused = client("POST", "/v1/probes/tcp", probe)
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
    assert int(refused.headers["retry-after"]) > 0
    reply = client("POST", "/v1/probes/batch", {"probes": [{"probe": "tcp", **probe}]}).json()
    assert reply["results"][0]["error"]["kind"] == "not_run"


def test_a_start_imports_nothing_that_only_probes_need() -> None:
    script = "import sys, app.services.netprobe\nprint([n for n in sys.argv[1:] if n in sys.modules])"
    heavy = ["dns", "cryptography", "re2", "jsonpath", "h11", "certifi", "app.services.netprobe.probes"]
    done = subprocess.run([sys.executable, "-c", script, *heavy], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_the_page_knows_every_failure_and_expectation() -> None:
    page = (ROOT / "docs/netprobe.md").read_text(encoding="utf-8")
    for kind in get_args(models.ErrorKind):
        sources = {trace.failed(kind, phase, "").failure_source for phase in get_args(models.Phase)}
        rows = [line for line in page.splitlines() if line.startswith(f"| `{kind}` |")]
        assert {row.rstrip(" |").rpartition("`")[0].rpartition("`")[2] for row in rows} == sources, kind
    expectations = {name for each in (ExpectHttp, ExpectDns, ExpectTls) for name in each.model_fields}
    table = page[page.index("| `expect` |") :]
    assert {name for name in expectations if f"`{name}`" not in table} == set()


def test_only_the_same_question_has_the_same_answer() -> None:
    def key(**expect: object) -> str:
        return models.HttpRequest.model_validate({"url": "http://example.com/", **expect}).key

    present, null = ({"json_values": [{"path": "$.a", **more}]} for more in ({}, {"equals": None}))
    assert key(expect=present) != key(expect=null)
    assert key() != key(method="HEAD")
    batch = models.BatchRequest.model_validate({"probes": [{"probe": "http", "url": "http://example.com/"}]})
    assert batch.probes[0].key == key()
