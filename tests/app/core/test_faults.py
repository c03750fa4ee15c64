"""Faults happen when they are asked for, in dev; everywhere else the routes do not exist."""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import sys
import time

import httpx
import pytest

from app.core.settings import Settings, SettingsError
from tests.app.core.acting import PATIENCE, REPOSITORY, container, run

DEV = {"ENVIRONMENT": "dev", "FAULTS": "true"}
ROUTES = {
    ("GET", "/faults/delay?seconds=0"),
    ("GET", "/faults/status/503"),
    ("PUT", "/faults/unready"),
    ("DELETE", "/faults/unready"),
    ("POST", "/faults/crash"),
}


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


@pytest.mark.e2e
def test_a_crash_ends_a_container_without_an_answer() -> None:
    with container({"METRICS": "off", **DEV}) as (port, process):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("POST", "/faults/crash")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            connection.getresponse()
        connection.close()
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 70
    assert "A crash was asked for" in said


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
        env={"PATH": os.environ["PATH"], "METRICS": "off", **DEV},
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 70
    assert done.stdout == b""
