"""A PostgreSQL server for the tests of users, and the service on it, as a container and as functions."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import httpx
import pytest

from app.core.state import with_state
from app.factory import create_app
from app.services import users
from tests.app.gateways import GATEWAYS, Request
from tests.postgres import Postgres, secured, served


@dataclass(frozen=True)
class Answer:
    """What a caller gets."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def etag(self) -> str:
        return self.headers["etag"]


class Ask(Protocol):
    """Send a request and wait for the answer; several threads may at the same time."""

    def __call__(self, method: str, path: str, json: object = None, **headers: str) -> Answer: ...


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Run a server."""
    with served(tmp_path_factory.mktemp("postgres") / "cluster") as server:
        yield server


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[tuple[int, Path]]:
    """Serve the same with TLS; yields the port and the file of who vouches for it."""
    folder = tmp_path_factory.mktemp("tls")
    with secured(folder, postgres) as port:
        yield port, folder / "certificate"


@pytest.fixture
def database(postgres: Postgres) -> str:
    """Make an empty database."""
    return postgres.database()


@pytest.fixture
def environ(postgres: Postgres, database: str) -> dict[str, str]:
    """Return the environment of the service on a database of its own, which is up to date."""
    environ = {
        "DATABASE_URL": postgres.url(database),
        "ENVIRONMENT": "dev",
        "LOG_LEVEL": "ERROR",
        "METRICS": "off",
        "RATE_LIMIT": "0",
        "SERVICES": "users=/users",
    }
    users.migrate(environ)
    return environ


@contextmanager
def container(environ: dict[str, str]) -> Iterator[Ask]:
    """Run the app as a container does: one loop for all requests."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    app = create_app(environ)
    lifespan = app.router.lifespan_context(app)

    def wait(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    state = wait(lifespan.__aenter__())
    transport = httpx.ASGITransport(with_state(app, state), raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://app")

    def ask(method: str, path: str, json: object = None, **headers: str) -> Answer:
        answer = wait(client.request(method, path, content=encoded(json), headers=sent(json, headers)))
        return Answer(answer.status_code, answer.headers, answer.json() if answer.content else None)

    try:
        yield ask
    finally:
        wait(client.aclose())
        wait(lifespan.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def function(handler: ModuleType) -> Ask:
    """Return how one instance of the function is asked, behind an HTTP API: one request at a time."""
    gateway, turn = GATEWAYS["http-api"], threading.Lock()

    def ask(method: str, path: str, json: object = None, **headers: str) -> Answer:
        request = Request(method=method, target=path, headers=[*sent(json, headers).items()], body=encoded(json))
        with turn:
            answer = gateway.response(request, handler.lambda_handler(gateway.event(request), None))
        return Answer(answer.status, dict(answer.sorted_headers), decoded(answer.body))

    return ask


def sent(value: object, headers: Mapping[str, str]) -> dict[str, str]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return named if value is None else {"content-type": "application/json", **named}


def encoded(value: object) -> bytes:
    return b"" if value is None else json.dumps(value).encode()


def decoded(body: bytes) -> Any:
    return json.loads(body) if body else None


@pytest.fixture
def start(entry: Callable[..., ModuleType]) -> Iterator[Callable[[str, dict[str, str]], list[Ask]]]:
    """Start the service as a `container`, or as two instances of a `function`; yields how to ask them."""
    with ExitStack() as stack:

        def started(kind: str, environ: dict[str, str]) -> list[Ask]:
            if kind == "container":
                return [stack.enter_context(container(environ))] * 2
            return [function(entry(AWS_LAMBDA_FUNCTION_NAME="users", **environ)) for _ in range(2)]

        yield started


@pytest.fixture(params=["container", "function"])
def both(request: pytest.FixtureRequest, start: Any, environ: dict[str, str]) -> list[Ask]:
    """Start the service either way; returns two ways to ask it."""
    return start(request.param, environ)


@pytest.fixture
def ask(both: list[Ask]) -> Ask:
    """Return one way to ask the service."""
    return both[0]
