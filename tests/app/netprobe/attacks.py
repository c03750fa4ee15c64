"""The attacks that NetProbe refuses: what is sent, where, and by which rule it ends.

`python -m tests.app.netprobe.attacks` prints them as the tables of docs/netprobe-safety.md.
In what is sent, PORT is the port of a listener that must never be reached.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

PUBLIC = "only public addresses"
INSIDE = "no names of the inside"
ONCE = "resolve once, all or nothing"
SPELLING = "one way to write it"
PORTS = "listed ports only"
HOPS = "every hop is checked anew"
PLAIN = "nothing but the probe's own options"
TIME = "deadlines below the gateway's"


@dataclass(frozen=True)
class Attack:
    """One attack; `says` is part of the refusal, or of the rule's name for an address."""

    name: str
    where: str
    sends: str
    rule: str
    says: str


# As host of each probe, in a URL, in a link, in a batch, as resolver, as address of a tls probe, in a redirect, and in
# the answer of a DNS server.
EVERYWHERE = "everywhere"

_ADDRESSES = """
    0.0.0.0 | this host | this network
    0.255.255.255 | this network | this network
    10.0.0.1 | private 10 | private
    10.255.255.255 | private 10, its end | private
    172.16.0.1 | private 172.16 | private
    172.31.255.255 | private 172.16, its end | private
    192.168.1.1 | private 192.168 | private
    100.64.0.1 | carrier's NAT | shared address space
    100.127.255.255 | carrier's NAT, its end | shared address space
    127.0.0.1 | loopback; in Lambda the Runtime API | loopback
    127.0.0.3 | loopback, another address | loopback
    127.127.127.127 | loopback, unusual | loopback
    169.254.169.254 | instance metadata of EC2, Google, Azure and others | instance metadata
    169.254.170.2 | credentials of an ECS task | task credentials
    169.254.170.23 | credentials of an EKS pod | pod credentials
    169.254.169.253 | resolver of a VPC | resolver of the VPC
    169.254.169.123 | time service of a VPC | time service of the VPC
    169.254.0.23 | instance metadata of Tencent | instance metadata (Tencent)
    169.254.42.42 | instance metadata of Scaleway | instance metadata (Scaleway)
    169.254.1.1 | link-local | link-local
    168.63.129.16 | platform services of Azure, an otherwise public address | platform services (Azure)
    100.100.100.200 | instance metadata of Alibaba | instance metadata (Alibaba)
    192.0.0.192 | instance metadata of Oracle, before | instance metadata (Oracle)
    192.0.0.8 | protocol assignments | protocol assignments
    192.0.2.1 | documentation 1 | documentation
    198.51.100.1 | documentation 2 | documentation
    203.0.113.1 | documentation 3 | documentation
    192.31.196.1 | anycast for DNS sinks | anycast for DNS sinks
    192.52.193.1 | multicast tunnels | multicast tunnels
    192.88.99.1 | 6to4 relay | 6to4 relays
    198.18.0.1 | benchmarking | benchmarking
    224.0.0.1 | multicast | multicast
    239.255.255.255 | multicast, its end | multicast
    240.0.0.1 | reserved | reserved and broadcast
    255.255.255.255 | broadcast | reserved and broadcast
    :: | IPv6 unspecified | unspecified
    ::1 | IPv6 loopback | loopback
    ::7f00:1 | IPv4-compatible loopback | IPv4-compatible
    ::ffff:127.0.0.1 | IPv4-mapped loopback | loopback
    ::ffff:169.254.169.254 | IPv4-mapped instance metadata | instance metadata
    ::ffff:10.0.0.1 | IPv4-mapped private | private
    ::ffff:0:7f00:1 | IPv4-translated loopback | IPv4-translated
    64:ff9b::7f00:1 | loopback through NAT64 | loopback
    64:ff9b::a9fe:a9fe | instance metadata through NAT64 | instance metadata
    64:ff9b::a00:1 | private through NAT64 | private
    64:ff9b:1::7f00:1 | loopback through local NAT64 | local NAT64
    64:ff9b:1:a9fe:a9:fe00:: | instance metadata through local NAT64, split as RFC 6052 says | local NAT64
    2002:7f00:1:: | loopback through 6to4 | 6to4
    2002:a9fe:a9fe::1 | instance metadata through 6to4 | 6to4
    2001:0:7f00:1:: | loopback as Teredo server | Teredo
    2001:0:4136:e378:8000:63bf:80ff:fffe | loopback as Teredo client | Teredo
    2600:1f18::5efe:7f00:1 | loopback through ISATAP | ISATAP
    2600:1f18::200:5efe:a9fe:a9fe | instance metadata through ISATAP | ISATAP
    100::1 | discard | discard
    2001:20::1 | ORCHID | protocol assignments
    2001:db8::1 | IPv6 documentation | documentation
    3fff::1 | IPv6 documentation, newer | documentation
    5f00::1 | segment routing | segment routing
    fc00::1 | unique local | unique local
    fd12:3456:789a::1 | unique local, as sites use it | unique local
    fd00:ec2::254 | instance metadata of EC2 over IPv6 | instance metadata (EC2)
    fd00:ec2::23 | credentials of an EKS pod over IPv6 | pod credentials
    fd00:ec2::253 | resolver of a VPC over IPv6 | resolver of the VPC
    fd20:ce::254 | instance metadata of Google over IPv6 | instance metadata (Google)
    fd00:42::42 | instance metadata of Scaleway over IPv6 | instance metadata (Scaleway)
    fe80::1 | link-local over IPv6 | link-local
    fe80::a9fe:a9fe | instance metadata of OpenStack over IPv6 | instance metadata (OpenStack)
    fec0::1 | site-local | site-local
    ff02::1 | IPv6 multicast | multicast
    4000::1 | never assigned | not global unicast
"""

