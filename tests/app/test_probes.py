"""Probes of real listeners on loopback."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.services.netprobe import probes

Client = Callable[..., httpx.Response]
Serve = Callable[[Callable[[socket.socket], None]], int]
Web = Callable[[bytes], int]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def _tcp(client: Client, port: int, **more: object) -> dict[str, Any]:
    return client("POST", "/v1/probes/tcp", {"host": "127.0.0.1", "port": port, **more}).json()


def _http(client: Client, port: int, path: str = "/", scheme: str = "http", **more: object) -> dict[str, Any]:
    return client("POST", "/v1/probes/http", {"url": f"{scheme}://127.0.0.1:{port}{path}", **more}).json()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_an_open_port_is_reached_and_timed(local: Client, serve: Serve) -> None:
    reply = _tcp(local, serve(lambda connection: None))
    assert reply["ok"]
    assert reply["address"] == "127.0.0.1"
    assert reply["error"] is None
    assert 0 <= reply["resolve_ms"] + reply["connect_ms"] <= reply["total_ms"]


def test_a_name_works_as_well(local: Client, serve: Serve) -> None:
    port = serve(lambda connection: None)
    reply = local("POST", "/v1/probes/tcp", {"host": "LOCALHOST", "port": port}).json()
    assert reply["host"] == "localhost"
    assert reply["ok"] or reply["error"]["kind"] == "no_public_address"  # where localhost is ::1 as well


def test_a_closed_port_is_refused_by_the_host(local: Client, closed_port: int) -> None:
    reply = _tcp(local, closed_port)
    assert not reply["ok"]
    assert (reply["error"]["kind"], reply["error"]["phase"]) == ("refused", "connect")
    assert reply["connect_ms"] is None


def test_a_web_server_is_timed_phase_by_phase(local: Client, web: Web) -> None:
    reply = _http(local, web(OK))
    assert reply["ok"]
    assert (reply["status"], reply["http_version"], reply["body_bytes"]) == (200, "1.1", 5)
    assert reply["body_complete"]
    assert reply["tls_ms"] is None
    phases = [reply[f"{phase}_ms"] for phase in ("resolve", "connect", "first_byte", "transfer")]
    assert all(phase >= 0 for phase in phases)
    assert sum(phases) <= reply["total_ms"]


def test_any_status_is_an_answer(local: Client, web: Web) -> None:
    reply = _http(local, web(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"))
    assert (reply["ok"], reply["status"]) == (True, 503)


def test_the_request_is_ours_alone(local: Client, serve: Serve) -> None:
    received: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        received.append(connection.recv(4096))
        connection.sendall(OK)

    port = serve(talk)
    _http(local, port, "/a?b=c#d", method="HEAD")
    lines = received[0].decode().split("\r\n")
    assert lines[0] == "HEAD /a?b=c HTTP/1.1"
    assert f"Host: 127.0.0.1:{port}" in lines
    assert any(line.startswith("User-Agent: modeshift-netprobe/") for line in lines)


def test_a_redirect_is_reported_and_not_followed(local: Client, web: Web, serve: Serve) -> None:
    reached: list[object] = []
    inside = serve(reached.append)
    location = f"http://127.0.0.1:{inside}/"
    reply = _http(local, web(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()))
    assert (reply["status"], reply["location"]) == (302, location)
    assert reached == []


def test_a_long_body_is_read_to_a_limit_and_never_returned(local: Client, web: Web) -> None:
    body = b"secret-body " * 100_000
    port = web(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    answered = local("POST", "/v1/probes/http", {"url": f"http://127.0.0.1:{port}/"})
    reply = answered.json()
    assert reply["ok"]
    assert not reply["body_complete"]
    assert 256 * 1024 <= reply["body_bytes"] < 300 * 1024
    assert "secret-body" not in answered.text


def test_interim_answers_are_skipped(local: Client, web: Web) -> None:
    assert _http(local, web(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK))["status"] == 200


@pytest.mark.parametrize(
    ("answer", "kind", "phase"),
    [
        (b"", "reset", "first_byte"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "protocol", "transfer"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000, "protocol", "transfer"),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "protocol", "transfer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "protocol", "transfer"),
    ],
    ids=["silence", "not HTTP", "endless header", "another protocol", "half a body"],
)
def test_a_broken_answer_is_told_apart(local: Client, web: Web, answer: bytes, kind: str, phase: str) -> None:
    reply = _http(local, web(answer))
    assert not reply["ok"]
    assert (reply["error"]["kind"], reply["error"]["phase"]) == (kind, phase)
    assert "OpenSSH" not in json.dumps(reply)


@pytest.mark.parametrize("path", ["tcp", "http"])
def test_the_deadline_holds_whatever_the_host_does(local: Client, serve: Serve, path: str) -> None:
    port = serve(lambda connection: time.sleep(0.5))
    target = {"host": "127.0.0.1", "port": port} if path == "tcp" else {"url": f"https://127.0.0.1:{port}/"}
    reply = local("POST", f"/v1/probes/{path}", {**target, "timeout": 0.2}).json()
    assert reply["total_ms"] < 900
    if path == "http":
        assert (reply["error"]["kind"], reply["error"]["phase"]) == ("timeout", "tls")


def test_a_trickle_does_not_outlast_the_deadline(local: Client, serve: Serve) -> None:
    def trickle(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(20):
            connection.sendall(b".")
            time.sleep(0.05)

    reply = _http(local, serve(trickle), timeout=0.3)
    assert (reply["error"]["kind"], reply["error"]["phase"], reply["status"]) == ("timeout", "transfer", 200)
    assert reply["body_bytes"] > 0


@pytest.mark.parametrize("timeout", [0, 0.05, 20.1, 29, -1, "inf", "nan"])
def test_a_deadline_beyond_the_gateways_is_refused(local: Client, closed_port: int, timeout: object) -> None:
    body = {"host": "127.0.0.1", "port": closed_port, "timeout": timeout}
    assert local("POST", "/v1/probes/tcp", body).status_code == 422


def test_plain_text_where_tls_is_expected(local: Client, serve: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(OK)

    reply = _http(local, serve(talk), scheme="https")
    assert (reply["error"]["kind"], reply["error"]["phase"]) == ("tls", "tls")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the test's certificate, is not installed")
    path = tmp_path / "server.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(path), "-out", str(tmp_path / "certificate.pem"), "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    subprocess.run(command, check=True, capture_output=True)
    with path.open("a") as file:
        file.write((tmp_path / "certificate.pem").read_text())
    return path


@pytest.fixture
def secure(certificate: Path, serve: Serve) -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(4096)
            wrapped.sendall(OK)

    return serve(talk)


def test_a_trusted_certificate_is_timed(
    local: Client, secure: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    probes.trust.cache_clear()
    try:
        reply = _http(local, secure, scheme="https")
    finally:
        probes.trust.cache_clear()
    assert reply["ok"], reply["error"]
    assert reply["tls_ms"] > 0
    assert reply["status"] == 200


def test_a_certificate_nobody_vouches_for_is_a_tls_error(local: Client, secure: int) -> None:
    reply = _http(local, secure, scheme="https")
    assert (reply["error"]["kind"], reply["error"]["phase"]) == ("tls", "tls")
    assert "certificate" in reply["error"]["reason"]
