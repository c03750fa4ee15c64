"""Probes run as the routes run them, and what they find: name servers, authorities, secure servers."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.services.netprobe import models, resolver
from app.services.netprobe.guard import Guard, Ports
from app.services.netprobe.probes import run, secure

REQUESTS = {
    "tcp": models.TcpRequest,
    "http": models.HttpRequest,
    "dns": models.DnsRequest,
    "tls": models.TlsRequest,
    "ping": models.PingRequest,
}
LOOPBACK = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]

Serve = Callable[[Callable[[socket.socket], None]], int]
Probe = Callable[..., dict[str, Any]]


@pytest.fixture
def probe() -> Probe:
    """Run a probe that may reach loopback; returns its result as a caller would read it."""

    def start(kind: str, **request: Any) -> dict[str, Any]:
        guard = Guard(Ports.parse("1-65535"), LOOPBACK)
        return asyncio.run(run(REQUESTS[kind].model_validate(request), guard)).model_dump(mode="json")

    return start


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@dataclass
class Nameserver:
    """Answers from a table over UDP and TCP; a name that is not in it does not exist."""

    port: int
    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    rcodes: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    flags: int = 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def answer(self, wire: bytes, transport: str) -> bytes:
        if transport in self.raw:
            return self.raw[transport]
        question = dns.message.from_wire(wire)
        name, kind = question.question[0].name, dns.rdatatype.to_text(question.question[0].rdtype)
        text = name.to_text(omit_final_dot=True).lower()
        self.asked.append((text, kind, transport))
        answer = dns.message.make_response(question)
        answer.flags |= self.flags
        if text in self.aliases:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", f"{self.aliases[text]}."))
            text = self.aliases[text]
        if values := self.records.get((text, kind)):
            answer.answer.append(dns.rrset.from_text(f"{text}.", 60, "IN", kind, *values))
        elif not any(known == text for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        if text in self.rcodes:
            answer.set_rcode(dns.rcode.from_text(self.rcodes[text]))
        reply = answer.to_wire(max_size=65_535)
        return reply if transport == "tcp" or len(reply) <= 1232 else _cut(question)


def _cut(question: dns.message.Message) -> bytes:
    answer = dns.message.make_response(question)
    answer.flags |= dns.flags.TC
    return answer.to_wire()


@pytest.fixture
def nameserver(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nameserver]:
    """Start a name server on loopback; probes take its port for the port of DNS."""
    found: list[Nameserver] = []

    def over_tcp(connection: socket.socket) -> None:
        size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
        reply = found[0].answer(connection.recv(size, socket.MSG_WAITALL), "tcp")
        connection.sendall(len(reply).to_bytes(2, "big") + reply)

    def over_udp() -> None:
        with suppress(OSError):
            while True:
                wire, sender = datagrams.recvfrom(4096)
                if not wire:
                    return
                datagrams.sendto(found[0].answer(wire, "udp"), sender)

    port = serve(over_tcp)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", port))
        found.append(Nameserver(port))
        monkeypatch.setattr(resolver, "PORT", port)
        thread = threading.Thread(target=over_udp)
        thread.start()
        yield found[0]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", port))
        thread.join()


@pytest.fixture
def system_nameserver(nameserver: Nameserver, monkeypatch: pytest.MonkeyPatch) -> Nameserver:
    """Let the name server be the one of this machine."""
    configured = dns.resolver.Resolver(configure=False)
    configured.nameservers = ["127.0.0.1"]
    configured.port = nameserver.port
    monkeypatch.setattr(dns.resolver, "default_resolver", configured)
    return nameserver


@dataclass
class Identity:
    """A certificate and the key that belongs to it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


class Authority:
    """Makes certificates: a root that probes trust, and whatever a test wants below it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = self.issue("Test Root", authority=True)

    @cached_property
    def trusted(self) -> Path:
        path = self._folder / "root.pem"
        path.write_bytes(self.root.pem)
        return path

    def issue(
        self,
        name: str,
        by: Identity | None = None,
        *,
        names: Sequence[str] = (),
        days: tuple[float, float] = (-1, 30),
        authority: bool = False,
    ) -> Identity:
        """Make a certificate, by its own key if by nobody's."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = by or None
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer_key = issuer.key if issuer else key
        usage = {"digital_signature": True, "key_cert_sign": authority, "crl_sign": authority}
        others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(**usage, **dict.fromkeys(others, False), encipher_only=False, decipher_only=False),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(each) for each in names]), critical=False
            )
        return Identity(builder.sign(issuer_key, hashes.SHA256()), key)

    def context(self, own: Identity, *chain: Identity) -> ssl.SSLContext:
        """Return what a server shows: its own certificate and those after it."""
        path = self._folder / f"{own.certificate.serial_number:x}.pem"
        key = own.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(b"".join([key, own.pem, *(each.pem for each in chain)]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """An authority that probes trust, and no other."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.trusted))
    secure.trust.cache_clear()
    yield authority
    secure.trust.cache_clear()


@pytest.fixture
def secured(serve: Serve) -> Callable[[ssl.SSLContext, bytes], int]:
    """Start a secure server that answers a request with the given bytes; returns its port."""

    def start(context: ssl.SSLContext, answer: bytes = b"") -> int:
        def talk(connection: socket.socket) -> None:
            with suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as wrapped:
                wrapped.recv(4096)
                wrapped.sendall(answer)

        return serve(talk)

    return start