ADDRESSES = [
    Attack(name, EVERYWHERE, address, PUBLIC, says)
    for address, name, says in (map(str.strip, line.split("|")) for line in _ADDRESSES.strip().splitlines())
]

_HOST = "as host"
_NOT_A_HOST = "neither a host name nor an address"
_ADDRESS_FORM = "Expected 4 octets"

HOSTS = [
    Attack("metadata of Google by name", _HOST, "metadata.google.internal", INSIDE, "no public address"),
    Attack("metadata of Google, short", _HOST, "metadata", INSIDE, "no public address"),
    Attack("metadata of Google, other name", _HOST, "metadata.goog", INSIDE, "no public address"),
    Attack("metadata of Tencent by name", _HOST, "metadata.tencentyun.com", INSIDE, "no public address"),
    Attack("metadata of EC2 by name", _HOST, "instance-data.ec2.internal", INSIDE, "no public address"),
    Attack("host of a VPC by name", _HOST, "ip-10-0-0-1.ec2.internal", INSIDE, "no public address"),
    Attack("service of a cluster by name", _HOST, "kubernetes.default.svc.cluster.local", INSIDE, "no public address"),
    Attack("device at home by name", _HOST, "router.home.arpa", INSIDE, "no public address"),
    Attack("decimal address", _HOST, "2130706433", SPELLING, _ADDRESS_FORM),
    Attack("decimal address of the metadata", _HOST, "2852039166", SPELLING, _ADDRESS_FORM),
    Attack("hexadecimal address", _HOST, "0x7f000001", SPELLING, _ADDRESS_FORM),
    Attack("hexadecimal octets", _HOST, "0x7f.0x0.0x0.0x1", SPELLING, "Only decimal digits"),
    Attack("octal octets", _HOST, "0177.0.0.1", SPELLING, "At most 3 characters"),
    Attack("leading zeros", _HOST, "127.000.000.001", SPELLING, "Leading zeros"),
    Attack("two octets", _HOST, "127.1", SPELLING, _ADDRESS_FORM),
    Attack("three octets", _HOST, "127.0.1", SPELLING, _ADDRESS_FORM),
    Attack("five octets", _HOST, "127.0.0.1.1", SPELLING, _ADDRESS_FORM),
    Attack("octet that overflows", _HOST, "127.0.0.257", SPELLING, "not permitted"),
    Attack("dot at the end of an address", _HOST, "127.0.0.1.", SPELLING, _NOT_A_HOST),
    Attack("dot at the end of a name", _HOST, "localhost.", SPELLING, _NOT_A_HOST),
    Attack("empty label", _HOST, "a..b", SPELLING, _NOT_A_HOST),
    Attack("nothing", _HOST, "", SPELLING, _NOT_A_HOST),
    Attack("full-width digits", _HOST, "\uff11\uff12\uff17.0.0.1", SPELLING, "in its ASCII form"),
    Attack("ideographic dots", _HOST, "127\u30020\u30020\u30021", SPELLING, "in its ASCII form"),
    Attack(
        "circled letters",
        _HOST,
        "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
        SPELLING,
        "in its ASCII form",
    ),
    Attack("letters that look like others", _HOST, "l\u043ecalhost", SPELLING, "in its ASCII form"),
    Attack("sharp s that IDNA versions read in two ways", _HOST, "fa\u00df.example", SPELLING, "in its ASCII form"),
    Attack("soft hyphen", _HOST, "local\u00adhost", SPELLING, "in its ASCII form"),
    Attack("zone", _HOST, "fe80::1%eth0", SPELLING, "with a zone"),
    Attack("zone in brackets", _HOST, "[fe80::1%25lo]", SPELLING, "with a zone"),
    Attack("user before the host", _HOST, "example.com@127.0.0.1", SPELLING, _NOT_A_HOST),
    Attack("port behind the host", _HOST, "127.0.0.1:PORT", SPELLING, ""),
    Attack("line break and a header", _HOST, "example.com\r\nHost: 127.0.0.1", SPELLING, ""),
    Attack("null byte", _HOST, "127.0.0.1\x00.example.com", SPELLING, _NOT_A_HOST),
    Attack("name beyond the longest", _HOST, ".".join(["abcdefgh"] * 32), SPELLING, _NOT_A_HOST),
    Attack("label beyond the longest", _HOST, f"{'a' * 64}.com", SPELLING, _NOT_A_HOST),
]

