"""The dns probe: what a name server answers, and what the one of this machine never tells."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import dns.flags
import pytest

Probe = Callable[..., dict[str, Any]]

VALUES = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
    "CAA": '0 issue "ca.example"',
    "CNAME": "other.example.",
    "MX": "10 mail.example.",
    "NS": "ns.example.",
    "PTR": "host.example.",
    "SOA": "ns.example. admin.example. 1 2 3 4 5",
    "SRV": "0 5 443 host.example.",
    "TXT": '"v=spf1 -all" "second"',
}


@pytest.mark.parametrize("kind", VALUES)
def test_every_type_of_record_is_told(probe: Probe, nameserver: Any, kind: str) -> None:
    nameserver.records["name.example", kind] = [VALUES[kind]]
    result = probe("dns", name="name.example", type=kind, resolver="127.0.0.1")
    assert (result["ok"], result["rcode"], result["type"], result["host"]) == (True, "NOERROR", kind, "name.example")
    assert result["answers"] == [{"name": "name.example.", "type": kind, "ttl": 60, "value": VALUES[kind]}]
    assert (result["resolver"], result["address"], result["transport"]) == ("127.0.0.1", "127.0.0.1", "udp")
    assert result["timings"]["first_byte_ms"] == result["timings"]["total_ms"]


def test_a_chain_of_names_is_told_in_order(probe: Probe, nameserver: Any) -> None:
    nameserver.aliases["www.example"] = "name.example"
    nameserver.records["name.example", "A"] = ["192.0.2.1"]
    answers = probe("dns", name="www.example", resolver="127.0.0.1")["answers"]
    assert [(each["type"], each["value"]) for each in answers] == [("CNAME", "name.example."), ("A", "192.0.2.1")]


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "SERVFAIL", "REFUSED", "NOTIMP"])
def test_any_response_code_is_an_answer(probe: Probe, nameserver: Any, rcode: str) -> None:
    nameserver.rcodes["name.example"] = rcode
    result = probe("dns", name="name.example", resolver="127.0.0.1")
    assert (result["ok"], result["rcode"], result["answers"]) == (True, rcode, [])


@pytest.mark.parametrize(("flag", "field"), [(dns.flags.AA, "authoritative"), (dns.flags.AD, "authenticated")])
def test_flags_are_told(probe: Probe, nameserver: Any, flag: int, field: str) -> None:
    nameserver.records["name.example", "A"] = ["192.0.2.1"]
    assert probe("dns", name="name.example", resolver="127.0.0.1")[field] is False
    nameserver.flags = flag
    assert probe("dns", name="name.example", resolver="127.0.0.1")[field] is True


def test_an_answer_that_does_not_fit_is_asked_for_over_tcp(probe: Probe, nameserver: Any) -> None:
    nameserver.records["name.example", "A"] = [f"192.0.2.{number}" for number in range(100)]
    result = probe("dns", name="name.example", resolver="127.0.0.1")
    assert (result["transport"], result["truncated"], len(result["answers"])) == ("tcp", True, 64)
    assert [transport for _, _, transport in nameserver.asked] == ["udp", "tcp"]


def test_an_address_is_asked_by_its_reverse_name(probe: Probe, nameserver: Any) -> None:
    nameserver.records["1.2.0.192.in-addr.arpa", "PTR"] = ["host.example."]
    result = probe("dns", name="192.0.2.1", type="PTR", resolver="127.0.0.1")
    assert result["answers"][0]["value"] == "host.example."
    probe("dns", name="2001:db8::1", type="PTR", resolver="127.0.0.1")
    assert nameserver.asked[-1][0].endswith("8.b.d.0.1.0.0.2.ip6.arpa")


def test_an_answer_to_another_question_is_not_heard(probe: Probe, nameserver: Any) -> None:
    nameserver.raw["udp"] = b"\x00\x00\x81\x80" + bytes(8)
    result = probe("dns", name="name.example", resolver="127.0.0.1", timeout=0.3)
    assert (result["error"]["kind"], result["error"]["phase"]) == ("timeout", "first_byte")


@pytest.mark.parametrize("answer", [b"", b"\x00\x00", b"\x00\x00\x81\x80" + bytes(8), b"HTTP/1.1 400 Bad Request"])
def test_an_answer_over_tcp_that_is_none(probe: Probe, nameserver: Any, answer: bytes) -> None:
    nameserver.records["name.example", "A"] = [f"192.0.2.{number}" for number in range(100)]
    nameserver.raw["tcp"] = answer
    result = probe("dns", name="name.example", resolver="127.0.0.1")
    assert (result["reached"], result["error"]["kind"]) == (False, "protocol")


def test_a_server_that_is_not_there_is_refused(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr("app.services.netprobe.resolver.PORT", closed.getsockname()[1])
    result = probe("dns", name="name.example", resolver="127.0.0.1")
    assert (result["reached"], result["error"]["kind"]) == (False, "refused")


def test_attempts_are_counted(probe: Probe, nameserver: Any) -> None:
    nameserver.records["name.example", "A"] = ["192.0.2.1"]
    result = probe("dns", name="name.example", resolver="127.0.0.1", count=3, interval=0)
    assert (result["statistics"]["received"], len(nameserver.asked)) == (3, 3)


def test_the_machine_own_server_answers_for_what_is_public(probe: Probe, system_nameserver: Any) -> None:
    system_nameserver.records["public.example", "A"] = ["93.184.216.34"]
    system_nameserver.records["public.example", "TXT"] = ['"hello"']
    result = probe("dns", name="public.example", type="TXT")
    assert (result["ok"], result["answers"][0]["value"]) == (True, '"hello"')
    assert (result["resolver"], result["address"]) == (None, None)


def test_a_name_without_addresses_may_be_public(probe: Probe, system_nameserver: Any) -> None:
    system_nameserver.records["_dmarc.public.example", "TXT"] = ['"v=DMARC1"']
    assert probe("dns", name="_dmarc.public.example", type="TXT")["ok"]


def hidden(probe: Probe, **request: Any) -> dict[str, Any]:
    """Return what is told about a name, without the time that it took as a whole."""
    result = probe("dns", **request)
    elapsed = result.pop("elapsed_ms")
    assert elapsed >= 95
    result.pop("host")
    return result


@pytest.mark.parametrize(
    "records",
    [
        {("db.corp.example", "TXT"): ['"secret"'], ("db.corp.example", "A"): ["10.0.0.5"]},
        {("db.corp.example", "TXT"): ['"secret"'], ("db.corp.example", "AAAA"): ["fd00::5"]},
        {("db.corp.example", "TXT"): ['"secret"'], ("db.corp.example", "A"): ["93.184.216.34", "169.254.169.254"]},
    ],
    ids=["private", "private IPv6", "public and metadata"],
)
def test_a_name_of_the_inside_looks_like_one_that_does_not_exist(
    probe: Probe, system_nameserver: Any, records: dict[tuple[str, str], list[str]]
) -> None:
    nobody = hidden(probe, name="nobody.corp.example", type="TXT")
    system_nameserver.records.update(records)
    inside = hidden(probe, name="db.corp.example", type="TXT")
    assert inside == nobody
    assert inside["error"]["kind"] == "no_public_address"
    assert inside["timings"]["total_ms"] == 0


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("alias.example", "CNAME", "db.eu-west-1.compute.internal."),
        ("mail.example", "MX", "10 mail.corp.internal."),
        ("service.example", "SRV", "0 5 443 host.local."),
        ("10.0.0.5", "PTR", "db.corp.example."),
        ("5.0.0.10.in-addr.arpa", "PTR", "db.corp.example."),
        ("10.in-addr.arpa", "NS", "ns.corp.example."),
        ("93.184.216.34", "PTR", "ip-10-0-0-5.ec2.internal."),
        ("vault.internal", "TXT", '"secret"'),
    ],
)
def test_a_record_that_names_the_inside_is_not_told(
    probe: Probe, system_nameserver: Any, name: str, kind: str, value: str
) -> None:
    asked = {"10.0.0.5": "5.0.0.10.in-addr.arpa", "93.184.216.34": "34.216.184.93.in-addr.arpa"}.get(name, name)
    system_nameserver.records[asked, kind] = [value]
    result = hidden(probe, name=name, type=kind)
    assert result["error"]["kind"] == "no_public_address"
    assert (result["answers"], result["rcode"], result["transport"]) == ([], None, None)


def test_another_server_may_say_what_it_likes(probe: Probe, nameserver: Any) -> None:
    nameserver.records["db.corp.example", "A"] = ["10.0.0.5"]
    assert probe("dns", name="db.corp.example", resolver="127.0.0.1")["answers"][0]["value"] == "10.0.0.5"
