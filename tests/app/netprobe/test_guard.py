"""Hosts are resolved once, to addresses fit to be probed, and sockets go to exactly those."""

from __future__ import annotations

import ast
import asyncio
import socket
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rate_limit import Rate
from app.core.settings import SettingsError
from app.services.netprobe import guard as module
from app.services.netprobe.guard import Guard, NotPublicError, PortError, Ports, parse_host
from app.services.netprobe.limits import LimitError
from app.services.netprobe.settings import NetprobeSettings

Address = IPv4Address | IPv6Address
ANY_PORT = Ports.parse("1-65535")
LOOPBACK = Guard(ANY_PORT, [ip_network("127.0.0.0/24")])


def answering(*addresses: str, after: float = 0) -> Callable[[str], Awaitable[list[Address]]]:
    """Return what looks every name up to the same addresses."""

    async def ask(_: str) -> list[Address]:
        await asyncio.sleep(after)
        return [ip_address(address) for address in addresses]

    return ask


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Example.COM", "example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("3com.com", "3com.com"),
        ("8.8.8.8", "8.8.8.8"),
        ("[2606:4700:4700:0:0:0:0:1111]", "2606:4700:4700::1111"),
    ],
)
def test_a_host_has_one_plain_form(written: str, plain: str) -> None:
    assert parse_host(written) == plain


@given(st.text(max_size=300) | st.from_regex(r"[0-9a-fxA-FX.:%\[\]]{1,60}", fullmatch=True))
def test_what_is_read_as_a_host_reads_the_same_again(text: str) -> None:
    try:
        host = parse_host(text)
    except ValueError:
        return
    assert parse_host(host) == host
    assert host.isascii()
    assert host.isprintable()


@given(
    st.from_regex(r"(0x[0-9a-f]{1,8}|[0-9]{1,10}|0[0-7]{1,11})(\.(0x[0-9a-f]{1,4}|[0-9]{1,4})){0,3}", fullmatch=True)
)
def test_a_number_is_an_address_in_four_plain_parts_or_nothing(text: str) -> None:
    try:
        host = parse_host(text)
    except ValueError:
        return
    assert host == text == str(IPv4Address(text))
    assert socket.inet_aton(text) == IPv4Address(text).packed


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["2606:4700::1", "::ffff:127.0.0.1"], ["169.254.169.254"], []],
    ids=["private", "public and private", "one wrapped", "metadata", "none"],
)
def test_one_bad_address_spoils_a_name(addresses: list[str]) -> None:
    with pytest.raises(NotPublicError):
        asyncio.run(Guard(ANY_PORT).resolve("rebind.example", answering(*addresses)))


def test_a_name_with_many_addresses_is_tried_at_few() -> None:
    many = [f"8.8.8.{last}" for last in range(100)]
    found = asyncio.run(Guard(ANY_PORT).resolve("many.example", answering(*many, *many)))
    assert found == tuple(ip_address(address) for address in many[:4])


@pytest.mark.parametrize(
    "host",
    "metadata metadata.google.internal metadata.goog metadata.tencentyun.com instance-data instance-data.ec2.internal "
    "ip-10-0-0-1.ec2.internal redis.cache.svc.cluster.local printer.local router.home.arpa x.onion x.invalid".split(),
)
def test_a_name_of_the_inside_is_not_even_looked_up(host: str) -> None:
    asked: list[str] = []

    async def ask(name: str) -> list[Address]:
        asked.append(name)
        return [ip_address("8.8.8.8")]

    with pytest.raises(NotPublicError):
        asyncio.run(Guard(ANY_PORT).resolve(host, ask))
    assert asked == []
    assert asyncio.run(Guard(ANY_PORT).resolve(f"{host}.example.com", ask))


