"""The container's health check, run as ECS runs it, against a server that is well, ill or gone."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest


@pytest.fixture
def command(deploy_fargate: Callable[..., Any]) -> list[str]:
    (container,) = json.loads(deploy_fargate().one("TaskDefinition").inputs["containerDefinitions"])
    kind, python, *arguments = container["healthCheck"]["command"]
    assert (kind, python) == ("CMD", "python3")
    return [sys.executable, *arguments]


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def check(command: list[str], port: int, path: str) -> int:
    # A proxy of the environment is not asked for the container's own address.
    env = {"PORT": str(port), "HEALTH_PATH": path, "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(command, env=env, capture_output=True, check=False).returncode


def test_healthy_app_passes(command: list[str], server: HTTPServer) -> None:
    assert check(command, server.server_port, "/health") == 0


def test_ill_app_fails(command: list[str], server: HTTPServer) -> None:
    assert check(command, server.server_port, "/ill") == 1


def test_app_that_does_not_listen_fails(command: list[str], server: HTTPServer) -> None:
    server.server_close()
    assert check(command, server.server_port, "/health") == 1
