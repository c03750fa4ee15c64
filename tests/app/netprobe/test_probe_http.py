"""The http probe: phases, facts, redirects, broken answers, secure connections."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from ipaddress import ip_address
from threading import Thread
from typing import Any

import h11
import pytest

from app.services.netprobe import guard

Probe = Callable[..., dict[str, Any]]
Serve = Callable[[Callable[[socket.socket], None]], int]
Web = Callable[[bytes], int]
Secured = Callable[..., int]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def url(port: int, path: str = "/", scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{port}{path}"


@pytest.fixture
def site(serve: Serve) -> Callable[[dict[str, bytes]], int]:
    """Start a web server with an answer for each path; returns its port."""

    def start(answers: dict[str, bytes]) -> int:
        def talk(connection: socket.socket) -> None:
            machine = h11.Connection(h11.SERVER)
            while (event := machine.next_event()) is h11.NEED_DATA:
                machine.receive_data(connection.recv(4096))
            assert isinstance(event, h11.Request)
            connection.sendall(answers[event.target.decode()])

        return serve(talk)

    return start


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def test_a_web_server_is_timed_phase_by_phase(probe: Probe, web: Web) -> None:
    result = probe("http", url=url(web(OK)))
    assert result["ok"]
    assert (result["status"], result["http_version"], result["body_bytes"]) == (200, "1.1", 5)
    assert result["body_complete"]
    timings = result["timings"]
    assert timings.pop("tls_ms") is None
    assert sum(timings.values()) == pytest.approx(2 * timings["total_ms"], abs=0.01)
    assert timings["total_ms"] <= result["elapsed_ms"]
    assert result["statistics"]["sent"] == 1


def test_any_status_is_an_answer(probe: Probe, web: Web) -> None:
    result = probe("http", url=url(web(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")))
    assert (result["ok"], result["status"]) == (True, 503)


def test_the_request_is_ours_alone(probe: Probe, serve: Serve) -> None:
    received: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        received.append(connection.recv(4096))
        connection.sendall(OK)

    port = serve(talk)
    probe("http", url=url(port, "/a?b=c#d"), method="HEAD")
    lines = received[0].decode().split("\r\n")
    assert lines[0] == "HEAD /a?b=c HTTP/1.1"
    assert f"Host: 127.0.0.1:{port}" in lines
    assert any(line.startswith("User-Agent: modeshift-netprobe/") for line in lines)


def test_several_requests_are_counted(probe: Probe, web: Web) -> None:
    result = probe("http", url=url(web(OK)), count=3, interval=0)
    assert (result["statistics"]["sent"], result["statistics"]["received"]) == (3, 3)
    assert result["body_bytes"] == 5


def test_headers_that_say_how_it_is_served_are_shown(probe: Probe, web: Web) -> None:
    answer = b"HTTP/1.1 200 OK\r\nServer: caddy\r\nContent-Type: text/html\r\nSet-Cookie: id=s3cret\r\n"
    answer += b"ETag: %s\r\nContent-Length: 0\r\n\r\n" % (b"e" * 5000)
    result = probe("http", url=url(web(answer)))
    assert result["headers"]["server"] == "caddy"
    assert result["content_type"] == "text/html"
    assert len(result["headers"]["etag"]) == 256
    assert "s3cret" not in json.dumps(result)


def test_a_long_body_is_read_to_a_limit_and_never_returned(probe: Probe, web: Web) -> None:
    body = b"secret-body " * 100_000
    result = probe("http", url=url(web(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)))
    assert result["ok"]
    assert not result["body_complete"]
    assert 256 * 1024 <= result["body_bytes"] < 300 * 1024
    assert "secret-body" not in json.dumps(result)


def test_a_body_without_length_ends_with_the_connection(probe: Probe, web: Web) -> None:
    result = probe("http", url=url(web(b"HTTP/1.1 200 OK\r\n\r\nhello")))
    assert (result["body_bytes"], result["body_complete"]) == (5, True)


def test_interim_answers_are_skipped(probe: Probe, web: Web) -> None:
    assert probe("http", url=url(web(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK)))["status"] == 200


def test_a_redirect_is_reported_and_not_followed(probe: Probe, web: Web, serve: Serve) -> None:
    reached: list[object] = []
    location = url(serve(reached.append))
    result = probe("http", url=url(web(redirect(location))))
    assert (result["ok"], result["status"], result["location"], result["hops"]) == (True, 302, location, [])
    assert reached == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_if_asked(probe: Probe, site: Callable[..., int], status: int) -> None:
    port = site({"/": redirect("a/b", status), "/a/b": redirect("/c?d", status), "/c?d": OK})
    result = probe("http", url=url(port), max_redirects=2)
    assert (result["ok"], result["status"]) == (True, 200)
    assert [(hop["url"], hop["status"]) for hop in result["hops"]] == [
        (url(port), status),
        (url(port, "/a/b"), status),
        (url(port, "/c?d"), 200),
    ]
    total = sum(hop["timings"]["total_ms"] for hop in result["hops"])
    assert total == pytest.approx(result["timings"]["total_ms"], abs=0.05)


def test_there_is_an_end_to_redirects(probe: Probe, site: Callable[..., int]) -> None:
    result = probe("http", url=url(site({"/": redirect("/")})), max_redirects=3)
    assert not result["ok"]
    assert (result["error"]["kind"], result["status"], len(result["hops"])) == ("redirect_not_allowed", 302, 4)


def test_a_redirect_without_location_is_an_answer(probe: Probe, web: Web) -> None:
    answer = b"HTTP/1.1 304 Not Modified\r\n\r\n"
    assert probe("http", url=url(web(answer)), max_redirects=3)["status"] == 304


@pytest.mark.parametrize(
    "location",
    ["ftp://127.0.0.1/", "http://user@127.0.0.1/", "http://2130706433/", "file:///etc/passwd", "http://a\\@b/", "//"],
)
def test_a_tricky_redirect_is_refused(probe: Probe, web: Web, location: str) -> None:
    result = probe("http", url=url(web(redirect(location))), max_redirects=1)
    assert (result["ok"], result["error"]["kind"]) == (False, "redirect_not_allowed")


def test_a_redirect_to_a_place_of_the_inside_is_refused(probe: Probe, web: Web) -> None:
    result = probe("http", url=url(web(redirect("http://10.0.0.1/"))), max_redirects=1)
    assert (result["error"]["kind"], result["error"]["phase"]) == ("no_public_address", "resolve")
    assert result["hops"] == []


def test_a_redirect_to_a_refused_port_is_refused(probe: Probe, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    port = web(redirect("http://127.0.0.1:22/"))
    monkeypatch.setattr(guard.Ports, "__contains__", lambda _, number: number == port)
    result = probe("http", url=url(port), max_redirects=1)
    assert result["error"]["kind"] == "port_not_allowed"
    assert "port 22 may not be probed" in result["error"]["reason"].lower()


def test_no_redirect_leads_from_https_to_http(probe: Probe, authority: Any, secured: Secured, web: Web) -> None:
    own = authority.issue("server", authority.root, names=["127.0.0.1"])
    port = secured(authority.context(own), redirect(url(web(OK))))
    result = probe("http", url=url(port, scheme="https"), max_redirects=1)
    assert result["error"] == {
        "kind": "redirect_not_allowed",
        "phase": "transfer",
        "failure_source": "target",
        "reason": "The redirect leads from https to http.",
    }


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
def test_a_broken_answer_is_told_apart(probe: Probe, web: Web, answer: bytes, kind: str, phase: str) -> None:
    result = probe("http", url=url(web(answer)))
    assert not result["ok"]
    assert (result["error"]["kind"], result["error"]["phase"]) == (kind, phase)
    assert result["error"]["failure_source"] == "target"
    assert "OpenSSH" not in json.dumps(result)


def test_the_deadline_holds_when_nobody_shakes_hands(probe: Probe, serve: Serve) -> None:
    port = serve(lambda connection: time.sleep(0.5))
    result = probe("http", url=url(port, scheme="https"), timeout=0.2)
    assert result["elapsed_ms"] < 900
    assert result["error"]["kind"] == "timeout"
    # The connection was made, so it is the target that is slow.
    assert (result["error"]["phase"], result["error"]["failure_source"]) == ("tls", "target")


def test_a_trickle_does_not_outlast_the_deadline(probe: Probe, serve: Serve) -> None:
    def trickle(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(20):
            connection.sendall(b".")
            time.sleep(0.05)

    result = probe("http", url=url(serve(trickle)), timeout=0.3)
    assert (result["error"]["kind"], result["error"]["phase"], result["status"]) == ("timeout", "transfer", 200)
    assert result["body_bytes"] > 0


def test_a_trusted_connection_is_timed_and_told(probe: Probe, authority: Any, secured: Secured) -> None:
    own = authority.issue("server", authority.root, names=["127.0.0.1"], days=(-1, 20.5))
    result = probe("http", url=url(secured(authority.context(own), OK), scheme="https"))
    assert result["ok"], result["error"]
    assert result["timings"]["tls_ms"] > 0
    assert result["tls"]["version"] == "TLSv1.3"
    assert result["tls"]["days_to_expiry"] == pytest.approx(20.5, abs=0.02)
    assert result["tls"]["not_after"].endswith("Z")


def test_a_certificate_nobody_vouches_for_is_a_tls_error(probe: Probe, authority: Any, secured: Secured) -> None:
    own = authority.issue("server", names=["127.0.0.1"])
    result = probe("http", url=url(secured(authority.context(own), OK), scheme="https"))
    assert (result["error"]["kind"], result["error"]["phase"]) == ("tls", "tls")
    assert "self-signed" in result["error"]["reason"]
    assert result["status"] is None


def test_plain_text_where_tls_is_expected(probe: Probe, serve: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(OK)

    result = probe("http", url=url(serve(talk), scheme="https"))
    assert (result["error"]["kind"], result["error"]["phase"]) == ("tls", "tls")


def test_names_can_be_looked_up_elsewhere(probe: Probe, web: Web, nameserver: Any) -> None:
    nameserver.records["elsewhere.example", "A"] = ["127.0.0.1"]
    result = probe("http", url=f"http://elsewhere.example:{web(OK)}/", resolver="127.0.0.1")
    assert (result["ok"], result["host"], result["addresses"]) == (True, "elsewhere.example", ["127.0.0.1"])
    assert {kind for _, kind, _ in nameserver.asked} == {"A", "AAAA"}


def test_what_another_resolver_says_is_checked_as_well(probe: Probe, nameserver: Any) -> None:
    nameserver.records["inside.example", "A"] = ["127.0.0.1", "10.0.0.1"]
    result = probe("http", url="http://inside.example/", resolver="127.0.0.1")
    assert result["error"]["kind"] == "no_public_address"
    assert result["addresses"] == []


def test_a_resolver_must_be_public_too(probe: Probe) -> None:
    result = probe("http", url="http://example.com/", resolver="10.0.0.2")
    assert result["error"]["kind"] == "no_public_address"
    assert "resolver" in result["error"]["reason"]


def test_a_silent_resolver_is_a_timeout_on_the_way(probe: Probe) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, pytest.MonkeyPatch.context() as patch:
        silent.bind(("127.0.0.1", 0))
        patch.setattr("app.services.netprobe.resolver.PORT", silent.getsockname()[1])
        result = probe("http", url="http://example.com/", resolver="127.0.0.1", timeout=0.3)
    assert (result["error"]["kind"], result["error"]["phase"]) == ("timeout", "resolve")
    assert result["error"]["failure_source"] == "network"


def test_an_ipv6_server_is_asked_by_its_address(probe: Probe) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        received: list[bytes] = []

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(4096))
                connection.sendall(OK)

        thread = Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        result = probe("http", url=f"http://[::1]:{port}/")
        thread.join()
    assert (result["ok"], result["family"], ip_address(result["address"]).version) == (True, "ipv6", 6)
    assert f"Host: [::1]:{port}".encode() in received[0]


def test_unsafe_bytes_in_a_location_are_escaped(probe: Probe, site: Callable[..., int]) -> None:
    port = site({"/": b"HTTP/1.1 302 Found\r\nLocation: /caf\xe9\r\nContent-Length: 0\r\n\r\n", "/caf%E9": OK})
    result = probe("http", url=url(port), max_redirects=1)
    assert result["hops"][1]["url"] == url(port, "/caf%E9")


def test_the_handshake_of_a_hop_is_told_with_it(probe: Probe, authority: Any, secured: Secured, web: Web) -> None:
    own = authority.issue("server", authority.root, names=["127.0.0.1"])
    target = url(secured(authority.context(own), OK), scheme="https")
    result = probe("http", url=url(web(redirect(target))), max_redirects=1)
    assert [hop["timings"]["tls_ms"] is None for hop in result["hops"]] == [True, False]
    assert result["tls"]["version"] == "TLSv1.3"