def test_no_search_list_completes_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(None, None, None, "", ("8.8.8.8", 0)), (None, None, None, "", ("2606:4700::1", 0, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    found = asyncio.run(Guard(ANY_PORT).resolve("example.com"))
    assert (asked, found) == (["example.com."], (ip_address("8.8.8.8"), ip_address("2606:4700::1")))


def test_silent_name_servers_hold_up_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    silence = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[tuple[object, ...]]:
        silence.wait(10)
        return []

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await Guard(ANY_PORT).resolve("silent.example")

    async def scenario() -> str:
        await asyncio.gather(*(give_up() for _ in range(40)))
        try:
            return await asyncio.wait_for(asyncio.to_thread(lambda: "done"), 5)
        finally:
            silence.set()

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert asyncio.run(scenario()) == "done"


@pytest.mark.parametrize(("taken", "answered"), [(0, 0.1), (0.004, 0.1), (0.099, 0.1), (0.13, 0.2), (0.31, 0.4)])
def test_a_refusal_is_given_at_one_of_few_moments(
    monkeypatch: pytest.MonkeyPatch, taken: float, answered: float
) -> None:
    slept: list[float] = []

    async def ask(_: str) -> list[Address]:
        times.append(times[0] + taken)
        return []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    times = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: times[-1])
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    with pytest.raises(NotPublicError):
        asyncio.run(Guard(ANY_PORT).resolve("inside.example", ask))
    assert taken + slept[0] == pytest.approx(answered)


def test_a_private_name_takes_as_long_as_one_that_nobody_has() -> None:
    async def refused(ask: Callable[[str], Awaitable[list[Address]]]) -> float:
        begun = time.perf_counter()
        with pytest.raises(NotPublicError):
            await Guard(ANY_PORT).resolve("inside.example", ask)
        return time.perf_counter() - begun

    async def measure() -> tuple[list[float], list[float]]:
        private, nobody = answering("10.0.0.1", after=0.001), answering(after=0.03)
        taken = await asyncio.gather(*(refused(ask) for _ in range(20) for ask in (private, nobody)))
        return taken[::2], taken[1::2]

    private, nobody = (statistics.median(taken) for taken in asyncio.run(measure()))
    assert min(private, nobody) >= 0.09
    assert abs(private - nobody) < 0.015


def test_a_socket_is_opened_to_a_permitted_address_only(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    guard = Guard(ANY_PORT)
    for address in map(ip_address, ("127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254")):
        for opened in (guard.connect(address, port), guard.connect_udp(address, port), guard.connect_icmp(address)):
            with pytest.raises(NotPublicError):
                asyncio.run(opened)
    listener.settimeout(0.05)
    with pytest.raises(TimeoutError):
        listener.accept()


def test_a_socket_is_opened_to_a_listed_port_only(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    guard = Guard(ANY_PORT.without(port), LOOPBACK.allowed)
    for opened in (guard.connect(ip_address("127.0.0.1"), port), guard.connect_udp(ip_address("127.0.0.1"), port)):
        with pytest.raises(PortError, match=f"^port {port} may not be probed"):
            asyncio.run(opened)


def test_what_is_sent_is_counted(listener: socket.socket) -> None:
    limits = NetprobeSettings(target_rate=Rate(2, 60)).limits()
    guard = Guard(ANY_PORT, LOOPBACK.allowed, spend=limits.spend)
    address, port = ip_address("127.0.0.1"), listener.getsockname()[1]
    for opened in (guard.connect(address, port), guard.connect_udp(address, port)):
        asyncio.run(opened).close()
    with pytest.raises(LimitError, match=r"2 probes in 60 s"):
        asyncio.run(guard.connect(address, port))


def test_an_echo_request_can_be_sent_where_the_system_lets_us() -> None:
    try:
        connection = asyncio.run(LOOPBACK.connect_icmp(ip_address("127.0.0.2")))
    except PermissionError:
        pytest.skip("this system lets nobody but its administrator send ICMP (net.ipv4.ping_group_range)")
    with connection:
        assert connection.getpeername()[0] == "127.0.0.2"


def test_a_datagram_of_another_sender_is_not_heard() -> None:
    async def exchange(server: socket.socket) -> bytes:
        connection = await LOOPBACK.connect_udp(ip_address("127.0.0.1"), server.getsockname()[1])
        with connection, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(connection, b"question")
            _, asker = server.recvfrom(100)
            stranger.sendto(b"forged", asker)
            server.sendto(b"answer", asker)
            return await loop.sock_recv(connection, 100)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        assert asyncio.run(exchange(server)) == b"answer"


def test_an_answer_from_another_address_is_refused(monkeypatch: pytest.MonkeyPatch, listener: socket.socket) -> None:
    connect = asyncio.selector_events.BaseSelectorEventLoop.sock_connect

    async def elsewhere(loop: asyncio.AbstractEventLoop, sock: socket.socket, address: tuple[str, int]) -> None:
        await connect(loop, sock, ("127.0.0.1", address[1]))  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", elsewhere)
    with pytest.raises(NotPublicError):
        asyncio.run(LOOPBACK.connect(IPv4Address("127.0.0.2"), listener.getsockname()[1]))


def test_public_networks_of_ones_own_can_be_denied() -> None:
    settings = NetprobeSettings.from_environ({"NETPROBE_DENY": "8.8.8.0/24, 2600:1f18::/36"})
    guard = settings.guard(settings.limits())
    for address in ("8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2600:1f18:fff::1"):
        assert not guard.permits(ip_address(address))
    for address in ("8.8.4.4", "2600:1f18:1000::1"):
        assert guard.permits(ip_address(address))


def test_inside_lambda_its_own_api_is_out_of_reach() -> None:
    environ = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "NETPROBE_PORTS": "443,9000-9002", "ENVIRONMENT": "dev"}
    settings = NetprobeSettings.from_environ({**environ, "NETPROBE_ALLOW_PRIVATE": "127.0.0.1/32"})
    guard = settings.guard(settings.limits())
    assert str(guard.ports) == "443, 9000, 9002"
    with pytest.raises(PortError):
        asyncio.run(guard.connect(ip_address("127.0.0.1"), 9001))


@given(st.integers(1, 100), st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=4))
def test_closing_a_port_closes_no_other(closed: int, ranges: list[tuple[int, int]]) -> None:
    ports = Ports(tuple((first, first + more) for first, more in ranges))
    assert [port for port in range(1, 110) if port in ports.without(closed)] == [
        port for port in range(1, 110) if port in ports and port != closed
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NETPROBE_CONTACT", "https://example.com/)\r\nX: y"),
        ("NETPROBE_DENY", "everything"),
        ("NETPROBE_CACHE_SECONDS", "61"),
        ("NETPROBE_AT_ONCE", "0"),
        ("NETPROBE_CLIENT_AT_ONCE", "-1"),
        ("NETPROBE_TARGET_AT_ONCE", "many"),
        ("NETPROBE_CLIENT_RATE", "250 an hour"),
        ("NETPROBE_TARGET_RATE", "60"),
    ],
)
def test_a_limit_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}="):
        NetprobeSettings.from_environ({name: value})


def doors(source: str) -> list[str]:
    """Return the calls that open a way out by themselves."""
    found: list[str] = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        if name.rpartition(".")[2] in WAYS_OUT and not any(each.arg == "sock" for each in call.keywords):
            found.append(name)
    return found


WAYS_OUT = {"socket", "create_connection", "create_datagram_endpoint", "getaddrinfo", "open_connection", "urlopen"}
OTHER_DOORS = {
    # Opened to see whether the system lets us, and closed again.
    "probes/ping.py": ["socket.socket", "socket.socket"],
    # The way to this machine's own DNS server, which no caller can choose.
    "resolver.py": ["socket.socket"],
}


def test_sockets_of_probes_are_opened_by_the_guard_alone() -> None:
    folder = Path(module.__file__).parent
    found = {str(path.relative_to(folder)): doors(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py")}
    assert {name: calls for name, calls in found.items() if calls and name != "guard.py"} == OTHER_DOORS
    assert doors("asyncio.open_connection(host, 80); dns.query.udp(q); asyncio.open_connection(sock=s)") == [
        "asyncio.open_connection"
    ]
