"""Every attack of the list, through the app, beside listeners that must never be reached."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.factory import create_app
from app.services.netprobe.addresses import refusal
from tests.app.netprobe import attacks
from tests.app.netprobe.arena import ALLOWED, ENVIRON, Arena, Forbidden, Watch, arena, forbidden, verdicts, watch
from tests.app.netprobe.attacks import Attack

PAGE = Path(__file__).resolve().parents[3] / "docs" / "netprobe-safety.md"

Try = Callable[[Arena], Coroutine[Any, Any, Sequence[httpx.Response]]]


def named(found: Sequence[Attack]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attack", found, ids=[attack.name for attack in found])


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(dict(ENVIRON))


@pytest.fixture(scope="module")
def listeners() -> Iterator[Forbidden]:
    with forbidden() as opened:
        yield opened


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, listeners: Forbidden) -> Iterator[Watch]:
    """Let a test fail that reaches what is forbidden, or anything at all but the allowed address."""
    monkeypatch.setattr("app.services.netprobe.guard._STEP", 0.001)
    watching = watch(monkeypatch)
    yield watching
    assert not watching.strangers()
    assert not listeners.reached()


@pytest.fixture
def run(app: FastAPI, watched: Watch, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sequence[httpx.Response]]:
    """Try something in an arena."""

    def start(attempt: Try, **setting: Any) -> Sequence[httpx.Response]:
        async def scenario() -> Sequence[httpx.Response]:
            async with arena(app, monkeypatch, **setting) as opened:
                return await attempt(opened)

        return asyncio.run(scenario())

    return start


Run = Callable[..., Sequence[httpx.Response]]


def url_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


async def as_host(where: Arena, host: str, port: int) -> list[httpx.Response]:
    """Send a host in every place that takes one."""
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("tcp", {"host": host, "port": port, "count": 1}),
        ("tls", {"host": host, "port": port}),
        ("ping", {"host": host, "port": port, "method": "tcp", "count": 1}),
        ("ping", {"host": host, "method": "icmp", "count": 1}),
        ("http", {"url": url_of(host, port)}),
    ]
    batch = {"probes": [{**body, "probe": path} for path, body in bodies]}
    posted = [await where.send(path, body) for path, body in [*bodies, ("batch", batch)]]
    return [*posted, *[await where.ask(path, **body) for path, body in bodies]]


@named(attacks.ADDRESSES)
def test_an_address_is_refused_wherever_it_is_sent(attack: Attack, run: Run, listeners: Forbidden) -> None:
    address, port = attack.sends, listeners.port
    assert attack.says in str(refusal(ip_address(address)))

    async def everywhere(where: Arena) -> list[httpx.Response]:
        through = {"host": "rebind.example", "port": port, "count": 1, "resolver": ALLOWED}
        redirecting = f"http://{ALLOWED}:{where.web}/"
        return [
            *await as_host(where, address, port),
            await where.send("tls", {"host": "example.com", "address": address, "port": port}),
            await where.send("tcp", {"host": "example.com", "port": port, "resolver": address}),
            await where.send("dns", {"name": "example.com", "resolver": address}),
            await where.send("http", {"url": redirecting, "max_redirects": 3}),
            await where.send("tcp", through),
            await where.send("http", {"url": f"http://rebind.example:{port}/", "resolver": ALLOWED}),
        ]

    replies = run(everywhere, location=url_of(address, port), answers=[[address]])
    found = [verdict for reply in replies for verdict in verdicts(reply)]
    assert len(found) == 21
    assert {kind for kind, _ in found} == {"no_public_address"}
    assert {said.partition(" has ")[0] for _, said in found} == {"The host", "The resolver"}


@named(attacks.HOSTS)
def test_a_host_is_refused_wherever_it_is_sent(attack: Attack, run: Run, listeners: Forbidden) -> None:
    host = attack.sends.replace("PORT", str(listeners.port))
    for verdict, said in [each for reply in run(lambda where: as_host(where, host, 443)) for each in verdicts(reply)]:
        assert verdict == ("no_public_address" if attack.rule == attacks.INSIDE else "422")
        assert said


@named(attacks.HOSTS)
def test_a_host_is_refused_for_what_it_is(attack: Attack, run: Run, listeners: Forbidden) -> None:
    host = attack.sends.replace("PORT", str(listeners.port))

    async def tcp(where: Arena) -> list[httpx.Response]:
        return [await where.send("tcp", {"host": host, "port": 443})]

    [(_, said)] = verdicts(run(tcp)[0])
    assert attack.says in said


@named(attacks.URLS)
def test_a_url_is_refused(attack: Attack, run: Run, listeners: Forbidden) -> None:
    url = attack.sends.replace("PORT", str(listeners.port))

    async def http(where: Arena) -> list[httpx.Response]:
        batch = {"probes": [{"probe": "http", "url": url}]}
        return [await where.send("http", {"url": url}), await where.send("batch", batch)]

    for reply in run(http):
        [(verdict, said)] = verdicts(reply)
        assert verdict == "422"
        assert attack.says in said


@named(attacks.REDIRECTS)
def test_a_redirect_is_refused(attack: Attack, run: Run, listeners: Forbidden) -> None:
    location = attack.sends.replace("PORT", str(listeners.port))

    async def http(where: Arena) -> list[httpx.Response]:
        query = {"url": f"http://{ALLOWED}:{where.web}/", "max_redirects": 5}
        return [await where.send("http", query), await where.send("batch", {"probes": [{**query, "probe": "http"}]})]

    for reply in run(http, location=location):
        [(verdict, said)] = verdicts(reply)
        assert verdict in {"no_public_address", "redirect_not_allowed", "port_not_allowed"}
        assert attack.says in said


def test_no_redirect_is_followed_unasked(run: Run, listeners: Forbidden) -> None:
    location = url_of("127.0.0.1", listeners.port)

    async def http(where: Arena) -> list[httpx.Response]:
        return [await where.send("http", {"url": f"http://{ALLOWED}:{where.web}/"})]

    result = run(http, location=location)[0].json()
    assert (result["ok"], result["status"], result["location"]) == (True, 302, location)


@named(attacks.ANSWERS)
def test_a_name_is_resolved_once_and_refused_whole(attack: Attack, run: Run) -> None:
    answers = [part.split() for part in attack.sends.split(" then ")]
    asked: dict[tuple[str, str], int] = {}

    async def http(where: Arena) -> list[httpx.Response]:
        query = {"url": f"http://rebind.example:{where.web}/", "resolver": ALLOWED, "count": 3}
        reply = await where.send("http", query)
        asked.update(where.nameserver.asked)
        return [reply]

    result = run(http, location="/", answers=answers)[0].json()
    assert asked == {("rebind.example.", "A"): 1, ("rebind.example.", "AAAA"): 1}
    if len(answers) > 1:
        assert (result["ok"], result["address"], result["error"]) == (True, ALLOWED, None)
    else:
        assert (result["error"]["kind"], result["address"]) == ("no_public_address", None)


@named(attacks.LISTED)
def test_a_port_that_is_not_listed_is_refused(attack: Attack, watched: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(attack.sends)
    bodies = {
        "tcp": {"host": "example.com", "port": port},
        "tls": {"host": "example.com", "port": port},
        "ping": {"host": "example.com", "port": port, "method": "tcp"},
        "http": {"url": f"https://example.com:{port}/"},
    }
    batch = {"probes": [{**body, "probe": path} for path, body in bodies.items()]}

    async def everywhere() -> list[httpx.Response]:
        async with arena(create_app({}), monkeypatch) as where:
            asked = [await where.ask(path, **body) for path, body in bodies.items()]
            return [*asked, *[await where.send(path, body) for path, body in [*bodies.items(), ("batch", batch)]]]

    for reply in asyncio.run(everywhere()):
        [(verdict, said)] = verdicts(reply)
        assert verdict == "422"
        assert attack.says in said


@named(attacks.OPTIONS)
def test_an_option_is_refused(attack: Attack, run: Run, listeners: Forbidden) -> None:
    option = json.loads(attack.sends.replace("PORT", str(listeners.port)))

    async def http(where: Arena) -> list[httpx.Response]:
        body = json.dumps({"url": f"http://{ALLOWED}:{where.web}/", **option})
        return [await where.client.post("/v1/probes/http", content=body, headers={"content-type": "application/json"})]

    [(verdict, said)] = verdicts(run(http)[0])
    assert verdict == "422"
    assert attack.says in said


def test_what_the_probe_sends_is_its_own(run: Run) -> None:
    received: list[str] = []

    async def http(where: Arena) -> list[httpx.Response]:
        headers = {"host": "evil.example", "authorization": "Bearer x", "cookie": "a=b", "x-forwarded-for": "127.0.0.1"}
        url = f"http://{ALLOWED}:{where.web}/"
        replies = [await where.client.post("/v1/probes/http", json={"url": url}, headers=headers)]
        received.extend(where.received)
        return replies

    assert run(http, location="/")[0].json()["ok"]
    lines = [line.lower() for line in received[0].strip().split("\r\n")[1:]]
    assert sorted(line.partition(":")[0] for line in lines) == [
        "accept",
        "accept-encoding",
        "connection",
        "host",
        "user-agent",
    ]
    assert not any("evil" in line or "bearer" in line for line in lines)


def test_a_probe_is_no_way_to_send_another(run: Run, listeners: Forbidden) -> None:
    async def looped(where: Arena) -> list[httpx.Response]:
        inner = {"url": f"http://{ALLOWED}:{where.web}/"}
        await where.send("http", inner)
        [agent] = re.findall(r"(?im)^user-agent: (.+?)\r$", where.received[0])
        headers = {"user-agent": agent}
        return [
            await where.client.get("/v1/probes/http", params=inner, headers=headers),
            await where.client.post("/v1/probes/batch", json={"probes": [{**inner, "probe": "http"}]}, headers=headers),
        ]

    assert [reply.status_code for reply in run(looped, location="/")] == [403, 403]


def test_those_who_are_probed_can_ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[str] = []

    async def http() -> None:
        app = create_app({**ENVIRON, "NETPROBE_CONTACT": "https://example.com/probes"})
        async with arena(app, monkeypatch, location="/") as where:
            await where.send("http", {"url": f"http://{ALLOWED}:{where.web}/"})
            received.extend(where.received)

    asyncio.run(http())
    assert re.search(r"(?im)^user-agent: modeshift-netprobe/\S+ \(\+https://example\.com/probes\)\r$", received[0])


def test_the_watch_sees_what_would_be_an_attack(monkeypatch: pytest.MonkeyPatch) -> None:
    with forbidden() as there:
        watching = watch(monkeypatch)
        with closing(socket.create_connection(("127.0.0.1", there.port))):
            assert there.reached()
        assert "127.0.0.1" in watching.strangers()
    with forbidden() as there, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as out:
        out.sendto(b"x", ("127.0.0.3", there.port))
        assert there.reached()


def test_the_list_is_long_and_names_each_attack_once() -> None:
    assert len(attacks.ALL) >= 150
    assert len({(attack.where, attack.name) for attack in attacks.ALL}) == len(attacks.ALL)
    assert len({attack.sends for attack in attacks.ADDRESSES}) == len(attacks.ADDRESSES)


def test_the_page_shows_the_list() -> None:
    shown = re.search(r"(?ms)^\| attack \|.*?(?=^[^|]|\Z)", PAGE.read_text(encoding="utf-8"))
    assert shown
    assert shown[0].strip().splitlines() == [*attacks.table()], "write it anew: python -m tests.app.netprobe.attacks"