_URL = "as url"

URLS = [
    Attack("file", _URL, "file:///etc/passwd", PLAIN, "begins with http:// or https://"),
    Attack("gopher", _URL, "gopher://127.0.0.1:PORT/_GET", PLAIN, "begins with http:// or https://"),
    Attack("dict", _URL, "dict://127.0.0.1:PORT/stat", PLAIN, "begins with http:// or https://"),
    Attack("no scheme", _URL, "//127.0.0.1:PORT/", PLAIN, "begins with http:// or https://"),
    Attack("no host", _URL, "http:///x", SPELLING, "names no host"),
    Attack("user that looks like the host", _URL, "http://example.com@127.0.0.1:PORT/", SPELLING, "user or password"),
    Attack("user and password", _URL, "http://a:b@127.0.0.1:PORT/", SPELLING, "user or password"),
    Attack("backslash before the host", _URL, "http://example.com\\@127.0.0.1:PORT/", SPELLING, "no backslash"),
    Attack("tab in the host", _URL, "http://127.0.\t0.1:PORT/", SPELLING, "printable ASCII"),
    Attack("line break and a header", _URL, "http://127.0.0.1:PORT/\r\nX-Y: z", SPELLING, "printable ASCII"),
    Attack("space", _URL, "http://127.0.0.1:PORT/ x", SPELLING, "printable ASCII"),
    Attack("decimal address", _URL, "http://2130706433:PORT/", SPELLING, _ADDRESS_FORM),
    Attack("hexadecimal address", _URL, "http://0xa9fea9fe/", SPELLING, _ADDRESS_FORM),
    Attack("octal address", _URL, "http://0251.0376.0251.0376/", SPELLING, "At most 3 characters"),
    Attack("host in percent signs", _URL, "http://%31%32%37.0.0.1:PORT/", SPELLING, _NOT_A_HOST),
    Attack("zone in brackets", _URL, "http://[fe80::1%25lo]/", SPELLING, "with a zone"),
    Attack("unclosed bracket", _URL, "http://[::1/", SPELLING, ""),
    Attack("text behind the bracket", _URL, "http://[::1]x:PORT/", SPELLING, ""),
    Attack("port zero", _URL, "http://127.0.0.1:0/", SPELLING, "0 is no port"),
    Attack("port out of range", _URL, "http://127.0.0.1:99999/", SPELLING, "Port out of range"),
    Attack("beyond the longest", _URL, f"http://127.0.0.1:PORT/{'a' * 2048}", SPELLING, "2048 characters"),
]

_REDIRECT = "in a redirect"
_TO_FORBIDDEN = "no public address"

