"""Which addresses are public, held against the registries, against Python and against every way to wrap one."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.netprobe.addresses import CLOUD, embedded, refusal, site
from app.services.netprobe.guard import Guard, Ports

Address = IPv4Address | IPv6Address

# IANA's special-purpose registries, the blocks for multicast and future use, and what RFC 4291 and 3879 deprecated.
SPECIAL = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
    192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24
    203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32
    ::/128 ::1/128 ::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001:db8::/32 2002::/16
    2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
""".split()

# One below and one above each block that is not next to another.
PUBLIC = """
    1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
    172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.255 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255
    192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
    168.63.129.15 168.63.129.17 1.1.1.1 8.8.8.8
    2000:: 2001:200:: 2001:db7:ffff:: 2001:db9:: 2001:ffff:: 2003:: 2620:4f:7fff:: 2620:4f:8001:: 3ffe:ffff::
    3fff:1000:: 2606:4700:4700::1111 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
""".split()

WRAPPINGS: dict[str, Callable[[int], int]] = {
    "IPv4-mapped": lambda bits: 0xFFFF << 32 | bits,
    "IPv4-compatible": lambda bits: bits,
    "IPv4-translated": lambda bits: 0xFFFF << 48 | bits,
    "NAT64": lambda bits: 0x64FF9B << 96 | bits,
    "local NAT64, prefix of 96 bits": lambda bits: 0x64FF9B0001 << 80 | bits,
    "local NAT64, prefix of 48 bits": lambda bits: 0x64FF9B0001 << 80 | (bits >> 16) << 64 | (bits & 0xFFFF) << 40,
    "6to4": lambda bits: 0x2002 << 112 | bits << 80 | 1,
    "Teredo server": lambda bits: 0x20010000 << 96 | bits << 64 | 0xF7F7F7F7,
    "Teredo client": lambda bits: 0x20010000 << 96 | 0x41424344 << 64 | bits ^ 0xFFFFFFFF,
    "ISATAP": lambda bits: 0x26001F18 << 96 | 0x00005EFE << 32 | bits,
    "ISATAP, global": lambda bits: 0x2A001450 << 96 | 0x02005EFE << 32 | bits,
}

EVERYTHING = [ip_network("0.0.0.0/0"), ip_network("::/0")]
ANY_PORT = Ports.parse("1-65535")

special_addresses = st.sampled_from(SPECIAL).flatmap(lambda block: st.ip_addresses(network=block))
ipv4_refused = special_addresses.filter(lambda address: address.version == 4)


@given(special_addresses)
def test_what_the_registries_set_apart_is_refused(address: Address) -> None:
    assert refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_they_leave_public_is_not(address: str) -> None:
    assert refusal(ip_address(address)) is None
    assert Guard(ANY_PORT).permits(ip_address(address))


@given(st.ip_addresses() | special_addresses)
def test_what_python_knows_not_to_be_global_is_refused(address: Address) -> None:
    if (not address.is_global or address.is_multicast) and not getattr(address, "ipv4_mapped", None):
        assert refusal(address)


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS.keys())
@given(address=ipv4_refused)
def test_an_address_that_wraps_a_refused_one_is_refused(wrap: Callable[[int], int], address: IPv4Address) -> None:
    assert refusal(IPv6Address(wrap(int(address))))


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS.keys())
@given(address=st.ip_addresses(v=4))
def test_every_wrapping_is_looked_through(wrap: Callable[[int], int], address: IPv4Address) -> None:
    wrapped = IPv6Address(wrap(int(address)))
    assert address in embedded(wrapped)
    assert not Guard(ANY_PORT, EVERYTHING, [ip_network(address)]).permits(wrapped)


@pytest.mark.parametrize("name", ["IPv4-mapped", "NAT64"])
@given(address=st.ip_addresses(v=4) | ipv4_refused)
def test_the_two_honest_wrappings_change_nothing(name: str, address: IPv4Address) -> None:
    wrapped = IPv6Address(WRAPPINGS[name](int(address)))
    assert refusal(wrapped) == refusal(address)
    assert site(wrapped) == site(address) == str(address)


@given(st.sampled_from(CLOUD).flatmap(lambda block: st.ip_addresses(network=block)), st.sampled_from([*WRAPPINGS]))
def test_nothing_opens_what_clouds_offer_to_their_own(address: Address, name: str) -> None:
    guard = Guard(ANY_PORT, EVERYTHING)
    assert not guard.permits(address)
    if isinstance(address, IPv4Address):
        assert not guard.permits(IPv6Address(WRAPPINGS[name](int(address))))


@given(st.ip_addresses(v=6))
def test_a_zone_is_never_public(address: IPv6Address) -> None:
    assert refusal(IPv6Address(f"{address}%eth0")) == "address with a zone"


@given(st.ip_addresses(v=6, network="2a00::/12"))
def test_an_ipv6_target_is_the_network_that_one_customer_gets(address: IPv6Address) -> None:
    same = IPv6Address(int(address) ^ 1)
    other = IPv6Address(int(address) ^ 1 << 64)
    assert site(address) == site(same) != site(other)
