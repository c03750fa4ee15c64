"""Probes through the app, within limits, shared by those who ask the same, and on record."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.factory import create_app
from tests.app.netprobe.arena import ALLOWED, ENVIRON, Arena, arena

Scenario = Callable[[Arena], Awaitable[None]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a scenario with some variables set."""

    def start(scenario: Scenario, **environ: str) -> None:
        async def within() -> None:
            async with arena(create_app({**ENVIRON, **environ}), monkeypatch, location="/x") as where:
                await scenario(where)

        asyncio.run(within())

    return start


def url(where: Arena, path: str = "/") -> dict[str, Any]:
    return {"url": f"http://{ALLOWED}:{where.web}{path}"}


def test_fifty_who_ask_the_same_cause_one_probe(run: Callable[..., None]) -> None:
    async def scenario(where: Arena) -> None:
        replies = await asyncio.gather(*(where.send("http", url(where)) for _ in range(50)))
        assert {reply.status_code for reply in replies} == {200}
        assert {reply.json()["age_seconds"] for reply in replies} == {0}
        assert len(where.received) == 1
        again = (await where.send("http", url(where))).json()
        assert 0 < again["age_seconds"] <= 60
        batch = (await where.send("batch", {"probes": [{**url(where), "probe": "http"}]})).json()
        assert batch["results"][0]["age_seconds"] > 0
        assert len(where.received) == 1

    run(scenario, NETPROBE_CACHE_SECONDS="60")


def test_what_differs_in_the_least_is_another_question(run: Callable[..., None]) -> None:
    async def scenario(where: Arena) -> None:
        questions = [
            url(where),
            url(where, "/?a"),
            {**url(where), "method": "HEAD"},
            {**url(where), "timeout": 4},
            {**url(where), "expect": {"status": [200]}},
            {**url(where), "expect": {"status": [302]}},
        ]
        replies = [await where.send("http", question) for question in questions]
        assert [reply.json()["ok"] for reply in replies] == [True, True, True, True, False, True]
        assert len(where.received) == len(questions)

    run(scenario, NETPROBE_CACHE_SECONDS="60")


def test_a_client_beyond_its_rate_is_told_when_to_come_back(run: Callable[..., None]) -> None:
    async def scenario(where: Arena) -> None:
        replies = [await where.send("http", url(where, f"/{number}")) for number in range(4)]
        assert [reply.status_code for reply in replies] == [200, 200, 429, 429]
        assert replies[-1].headers["content-type"] == "application/problem+json"
        assert 1 <= int(replies[-1].headers["retry-after"]) <= 1800
        assert "2 probes in 3600 s" in replies[-1].json()["detail"]
        assert (await where.send("http", url(where, "/0"))).json()["age_seconds"] > 0
        assert len(where.received) == 2

    run(scenario, NETPROBE_CLIENT_RATE="2/3600", NETPROBE_CACHE_SECONDS="60")


def test_every_probe_of_a_batch_and_every_attempt_counts(run: Callable[..., None]) -> None:
    async def scenario(where: Arena) -> None:
        probes = [{**url(where, f"/{number}"), "probe": "http"} for number in range(6)]
        reply = await where.send("batch", {"probes": probes})
        results = reply.json()["results"]
        assert reply.status_code == 200
        assert [result["ok"] for result in results].count(True) == 4
        refused = [result["error"] for result in results if result["error"]]
        assert {(error["kind"], error["failure_source"]) for error in refused} == {("not_run", "us")}
        assert len(where.received) == 4

    async def attempts(where: Arena) -> None:
        assert (await where.send("http", {**url(where), "count": 4, "interval": 0})).status_code == 200
        assert (await where.send("http", url(where, "/next"))).status_code == 429

    run(scenario, NETPROBE_CLIENT_RATE="4/3600")
    run(attempts, NETPROBE_CLIENT_RATE="4/3600")


def test_a_target_is_spared_by_whatever_name_it_is_asked_for(run: Callable[..., None]) -> None:
    async def scenario(where: Arena) -> None:
        where.nameserver.lists = [[ALLOWED]]
        for number in range(2):
            query = {"url": f"http://{number}.example:{where.web}/", "resolver": ALLOWED}
            statuses.append((await where.send("http", query)).status_code)
        reply = await where.send("http", url(where))
        statuses.append(reply.status_code)
        assert "This target has had" in reply.json()["detail"]
        assert int(reply.headers["retry-after"]) >= 1

    statuses: list[int] = []
    # Two questions to the resolver and one request, twice: the resolver is at the same address.
    run(scenario, NETPROBE_TARGET_RATE="6/3600")
    assert statuses == [200, 200, 429]


def test_a_busy_instance_says_so(run: Callable[..., None]) -> None:
    async def scenario(where: Arena) -> None:
        replies = await asyncio.gather(*(where.send("http", url(where, f"/{number}")) for number in range(8)))
        statuses = [reply.status_code for reply in replies]
        assert statuses.count(200) == 3
        assert statuses.count(429) == 5
        assert (await where.send("http", url(where, "/later"))).status_code == 200

    run(scenario, NETPROBE_AT_ONCE="3")
    run(scenario, NETPROBE_CLIENT_AT_ONCE="3")


def test_probes_of_one_host_wait_for_their_turn(run: Callable[..., None]) -> None:
    async def scenario(where: Arena) -> None:
        replies = await asyncio.gather(*(where.send("http", url(where, f"/{number}")) for number in range(8)))
        assert [reply.status_code for reply in replies] == [200] * 8

    run(scenario, NETPROBE_TARGET_AT_ONCE="1")


def test_a_probe_leaves_a_record(run: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(where: Arena) -> None:
        await where.send("http", url(where, "/secret?token=s3cret"))
        await where.send("tcp", {"host": "10.0.0.1", "port": 443})

    with caplog.at_level(logging.INFO, "app.services.netprobe.prober"):
        run(scenario, NETPROBE_CLIENT_RATE="1/60")
    run_record, refused = [record.fields for record in caplog.records if record.name == "app.services.netprobe.prober"]
    assert {**run_record, "ms": 0} == {
        "client": "127.0.0.1",
        "probe": "http",
        "host": ALLOWED,
        "address": ALLOWED,
        "error": None,
        "ms": 0,
    }
    assert (refused["host"], refused["client"], "1 probes" in refused["reason"]) == ("10.0.0.1", "127.0.0.1", True)
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("probe", ["tcp", "http", "tls", "ping"])
def test_a_private_name_looks_like_one_that_nobody_has(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, probe: str
) -> None:
    known = {"private.example.": ["10.0.0.1"], "mixed.example.": ["8.8.8.8", "::1"]}

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(None, None, None, "", (address, 0)) for address in known[host]]

    async def scenario(where: Arena) -> None:
        for name in ("private", "mixed", "nobody"):
            host = f"{name}.example"
            query = {"url": f"http://{host}/"} if probe == "http" else {"host": host, "port": 443}
            reply = await where.send(probe, query)
            result = json.loads(reply.text.replace(host, "HOST"))
            assert result.pop("elapsed_ms") >= 100
            seen.append((reply.status_code, result))

    seen: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    run(scenario)
    assert seen[0] == seen[1] == seen[2]


def test_the_document_tells_of_limits() -> None:
    document = create_app({}).openapi()
    for path, operations in document["paths"].items():
        for operation in operations.values() if path.startswith("/v1/probes") else ():
            assert "Retry-After" in operation["responses"]["429"]["headers"]