REDIRECTS = [
    Attack("to loopback", _REDIRECT, "http://127.0.0.1:PORT/", HOPS, _TO_FORBIDDEN),
    Attack("to loopback over IPv6", _REDIRECT, "http://[::1]:PORT/", HOPS, _TO_FORBIDDEN),
    Attack("to loopback without a scheme", _REDIRECT, "//127.0.0.1:PORT/", HOPS, _TO_FORBIDDEN),
    Attack("to loopback, then told as relative", _REDIRECT, "/\\127.0.0.1:PORT/", HOPS, "no backslash"),
    Attack("to loopback in decimal", _REDIRECT, "http://2130706433:PORT/", HOPS, _ADDRESS_FORM),
    Attack("to loopback behind a user", _REDIRECT, "http://example.com@127.0.0.1:PORT/", HOPS, "user or password"),
    Attack("to the instance metadata", _REDIRECT, "http://169.254.169.254/latest/meta-data/", HOPS, _TO_FORBIDDEN),
    Attack("to the metadata by name", _REDIRECT, "http://metadata.google.internal/", HOPS, _TO_FORBIDDEN),
    Attack("to loopback after three hops", _REDIRECT, "/3/http://127.0.0.1:PORT/", HOPS, _TO_FORBIDDEN),
    Attack("round and round", _REDIRECT, "/9/http://127.0.0.1:PORT/", HOPS, "more than 5 redirects"),
    Attack("to a file", _REDIRECT, "file:///etc/passwd", HOPS, "begins with http:// or https://"),
    Attack("to gopher", _REDIRECT, "gopher://127.0.0.1:PORT/_x", HOPS, "begins with http:// or https://"),
    Attack("to a port that is not listed", _REDIRECT, "http://127.0.0.2:22/", PORTS, "22 may not be probed"),
]

_ANSWER = "in a DNS answer"

ANSWERS = [
    Attack(
        "public first, loopback when asked again", _ANSWER, "127.0.0.2 then 127.0.0.1", ONCE, "connects to the first"
    ),
    Attack("public and loopback together", _ANSWER, "8.8.8.8 127.0.0.1", ONCE, _TO_FORBIDDEN),
    Attack("public over IPv4, loopback over IPv6", _ANSWER, "8.8.8.8 ::1", ONCE, _TO_FORBIDDEN),
    Attack(
        "many public, metadata last", _ANSWER, "8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 169.254.169.254", ONCE, _TO_FORBIDDEN
    ),
    Attack("public and IPv4-mapped loopback", _ANSWER, "2606:4700::1 ::ffff:127.0.0.1", ONCE, _TO_FORBIDDEN),
    Attack("alias of a name of the inside", _ANSWER, "localhost 127.0.0.1", ONCE, _TO_FORBIDDEN),
]

_PORT = "as port"

LISTED = [
    Attack(name, _PORT, str(port), PORTS, f"port {port} may not be probed")
    for name, port in {
        "SSH": 22,
        "Telnet": 23,
        "SMTP": 25,
        "SMB": 445,
        "Docker": 2375,
        "etcd": 2379,
        "MySQL": 3306,
        "PostgreSQL": 5432,
        "Redis": 6379,
        "Lambda's Runtime API": 9001,
        "Kubelet": 10250,
        "Memcached": 11211,
    }.items()
]

_OPTION = "as option of http"

OPTIONS = [
    Attack("Host header", _OPTION, '{"headers": {"Host": "127.0.0.1"}}', PLAIN, "Extra inputs"),
    Attack("credentials", _OPTION, '{"headers": {"Authorization": "Basic eA=="}}', PLAIN, "Extra inputs"),
    Attack("request body", _OPTION, '{"body": "x"}', PLAIN, "Extra inputs"),
    Attack("method that changes things", _OPTION, '{"method": "DELETE"}', PLAIN, "GET"),
    Attack("proxy", _OPTION, '{"proxy": "http://127.0.0.1:PORT"}', PLAIN, "Extra inputs"),
    Attack("resolver by name", _OPTION, '{"resolver": "localhost"}', SPELLING, ""),
    Attack("resolver at another port", _OPTION, '{"resolver": "127.0.0.1:PORT"}', SPELLING, ""),
    Attack("deadline beyond the gateway's", _OPTION, '{"timeout": 29}', TIME, "less than or equal to 25"),
    Attack("deadline that never comes", _OPTION, '{"timeout": 1e999}', TIME, ""),
    Attack("endless redirects", _OPTION, '{"max_redirects": 100}', TIME, "less than or equal to 5"),
    Attack("endless attempts", _OPTION, '{"count": 10000}', TIME, "less than or equal to 16"),
]

ALL = [*ADDRESSES, *HOSTS, *URLS, *REDIRECTS, *ANSWERS, *LISTED, *OPTIONS]


def shown(text: str) -> str:
    """Return text as code in a cell of a table."""
    escaped = text.encode("unicode_escape").decode().replace("|", "\\|")
    return f"`{escaped[:60]}…`" if len(escaped) > 60 else f"`{escaped}`" if escaped else "(empty)"


def table() -> Iterator[str]:
    """Return the lines of the table."""
    yield "| attack | where | what is sent | refused by |"
    yield "|---|---|---|---|"
    for attack in ALL:
        reason = f": {attack.says}" if attack.rule == PUBLIC else ""
        yield f"| {attack.name} | {attack.where} | {shown(attack.sends)} | {attack.rule}{reason} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
