"""The same request gets the same answer, byte for byte, from a container and from Lambda behind every gateway."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.app.extras import JSON, REQUESTS
from tests.app.gateways import GATEWAYS, Request, Response, forwarded

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 30
KEY = "0123456789abcdef"
OPEN = {
    "CORS_ORIGINS": "https://pages.example",
    "MAX_BODY_BYTES": "2000",
    "NETPROBE_CACHE_SECONDS": "0",
    "RATE_LIMIT": "0",
}
STRICT = {"RATE_LIMIT": "1/1", "API_KEYS": f"ci:{KEY}"}

CONTAINER = """
import os
from app.core import logs
from app.core.server import serve
from app.core.settings import Settings
from app.factory import create_app
from tests.app.extras import routes

app = create_app()
app.include_router(routes)
settings = Settings.from_environ(os.environ)
logs.configure(settings)
serve(app, settings)
"""
# Logs and metrics go to standard output; what the function returns must not get between them.
FUNCTION = """
import json, os, sys
returned = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from app import handler
from tests.app.extras import routes

handler._app.include_router(routes)
for line in sys.stdin:
    print(json.dumps(handler.lambda_handler(json.loads(line), None)), file=returned, flush=True)
"""

OF_SERVERS = {"date", "transfer-encoding"}
"""Headers that whoever speaks HTTP adds, uvicorn as well as a gateway; they are not the app's."""


@dataclass(frozen=True)
class Change:
    """What gateways do to a request or a response on its way, and the requests of the parity test that show it."""

    who: str
    what: str
    gateways: Sequence[str] = ()
    shown_by: Sequence[str] = ()


CHANGES = (
    Change(
        "all",
        "Add `Date` and headers of their own, such as `apigw-requestid`, `x-amzn-RequestId` or `Server`; set "
        "`Content-Length`; drop `Connection`; send no body in answer to `HEAD`",
    ),
    Change(
        "HTTP API",
        "Decodes the path, and loses what follows an encoded `?` in it",
        ["http-api"],
        ["echo with encoded question mark"],
    ),
    Change(
        "HTTP API, function URL",
        "Join headers of one name with commas, both ways; `Set-Cookie` stays apart",
        ["http-api", "function-url"],
        ["a header twice in the answer", "echo with repeated header"],
    ),
    Change("HTTP API, function URL", "May name a content type where the answer has none, as in a redirect"),
    Change(
        "REST API, load balancer",
        "Group parameters of one name, so that `a=1&b=2&a=3` becomes `a=1&a=3&b=2`",
        ["rest-api", "alb", "alb-single"],
        ["echo with repeated query"],
    ),
    Change(
        "REST API, function URL",
        "Rename `WWW-Authenticate` to `x-amzn-Remapped-WWW-Authenticate`; HTTP APIs are said to do it too",
    ),
    Change("REST API", "Sends base64 in place of binary content, unless its binary media types are `*/*`"),
    Change(
        "load balancer without multi-value headers",
        "Keeps the last of several headers or parameters of one name; stacks switch multi-value headers on",
        ["alb-single"],
        ["echo with repeated query", "echo with repeated header"],
    ),
)
"""From AWS's documents, from recorded events, and from reports of those who looked."""


class Container:
    """The app as containers run it, behind a load balancer."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, request: Request) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        added = forwarded(request)
        replaced = {name for name, _ in added}
        headers = [*(each for each in request.headers if each[0].lower() not in replaced), *added]
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            if not any(name == "Host" for name, _ in headers):
                connection.putheader("Host", "api.example.com")
            for name, value in headers:
                connection.putheader(name, value)
            if request.body:
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body)
            answer = connection.getresponse()
            own = [(name, value) for name, value in answer.getheaders() if name.lower() not in OF_SERVERS]
            return Response(answer.status, own, answer.read())
        finally:
            connection.close()


class Function:
    """The app as Lambda runs it: events in, what the handler returns out, both through JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, gateway: str, request: Request) -> Response:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(GATEWAYS[gateway].event(request)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the function has ended"
        return GATEWAYS[gateway].response(request, json.loads(line))


def _process(program: str, log: Path, **environ: str) -> subprocess.Popen[str]:
    with log.open("w") as written:
        return subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
        )


