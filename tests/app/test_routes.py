"""What every route promises, whatever service it belongs to."""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app import __version__
from app.core.state import with_state
from app.factory import create_app
from components.service import ZipArtifact
from stacks.wheels import PYTHON_VERSION

Client = Callable[..., httpx.Response]
REPOSITORY = Path(__file__).resolve().parents[2]
PROBLEM = "application/problem+json"
OPERATIONS = sorted(
    (method.upper(), path) for path, operations in create_app({}).openapi()["paths"].items() for method in operations
)


def test_the_process_lives(public: Client) -> None:
    reply = public("GET", "/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


def test_it_is_ready_only_while_started(public: Client) -> None:
    assert public("GET", "/ready").json() == {"status": "ready"}
    before = public("GET", "/ready", started=False)
    assert (before.status_code, before.headers["content-type"]) == (503, PROBLEM)
    assert public("GET", "/health", started=False).status_code == 200


def test_readiness_ends_with_shutdown() -> None:
    app = create_app({})

    async def ready_after_shutdown() -> int:
        async with app.router.lifespan_context(app) as state:
            pass
        transport = httpx.ASGITransport(with_state(app, state))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return (await client.get("/ready")).status_code

    assert asyncio.run(ready_after_shutdown()) == 503


def test_the_version_comes_from_code_and_environment(public: Client) -> None:
    assert public("GET", "/version").json()["commit"] == "unknown"
    deployed = type(public)({"COMMIT": "0123abc"})("GET", "/version").json()
    assert deployed["commit"] == "0123abc"
    assert deployed["version"] == __version__
    assert deployed["architecture"] in ("arm64", "x86_64")


def test_the_health_path_is_a_setting(public: Client) -> None:
    moved = type(public)({"HEALTH_PATH": "/users/health"})
    assert moved("GET", "/users/health").status_code == 200
    assert moved("GET", "/health").status_code == 404


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_wrong_method_is_a_problem(public: Client, method: str, path: str) -> None:
    wrong = public("DELETE", path)
    assert (wrong.status_code, wrong.headers["content-type"]) == (405, PROBLEM)
    assert method in wrong.headers["allow"]


@pytest.mark.parametrize("path", ["/nope", "/health/", "/v1/probe", "/V1/probe/tcp"])
def test_an_unknown_path_is_a_problem(public: Client, path: str) -> None:
    missing = public("GET", path)
    assert (missing.status_code, missing.headers["content-type"]) == (404, PROBLEM)
    assert missing.json()["title"] == "Not Found"
    assert missing.json()["detail"]


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "POST"])
@pytest.mark.parametrize("body", [None, [], "text", {}, {"surprise": "s3cret-value"}])
def test_a_request_that_cannot_be_read_is_a_problem(public: Client, path: str, body: object) -> None:
    refused = public("POST", path, body)
    assert (refused.status_code, refused.headers["content-type"]) == (422, PROBLEM)
    document = refused.json()
    assert document["status"] == 422
    assert document["errors"]
    assert all(error["field"] and error["message"] for error in document["errors"])
    assert "s3cret-value" not in refused.text


def test_a_mistake_of_ours_is_a_problem_that_tells_nothing() -> None:
    app = create_app({})

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("password=hunter2")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.get("/broken")

    reply = asyncio.run(ask())
    assert (reply.status_code, reply.headers["content-type"]) == (500, PROBLEM)
    assert "hunter2" not in reply.text


def test_the_openapi_document_has_one_error_shape_and_no_loose_end() -> None:
    document = create_app({}).openapi()
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                assert list(response["content"]) == (["application/json"] if status == "200" else [PROBLEM])


def test_version_and_python_are_said_once_each() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    assert project["version"] == __version__
    assert f"public.ecr.aws/lambda/python:{PYTHON_VERSION} AS base\n" in dockerfile
    assert ZipArtifact(path="", sha256="").runtime == f"python{PYTHON_VERSION}"
