"""Faults happen when they are asked for, in dev; everywhere else the routes do not exist."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.settings import Settings, SettingsError
from app.core.state import with_state
from app.factory import create_app

REPOSITORY = Path(__file__).resolve().parents[3]
DEV = {"ENVIRONMENT": "dev", "FAULTS": "true"}
ROUTES = {
    ("GET", "/faults/delay?seconds=0"),
    ("GET", "/faults/status/503"),
    ("PUT", "/faults/unready"),
    ("DELETE", "/faults/unready"),
    ("POST", "/faults/crash"),
}
_PATIENCE = 30

Act = Callable[[httpx.AsyncClient], Awaitable[Any]]


def run(act: Act, **environ: str) -> Any:
    """Start an app and act as its client."""

    async def go() -> Any:
        app = create_app(environ)
        async with app.router.lifespan_context(app) as state:
            transport = httpx.ASGITransport(with_state(app, state), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                return await act(client)

    return asyncio.run(go())


@pytest.mark.parametrize("environ", [{}, {"ENVIRONMENT": "dev"}, {"ENVIRONMENT": "dev", "FAULTS": "false"}], ids=str)
@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_they_do_not_exist_unless_asked_for(method: str, path: str, environ: dict[str, str]) -> None:
    answer = run(lambda client: client.request(method, path), **environ)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("environment", ["staging", "prod", ""])
def test_no_environment_but_dev_accepts_them(environment: str) -> None:
    with pytest.raises(SettingsError, match="FAULTS is set, but ENVIRONMENT is"):
        Settings.from_environ({"FAULTS": "true", "ENVIRONMENT": environment})


def test_they_are_documented_only_where_they_exist() -> None:
    def documented(**environ: str) -> set[str]:
        paths = run(lambda client: client.get("/openapi.json"), **environ).json()["paths"]
        return {path for path in paths if path.startswith("/faults")}

    assert documented(ENVIRONMENT="dev") == set()
    assert documented(**DEV) == {"/faults/delay", "/faults/status/{code}", "/faults/unready", "/faults/crash"}


def test_a_delay_holds_up_nobody_else() -> None:
    async def act(client: httpx.AsyncClient) -> tuple[float, float]:
        begun = time.perf_counter()
        late = asyncio.create_task(client.get("/faults/delay?seconds=0.5"))
        await asyncio.sleep(0)
        await client.get("/health")
        health = time.perf_counter() - begun
        assert (await late).status_code == 200
        return health, time.perf_counter() - begun

    health, late = run(act, **DEV)
    assert health < 0.5 <= late


@pytest.mark.parametrize("code", [400, 404, 429, 500, 503, 504])
def test_a_status_is_a_problem_like_any_other(code: int) -> None:
    answer = run(lambda client: client.get(f"/faults/status/{code}"), **DEV)
    assert answer.status_code == code
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == code


@pytest.mark.parametrize(
    "path", ["status/200", "status/599", "status/x", "delay", "delay?seconds=61", "delay?seconds=-1"]
)
def test_what_is_no_fault_is_refused(path: str) -> None:
    assert run(lambda client: client.get(f"/faults/{path}"), **DEV).status_code == 422


def test_unready_lasts_until_it_is_taken_back() -> None:
    async def act(client: httpx.AsyncClient) -> list[int]:
        seen: list[int] = []
        for method in ("GET", "PUT", "DELETE"):
            if method != "GET":
                await client.request(method, "/faults/unready")
            seen += [(await client.get(path)).status_code for path in ("/ready", "/ready", "/health")]
        return seen

    assert run(act, **DEV) == [200, 200, 200, 503, 503, 200, 200, 200, 200]


def environment(**variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "METRICS": "off", **DEV, **variables}


@pytest.mark.e2e
def test_a_crash_ends_a_container_without_an_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    variables = environment(HOST="127.0.0.1", PORT=str(port))
    process = subprocess.Popen([sys.executable, "-m", "app"], cwd=REPOSITORY, env=variables, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + _PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        connection.request("POST", "/faults/crash")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            connection.getresponse()
        connection.close()
        _, said = process.communicate(timeout=_PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 70
    assert b"A crash was asked for" in said


@pytest.mark.e2e
def test_a_crash_ends_a_function_too() -> None:
    event = {
        "version": "2.0",
        "rawPath": "/faults/crash",
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"http": {"method": "POST", "path": "/faults/crash", "sourceIp": "127.0.0.1"}},
        "isBase64Encoded": False,
    }
    program = f"from app.handler import lambda_handler\nprint(lambda_handler({event!r}, None))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        check=False,
        timeout=_PATIENCE,
    )
    assert done.returncode == 70
    assert done.stdout == b""
