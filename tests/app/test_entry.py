"""The image's entry, run as the image runs it."""

from __future__ import annotations

import http.client
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
_PATIENCE = 30


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _start(**environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "HOST": "127.0.0.1", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def server(port: int) -> Iterator[subprocess.Popen[str]]:
    process = _start(PORT=str(port), HEALTH_PATH="/alive", COMMIT="0123abc")
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            break
        time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


def _get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_it_serves_where_the_environment_says_and_ends_cleanly(server: subprocess.Popen[str], port: int) -> None:
    assert _get(port, "/alive") == (200, '{"status":"ok"}')
    assert _get(port, "/ready") == (200, '{"status":"ready"}')
    assert '"commit":"0123abc"' in _get(port, "/version")[1]
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=_PATIENCE) == 0


def test_wrong_settings_are_sentences_and_no_traceback() -> None:
    process = _start(PORT="http", NETPROBE_ALLOW_PRIVATE="10.0.0.0/8")
    output, _ = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 1
    assert "The app cannot start with these settings:\nPORT='http': " in output
    assert "NETPROBE_ALLOW_PRIVATE is set, but" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("references", ["hunter2", '{"TOKEN": "hunter2"}'])
def test_secrets_that_cannot_be_read_are_a_sentence_and_no_traceback(references: str) -> None:
    process = _start(MODESHIFT_SECRETS=references)
    output, _ = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 1
    assert output.startswith("The app cannot start: ")
    assert "MODESHIFT_SECRETS" in output
    assert "hunter2" not in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("command", "handler"),
    [
        ([], "app.handler.lambda_handler"),
        (["app.worker.lambda_handler"], "app.worker.lambda_handler"),
    ],
)
def test_lambda_gets_its_own_entry(command: list[str], handler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, list[str]]] = []

    def execv(path: str, arguments: list[str]) -> None:
        started.append((path, arguments))
        raise SystemExit

    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(sys, "argv", ["app", *command])
    with pytest.raises(SystemExit):
        importlib.import_module("app.__main__").main()
    assert started == [("/lambda-entrypoint.sh", ["/lambda-entrypoint.sh", handler])]


def test_a_cold_start_imports_nothing_that_only_some_requests_need() -> None:
    program = "import sys, app.handler; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=_PATIENCE
    )
    heavy = {"boto3", "botocore", "h11", "httpx", "certifi", "uvicorn", "app.services.netprobe.probes"}
    assert heavy.isdisjoint(done.stdout.split())
