"""How much one client gets, and how much one target has to bear."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from ipaddress import ip_address

import pytest

from app.core.rate_limit import Rate
from app.services.netprobe.limits import LimitError, Limits, Queues

NONE = Rate()


def limits(
    *,
    at_once: int = 100,
    client_at_once: int = 100,
    target_at_once: int = 100,
    client_rate: Rate = NONE,
    target_rate: Rate = NONE,
) -> Limits:
    return Limits(
        at_once=at_once,
        client_at_once=client_at_once,
        target_at_once=target_at_once,
        client_rate=client_rate,
        target_rate=target_rate,
    )


async def _begin(wanted: Limits, *probes: tuple[str, str]) -> None:
    """Start probes, each of a client to a host, and end them together."""
    async with AsyncExitStack() as under_way:
        for client, host in probes:
            await under_way.enter_async_context(wanted.admit(client, host))


def test_an_instance_runs_so_many_probes_at_once() -> None:
    wanted = limits(at_once=2)
    asyncio.run(_begin(wanted, ("a", "x"), ("b", "y")))
    with pytest.raises(LimitError, match=r"^2 probes are under way") as raised:
        asyncio.run(_begin(wanted, ("a", "x"), ("b", "y"), ("c", "z")))
    assert raised.value.retry_after == 1


def test_one_client_cannot_take_every_place() -> None:
    wanted = limits(client_at_once=2)
    asyncio.run(_begin(wanted, ("a", "x"), ("a", "y"), ("b", "z"), ("b", "z")))
    with pytest.raises(LimitError, match=r"^You have 2 probes under way"):
        asyncio.run(_begin(wanted, ("b", "x"), ("a", "x"), ("a", "y"), ("a", "z")))


def test_a_place_is_free_again_whatever_became_of_the_probe() -> None:
    wanted = limits(at_once=1, client_at_once=1, target_at_once=1)

    async def fail() -> None:
        for error in (ValueError, asyncio.CancelledError, TimeoutError):
            with pytest.raises(error):
                async with wanted.admit("a", "x"):
                    raise error
        async with wanted.admit("a", "x"):
            pass

    asyncio.run(fail())
    assert not wanted._under_way
    assert len(wanted._hosts) == 0


def test_a_client_has_a_budget_in_which_every_attempt_counts() -> None:
    wanted = limits(client_rate=Rate(10, 3600))

    async def spend(client: str, cost: int) -> None:
        async with wanted.admit(client, "x", cost):
            pass

    asyncio.run(spend("a", 8))
    with pytest.raises(LimitError, match="10 probes in 3600 s") as raised:
        asyncio.run(spend("a", 3))
    assert 300 < raised.value.retry_after <= 361
    asyncio.run(spend("a", 2))
    asyncio.run(spend("b", 10))


def test_a_target_is_one_by_whatever_address_it_is_reached() -> None:
    wanted = limits(target_rate=Rate(2, 60))
    for address in ("8.8.8.8", "::ffff:8.8.8.8"):
        wanted.spend(ip_address(address))
    with pytest.raises(LimitError, match="2 probes in 60 s") as raised:
        wanted.spend(ip_address("64:ff9b::808:808"))
    assert 25 <= raised.value.retry_after <= 30
    wanted.spend(ip_address("8.8.4.4"))
    for address in ("2a00:1450:4001:1::1", "2a00:1450:4001:1::2"):
        wanted.spend(ip_address(address))
    with pytest.raises(LimitError):
        wanted.spend(ip_address("2a00:1450:4001:1:ffff::3"))
    wanted.spend(ip_address("2a00:1450:4001:2::1"))


def test_the_next_probe_of_a_host_waits_for_its_turn() -> None:
    queues = Queues(2, patience=5)
    order: list[str] = []

    async def probe(name: str) -> None:
        async with queues.place("x"):
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")

    async def run() -> None:
        await asyncio.gather(*(probe(name) for name in "abc"))

    asyncio.run(run())
    assert order.index("c begins") > min(order.index("a ends"), order.index("b ends"))
    assert order[:2] == ["a begins", "b begins"]
    assert len(queues) == 0


def test_waiting_ends_before_the_gateway_does() -> None:
    queues = Queues(1, patience=0.01)

    async def run() -> None:
        async with queues.place("x"), queues.place("y"):
            with pytest.raises(LimitError, match=r"^1 probes of this host are under way"):
                async with queues.place("x"):
                    pass
        async with queues.place("x"):
            pass

    asyncio.run(run())
    assert len(queues) == 0


def test_no_rate_is_no_limit() -> None:
    wanted = limits()
    asyncio.run(_begin(wanted, *[("a", "x")] * 50))
    for _ in range(50):
        wanted.spend(ip_address("8.8.8.8"))
