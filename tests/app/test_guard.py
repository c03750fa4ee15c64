"""Who may be probed: the attack list of a public probe endpoint."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.netprobe.addresses import refusal
from app.services.netprobe.guard import Guard, NotPublicError, Ports, parse_host

Client = Callable[..., httpx.Response]
ANY_PORT = Ports.parse("1-65535")

REFUSED = {
    "this host": "0.0.0.0",
    "this network": "0.255.255.255",
    "private 10": "10.0.0.1",
    "private 10, last": "10.255.255.255",
    "private 172.16": "172.16.0.1",
    "private 172.31": "172.31.255.255",
    "private 192.168": "192.168.1.1",
    "shared address space": "100.64.0.1",
    "another cloud's metadata": "100.100.100.200",
    "shared address space, last": "100.127.255.255",
    "loopback": "127.0.0.1",
    "loopback, unusual": "127.127.127.127",
    "instance metadata": "169.254.169.254",
    "task credentials": "169.254.170.2",
    "pod identity": "169.254.170.23",
    "VPC resolver": "169.254.169.253",
    "time service": "169.254.169.123",
    "Azure's wire server": "168.63.129.16",
    "protocol assignments": "192.0.0.192",
    "documentation 1": "192.0.2.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "6to4 relay": "192.88.99.1",
    "benchmarking": "198.19.255.255",
    "multicast": "224.0.0.1",
    "multicast, last": "239.255.255.255",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "IPv6 unspecified": "::",
    "IPv6 loopback": "::1",
    "IPv4-compatible loopback": "::127.0.0.1",
    "IPv4-mapped loopback": "::ffff:127.0.0.1",
    "IPv4-mapped metadata": "::ffff:169.254.169.254",
    "IPv4-mapped private": "::ffff:10.0.0.1",
    "IPv4-translated": "::ffff:0:127.0.0.1",
    "NAT64 metadata": "64:ff9b::a9fe:a9fe",
    "NAT64 private": "64:ff9b::10.0.0.1",
    "local NAT64": "64:ff9b:1::7f00:1",
    "discard": "100::1",
    "Teredo": "2001:0:53aa:64c::1",
    "ORCHID": "2001:20::1",
    "IPv6 documentation": "2001:db8::1",
    "IPv6 documentation, new": "3fff::1",
    "6to4 loopback": "2002:7f00:1::",
    "6to4 metadata": "2002:a9fe:a9fe::1",
    "ISATAP": "2600:1f18::5efe:7f00:1",
    "ISATAP, global": "2600:1f18::200:5efe:a9fe:a9fe",
    "segment routing": "5f00::1",
    "unique local": "fc00::1",
    "instance metadata over IPv6": "fd00:ec2::254",
    "pod identity over IPv6": "fd00:ec2::23",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with zone": "fe80::1%lo",
    "site-local": "fec0::1",
    "IPv6 multicast": "ff02::1",
}

PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.15.0.1", "172.32.0.1", "223.255.255.254"]
PUBLIC += ["2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", REFUSED.values(), ids=REFUSED.keys())
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert refusal(ip_address(address))
    with pytest.raises(NotPublicError):
        asyncio.run(Guard(ANY_PORT).resolve(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_probed(address: str) -> None:
    assert refusal(ip_address(address)) is None
    assert asyncio.run(Guard(ANY_PORT).resolve(address)) == (ip_address(address),)


@given(st.ip_addresses())
def test_what_python_knows_to_be_private_is_refused(address: IPv4Address | IPv6Address) -> None:
    known = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    if known and not (isinstance(address, IPv6Address) and address.ipv4_mapped):
        assert refusal(address)


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_changes_nothing(address: IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        assert refusal(IPv6Address(int(IPv6Address(prefix)) | int(address))) == refusal(address)


WAYS_TO_WRITE = {
    "decimal": "2130706433",
    "hexadecimal": "0x7f000001",
    "hexadecimal octets": "0x7f.0x0.0x0.0x1",
    "octal": "0177.0.0.1",
    "leading zeros": "127.000.000.001",
    "short": "127.1",
    "two octets": "127.0.1",
    "five octets": "127.0.0.1.1",
    "too large": "256.1.1.1",
    "trailing dot": "127.0.0.1.",
    "trailing dot, name": "localhost.",
    "empty": "",
    "empty label": "a..b",
    "full-width digits": "\uff11\uff12\uff17.0.0.1",
    "ideographic dot": "127\u30020\u30020\u30021",
    "circled letters": "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    "zone": "fe80::1%eth0",
    "zone in brackets": "[fe80::1%25eth0]",
    "user": "user@example.com",
    "port": "example.com:80",
    "path": "example.com/x",
    "space": "example.com x",
    "null byte": "example.com\x00.evil.com",
    "line break": "example.com\r\nHost: x",
    "leading hyphen": "-example.com",
    "long label": f"{'a' * 64}.com",
    "long name": ".".join(["abcdefgh"] * 32),
}


@pytest.mark.parametrize("host", WAYS_TO_WRITE.values(), ids=WAYS_TO_WRITE.keys())
def test_a_host_written_in_a_tricky_way_is_refused(public: Client, host: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_host(host)
    assert public("POST", "/v1/probe/tcp", {"host": host, "port": 443}).status_code == 422


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


URLS = {
    "file": "file:///etc/passwd",
    "gopher": "gopher://example.com/",
    "ftp": "ftp://example.com/",
    "no scheme": "//example.com/",
    "no host": "http:///x",
    "user": "http://user@example.com/",
    "user and password": "http://user:word@example.com/",
    "at sign for another host": "http://example.com@169.254.169.254/",
    "backslash": "http://example.com\\@169.254.169.254/",
    "tab": "http://exa\tmple.com/",
    "line break": "http://example.com/\r\nX: y",
    "space": "http://example.com/ x",
    "decimal address": "http://2852039166/",
    "hexadecimal address": "http://0xa9fea9fe/",
    "octal address": "http://0251.0376.0251.0376/",
    "zone": "http://[fe80::1%25lo]/",
    "unclosed bracket": "http://[::1/",
    "port out of range": "http://example.com:99999/",
    "port zero": "http://example.com:0/",
    "port is no number": "http://example.com:http/",
    "refused port": "http://example.com:22/",
    "international name": "http://b\u00fccher.example/",
    "too long": f"http://example.com/{'a' * 2048}",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS.keys())
def test_a_tricky_url_is_refused(public: Client, url: str) -> None:
    assert public("POST", "/v1/probe/http", {"url": url}).status_code == 422


@pytest.mark.parametrize("port", [22, 25, 445, 3306, 5432, 6379, 9001])
def test_only_listed_ports_may_be_probed(public: Client, port: int) -> None:
    refused = public("POST", "/v1/probe/tcp", {"host": "example.com", "port": port})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"field": "body.port", "message": f"port {port} may not be probed; these may: 53, 80, 443, 853, 8080, 8443"}
    ]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let every name resolve to what is given, one list per question; returns the questions."""

    def install(*replies: list[str]) -> list[str]:
        asked: list[str] = []

        async def getaddrinfo(_: object, host: str, *__: object, **___: object) -> list[tuple[object, ...]]:
            asked.append(host)
            found = replies[min(len(asked), len(replies)) - 1]
            return [(None, None, None, "", (address, 0)) for address in found]

        monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
        return asked

    return install


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["2606:4700::1", "::ffff:127.0.0.1"], ["169.254.169.254"], []],
    ids=["private", "public and private", "one wrapped", "metadata", "none"],
)
def test_one_bad_address_spoils_a_name(answers: Callable[..., list[str]], addresses: list[str]) -> None:
    answers(addresses)
    with pytest.raises(NotPublicError):
        asyncio.run(Guard(ANY_PORT).resolve("rebind.example"))


