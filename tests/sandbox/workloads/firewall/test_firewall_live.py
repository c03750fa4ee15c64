"""Requests over the network to a load balancer whose web ACL has rates, addresses and injections to refuse."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.workloads.context import Context
from sandbox.workloads.firewall.injection import Injection
from sandbox.workloads.firewall.manager import Firewalls
from sandbox.workloads.snapshot import Snapshot
from tests.sandbox.workloads.balancers import balancer_account as front
from tests.sandbox.workloads.firewall.walls import acl, in_set, ip_set, protects, rule

pytestmark = pytest.mark.e2e

_DECODED = [{"priority": 0, "type": "URL_DECODE"}]
_BAD, _MANY = "127.0.0.66", "127.0.0.77"


def _injection(field: dict[str, Any]) -> dict[str, Any]:
    return {"sqliMatchStatement": {"fieldToMatch": field, "textTransformations": _DECODED}}


def test_a_web_acl_refuses_live_requests_and_counts_them(tmp_path: Path) -> None:
    limited = {"rateBasedStatement": {"limit": 20, "evaluationWindowSec": 600, "aggregateKeyType": "IP"}}
    rules = [
        rule("addresses", in_set("bad"), priority=1),
        rule("sql-in-query", _injection({"queryString": {}}), priority=2),
        rule("sql-in-body", _injection({"body": {"oversizeHandling": "CONTINUE"}}), priority=3),
        rule("rate", limited, priority=4),
    ]

    async def send(url: str, address: str, count: int = 1, document: object = None) -> list[int]:
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        async with aiohttp.ClientSession(connector=connector) as session:
            statuses: list[int] = []
            for _ in range(count):
                method = "POST" if document else "GET"
                async with session.request(method, url, json=document) as response:
                    statuses.append(response.status)
                    if response.status == 403:
                        assert response.headers["Server"] == "awselb/2.0"
                        assert b"<h1>403 Forbidden</h1>" in await response.read()
            return statuses

    async def story() -> None:
        injection = Injection()
        await injection.prepare()
        context = Context.of(tmp_path / "wall", tmp_path)
        firewalls = Firewalls(context, injection)
        await firewalls.apply(Snapshot([acl(*rules), ip_set("bad", f"{_BAD}/32"), protects(front.BALANCER)]))
        account = (front.balancer(), front.listener(), front.group(), front.rule())
        try:
            async with front.world(tmp_path / "balancer", *account, firewall=firewalls) as here:
                await here.target()
                url = here.url
                assert await send(f"{url}/users?id=7&sort=name", "127.0.0.1") == [200]
                assert await send(f"{url}/users", _BAD, 3) == [403] * 3
                assert await send(f"{url}/users?id=1'%20OR%20'1'='1", "127.0.0.1", 2) == [403] * 2
                bad, good = {"name": "1' UNION SELECT password FROM users --"}, {"name": "O'Brien"}
                assert await send(f"{url}/users", "127.0.0.1", document=bad) == [403]
                assert await send(f"{url}/users", "127.0.0.1", document=good) == [200]
                assert await send(f"{url}/users", _MANY, 25) == [200] * 20 + [403] * 5
                assert await send(f"{url}/users", "127.0.0.1") == [200]
                # What is refused never reaches a target, and is the balancer's own 403.
                assert here.count("HTTPCode_Target_2XX_Count") == 23
                assert here.count("HTTPCode_ELB_4XX_Count") == 11
        finally:
            await firewalls.close()
            context.logs.close()
        described = firewalls.describe()["acls"][0]
        assert {one["name"]: one.get("BLOCK") for one in described["rules"]} == {
            "addresses": 3,
            "sql-in-query": 2,
            "sql-in-body": 1,
            "rate": 5,
        }
        where = {"WebACL": "dev-firewall", "Rule": "ALL", "Region": "us-east-1"}
        counted = context.metrics.statistics("AWS/WAFV2", "BlockedRequests", where, 0, 9e9, period=3600, stat="Sum")
        assert sum(value for _, value in counted) == 11

    asyncio.run(story())