@contextmanager
def _both(folder: Path, environ: dict[str, str]) -> Iterator[tuple[Container, Function]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    place = {"HOST": "127.0.0.1", "PORT": str(port), "METRICS": "off", "TRUSTED_PROXIES": "1"}
    served = _process(CONTAINER, folder / "container.log", **environ, **place)
    called = _process(FUNCTION, folder / "function.log", **environ)
    try:
        deadline = time.monotonic() + PATIENCE
        while served.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield Container(port), Function(called)
    finally:
        for process in (served, called):
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Container, Function]]:
    with _both(tmp_path_factory.mktemp("open"), OPEN) as pair:
        yield pair


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Container, Function]]:
    with _both(tmp_path_factory.mktemp("strict"), STRICT) as pair:
        yield pair


def _named(request: Request) -> Request:
    """Return a request with an id, or every answer would have one of its own."""
    return replace(request, headers=[*request.headers, ("X-Request-ID", "f00d")])


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("name", REQUESTS)
def test_the_answers_are_the_same(both: tuple[Container, Function], gateway: str, name: str) -> None:
    request = _named(REQUESTS[name])
    expected, found = both[0].ask(request), both[1].ask(gateway, request)
    if any(gateway in change.gateways and name in change.shown_by for change in CHANGES):
        assert (found.sorted_headers, found.body) != (expected.sorted_headers, expected.body), "the list is out of date"
        return
    assert found.status == expected.status
    assert found.sorted_headers == expected.sorted_headers
    assert found.body == expected.body


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_an_unchanged_page_is_not_sent_again(both: tuple[Container, Function], gateway: str) -> None:
    tag = dict(both[0].ask(Request()).headers)["etag"]
    request = _named(Request(headers=[("If-None-Match", tag)]))
    expected, found = both[0].ask(request), both[1].ask(gateway, request)
    assert (found.status, found.body) == (304, b"")
    assert found.sorted_headers == expected.sorted_headers


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_probe_answers_the_same_but_for_the_time_it_took(both: tuple[Container, Function], gateway: str) -> None:
    body = b'{"probes": [{"probe": "tcp", "host": "10.0.0.1", "port": 80}, {"probe": "dns", "name": "printer.local"}]}'
    request = _named(Request(method="POST", target="/v1/probes/batch", headers=[JSON], body=body))
    answers = [both[0].ask(request), both[1].ask(gateway, request)]
    expected, found = (re.sub(rb'_ms":[\d.]+', b'_ms":0', answer.body) for answer in answers)
    assert found == expected
    assert b"no_public_address" in found


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_mistake_of_ours_is_a_problem_everywhere(both: tuple[Container, Function], gateway: str) -> None:
    request = _named(Request(target="/broken"))
    for answer in (both[0].ask(request), both[1].ask(gateway, request)):
        assert answer.status == 500
        assert dict(answer.headers)["content-type"] == "application/problem+json"
        assert json.loads(answer.body)["request_id"] == "f00d"
        assert b"hunter2" not in answer.body


def test_a_mistake_of_ours_harms_no_request_after_it(both: tuple[Container, Function]) -> None:
    for name in GATEWAYS:
        both[1].ask(name, Request(target="/broken"))
        assert both[1].ask(name, Request(target="/health")).status == 200


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_refusals_at_the_gate_are_the_same(strict: tuple[Container, Function], gateway: str) -> None:
    # Every client has a bucket of its own.
    request = _named(Request(target="/nope", peer=f"203.0.113.{list(GATEWAYS).index(gateway)}"))
    for status in (401, 429):
        expected = _until(status, lambda: strict[0].ask(request))
        found = _until(status, lambda: strict[1].ask(gateway, request))
        assert found.sorted_headers == expected.sorted_headers
        assert found.body == expected.body


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_pages_work_below_the_stage_of_a_rest_api(both: tuple[Container, Function], page: str) -> None:
    body = both[1].ask("rest-api", Request(target=page)).body.decode()
    assert "openapi.json" in body or "static/" in body
    assert not re.search(r"""["'](/(?!/)[^"']*)""", body), "a link to the root leads out of the stage"


def _until(status: int, ask: Callable[[], Response]) -> Response:
    """Ask until the answer has a status; on a busy machine the bucket may fill up between two requests."""
    return next(answer for answer in (ask() for _ in range(50)) if answer.status == status)


def test_the_documents_list_what_gateways_change() -> None:
    page = (REPOSITORY / "docs" / "app.md").read_text()
    rows = [f"| {change.who} | {change.what} |\n" for change in CHANGES]
    assert "".join(rows) in page