def test_a_name_that_is_private_and_one_that_is_not_there_look_the_same(
    public: Client, answers: Callable[..., list[str]]
) -> None:
    replies: list[dict[str, object]] = []
    for addresses in ([], ["10.0.0.1"]):
        answers(addresses)
        reply = public("POST", "/v1/probe/http", {"url": "http://internal.example/"}).json()
        assert reply.pop("total_ms") >= 0
        replies.append(reply)
    assert replies[0] == replies[1]


def test_a_name_is_resolved_once_and_never_again(
    local: Client, answers: Callable[..., list[str]], web: Callable[[bytes], int]
) -> None:
    port = web(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    asked = answers(["127.0.0.1"], ["127.0.0.2"])
    reply = local("POST", "/v1/probe/http", {"url": f"http://rebind.example:{port}/"}).json()
    assert (reply["ok"], reply["address"]) == (True, "127.0.0.1")
    assert asked == ["rebind.example."]


def test_an_answer_from_another_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[[Callable[[socket.socket], None]], int]
) -> None:
    port = serve(lambda connection: None)
    guard = Guard(ANY_PORT, [ip_network("127.0.0.0/24")])
    connect = asyncio.selector_events.BaseSelectorEventLoop.sock_connect

    async def elsewhere(loop: asyncio.AbstractEventLoop, sock: socket.socket, address: tuple[str, int]) -> None:
        await connect(loop, sock, ("127.0.0.1", address[1]))  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", elsewhere)
    with pytest.raises(NotPublicError):
        asyncio.run(guard.connect(IPv4Address("127.0.0.2"), port))


def test_nothing_connects_to_a_listener_that_is_not_allowed(
    public: Client, serve: Callable[[Callable[[socket.socket], None]], int]
) -> None:
    reached: list[object] = []
    port = serve(reached.append)
    strict = type(public)({"NETPROBE_PORTS": "1-65535"})
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "0.0.0.0", "[64:ff9b::7f00:1]"):
        reply = strict("POST", "/v1/probe/tcp", {"host": host, "port": port}).json()
        assert reply["error"]["kind"] == "no_public_address", host
        reply = strict("POST", "/v1/probe/http", {"url": f"http://{host}:{port}/"}).json()
        assert reply["error"]["kind"] == "no_public_address", host
    assert reached == []
