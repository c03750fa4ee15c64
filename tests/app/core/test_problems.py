"""Whatever goes wrong, on whatever route, the answer has one shape and names the request."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import StreamingResponse
from starlette.types import Message

from app.core.problems import Problem, ProblemError
from app.core.state import with_state
from app.factory import create_app

Answers = Callable[..., list[httpx.Response]]
OPERATIONS = sorted(
    (method.upper(), path) for path, operations in create_app({}).openapi()["paths"].items() for method in operations
)
PATHS = sorted({path for _, path in OPERATIONS} | {"/docs", "/openapi.json", "/", "/nope", "/static/nope"})


def _is_problem(reply: httpx.Response, status: int) -> Problem:
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
    found = Problem.model_validate(reply.json())
    assert found.status == status
    assert found.title
    assert found.detail
    assert found.request_id == reply.headers["x-request-id"]
    return found


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "BREW"])
def test_no_route_takes_a_method_it_does_not_have(answers: Answers, method: str) -> None:
    for path, reply in zip(
        PATHS, answers(*(httpx.Request(method, f"http://app{path}") for path in PATHS)), strict=True
    ):
        if (method, path) not in OPERATIONS:
            _is_problem(reply, 405 if "allow" in reply.headers else 404)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "BREW"])
def test_every_route_refuses_in_one_shape_what_comes_without_a_key(answers: Answers, method: str) -> None:
    replies = answers(*(httpx.Request(method, f"http://app{path}") for path in PATHS), API_KEYS="k" * 20)
    for reply in replies:
        if reply.status_code >= 400:
            _is_problem(reply, reply.status_code)
    assert {reply.status_code for reply in replies} >= {401}


def test_every_route_refuses_in_one_shape_what_comes_too_often_or_is_too_long(answers: Answers) -> None:
    counted = [path for path in PATHS if path not in ("/health", "/ready")]
    _, *replies = answers("/", *counted, RATE_LIMIT="1/3600")
    for reply in replies:
        assert "try again in" in _is_problem(reply, 429).detail
    long = [httpx.Request("POST", f"http://app{path}", content=b"x" * 11) for path in PATHS]
    for reply in answers(*long, MAX_BODY_BYTES="10", RATE_LIMIT="0"):
        assert _is_problem(reply, 413).title == "Content Too Large"


BODIES = [b"", b"{", b"\xff", b"[]", b"null", b'"text"', b'{"surprise": "s3cret-value"}', b"1" * 5000]
KINDS = ["application/json", "text/plain", "application/xml", "", "multipart/form-data"]


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "POST"])
def test_every_route_refuses_in_one_shape_what_it_cannot_read(answers: Answers, path: str) -> None:
    requests = [
        httpx.Request("POST", f"http://app{path}", content=body, headers={"Content-Type": kind} if kind else {})
        for body in BODIES
        for kind in KINDS
    ]
    for reply in answers(*requests, RATE_LIMIT="0"):
        assert _is_problem(reply, reply.status_code).status in (400, 422)
        assert "s3cret-value" not in reply.text


def _broken(app: FastAPI) -> None:
    @app.get("/raises")
    async def raises() -> None:
        raise RuntimeError("password=hunter2")

    @app.get("/refuses")
    async def refuses() -> None:
        raise HTTPException(418, "No coffee.", {"X-Pot": "tea"})

    @app.get("/conflicts")
    async def conflicts() -> None:
        raise ProblemError(HTTPStatus.CONFLICT, "Taken.", headers={"Retry-After": "3"})

    @app.get("/answers-nonsense")
    async def answers_nonsense() -> int:
        return "hunter2"  # type: ignore[return-value]

    @app.get("/number")
    async def number(n: Annotated[int, Query(gt=5)]) -> int:
        return n


@pytest.mark.parametrize("path", ["/raises", "/answers-nonsense"])
def test_a_mistake_of_ours_tells_nothing_and_is_logged_once(
    answers: Answers, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.INFO):
        broken, after = answers(path, "/health", extend=_broken)
    _is_problem(broken, 500)
    assert "hunter2" not in broken.text
    assert after.status_code == 200
    (logged,) = [record for record in caplog.records if record.exc_info]
    assert logged.levelname == "ERROR"


def test_whoever_raises_it_says_why_and_may_set_headers(answers: Answers) -> None:
    refused, taken, small = answers("/refuses", "/conflicts", "/number?n=1", extend=_broken)
    assert _is_problem(refused, 418).detail == "No coffee."
    assert refused.headers["x-pot"] == "tea"
    assert _is_problem(taken, 409).detail == "Taken."
    assert taken.headers["retry-after"] == "3"
    errors = _is_problem(small, 422).errors
    assert errors is not None
    assert [error.field for error in errors] == ["query.n"]


def test_an_answer_that_breaks_off_is_not_passed_off_as_a_whole(caplog: pytest.LogCaptureFixture) -> None:
    app = create_app({})

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("cut")

        return StreamingResponse(parts())

    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        async with app.router.lifespan_context(app) as state:
            scope = {"type": "http", "method": "GET", "path": "/stream", "headers": [], "scheme": "http"}
            await with_state(app, state)({**scope, "query_string": b""}, receive, send)

    with pytest.raises(RuntimeError, match="cut"):
        asyncio.run(run())
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"] is True


def test_a_mistake_in_middleware_has_the_same_shape(monkeypatch: pytest.MonkeyPatch, answers: Answers) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("app.core.rate_limit.Buckets.take", fail)
    (reply,) = answers("/version")
    assert (reply.status_code, reply.headers["content-type"]) == (500, "application/problem+json")
    assert json.loads(reply.text)["title"] == "Internal Server Error"
    assert "hunter2" not in reply.text


def test_every_operation_says_what_an_error_looks_like() -> None:
    for operations in create_app({}).openapi()["paths"].values():
        for operation in operations.values():
            assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]
