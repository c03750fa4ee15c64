"""One record per request, one line per record, and nobody outside can write a line of their own."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.core.logs import ConsoleFormatter, JsonFormatter, configure
from app.core.settings import Settings
from app.core.state import with_state
from app.factory import create_app

Answers = Callable[..., list[httpx.Response]]


@pytest.fixture
def logged() -> Iterator[Callable[..., io.StringIO]]:
    """Set logging up as an entry does; returns what is written."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def start(**environ: str) -> io.StringIO:
        stream = io.StringIO()
        root.handlers[:] = [logging.StreamHandler(stream)]
        configure(Settings.from_environ(environ))
        return stream

    yield start
    root.handlers[:] = handlers
    root.setLevel(level)


def _records(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return what the app logged; the client of these tests logs too."""
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [record for record in records if record["logger"] != "httpx"]


def test_a_request_leaves_one_record(answers: Answers, logged: Callable[..., io.StringIO]) -> None:
    stream = logged()

    def extend(app: FastAPI) -> None:
        @app.get("/people/{name}")
        async def person(name: str) -> str:
            logging.getLogger("service").warning("Looking up", extra={"fields": {"table": "people"}})
            return name

    request = httpx.Request("GET", "http://app/people/ada?token=hunter2", headers={"X-Request-ID": "f00d"})
    answers(request, extend=extend)
    own, access = _records(stream)
    assert (own["level"], own["logger"], own["message"]) == ("WARNING", "service", "Looking up")
    assert (own["table"], own["request_id"]) == ("people", "f00d")
    assert access.pop("milliseconds") >= 0
    assert access.pop("timestamp").endswith("+00:00")
    assert access == {
        "level": "INFO",
        "logger": "app.access",
        "message": "request",
        "request_id": "f00d",
        "method": "GET",
        "route": "/people/{name}",
        "status": 200,
        "client": "198.51.100.7",
    }


def test_a_refusal_leaves_one_too_and_a_key_is_named_not_shown(
    answers: Answers, logged: Callable[..., io.StringIO]
) -> None:
    stream = logged()
    key = {"X-API-Key": "correct-horse-battery"}
    answers("/nope", httpx.Request("GET", "http://app/nope", headers=key), API_KEYS="ci:correct-horse-battery")
    refused, unknown = _records(stream)
    assert (refused["status"], refused["client"], refused["path"]) == (401, "198.51.100.7", "/nope")
    assert (unknown["status"], unknown["client"]) == (404, "key:ci")
    assert "battery" not in stream.getvalue()


def test_a_level_above_says_nothing_of_requests(answers: Answers, logged: Callable[..., io.StringIO]) -> None:
    stream = logged(LOG_LEVEL="warning")
    answers("/health")
    assert stream.getvalue() == ""


HOSTILE = "x\n2026-01-01 INFO forged\r\x1b[2K\u2028\u0085\u202e\x00\ud800"


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(text=st.text(st.characters(codec=None), min_size=1) | st.just(HOSTILE))
@pytest.mark.parametrize("log_format", ["console", "json"])
def test_nothing_a_caller_sends_ends_a_line(logged: Callable[..., io.StringIO], log_format: str, text: str) -> None:
    stream = logged(LOG_FORMAT=log_format)
    app = create_app({})

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, object]) -> None:
        pass

    headers = [(b"x-request-id", text.encode("utf-8", "replace")), (b"user-agent", text.encode("utf-8", "replace"))]
    scope = {"type": "http", "method": text, "path": f"/{text}", "headers": headers, "scheme": "http"}
    asyncio.run(with_state(app, {})({**scope, "query_string": b"", "client": (text, 1)}, receive, send))
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    if log_format == "json":
        assert json.loads(line)["logger"] == "app.access"


@pytest.mark.parametrize("formatter", [ConsoleFormatter(), JsonFormatter()])
def test_a_traceback_cannot_be_taken_for_a_record(formatter: logging.Formatter) -> None:
    try:
        raise RuntimeError("x\n12:00:00 INFO forged")
    except RuntimeError as error:
        record = logging.LogRecord("a", logging.ERROR, "", 0, "Failed", (), (type(error), error, error.__traceback__))
    first, *rest = formatter.format(record).splitlines()
    assert "Failed" in first
    assert all(line.startswith("    ") for line in rest)
    assert "RuntimeError" in formatter.format(record)


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({}, JsonFormatter),
        ({"ENVIRONMENT": "staging"}, JsonFormatter),
        ({"ENVIRONMENT": "dev"}, ConsoleFormatter),
        ({"ENVIRONMENT": "dev", "LOG_FORMAT": "json"}, JsonFormatter),
        ({"LOG_FORMAT": "console"}, ConsoleFormatter),
    ],
)
def test_people_read_in_dev_and_machines_elsewhere(
    logged: Callable[..., io.StringIO], environ: dict[str, str], kind: type[logging.Formatter]
) -> None:
    logged(**environ)
    assert [type(handler.formatter) for handler in logging.getLogger().handlers] == [kind]


def test_a_handler_that_is_there_stays_and_gets_our_format(logged: Callable[..., io.StringIO]) -> None:
    logged()
    (ours,) = logging.getLogger().handlers
    configure(Settings.from_environ({"ENVIRONMENT": "dev"}))
    assert logging.getLogger().handlers == [ours]
    assert isinstance(ours.formatter, ConsoleFormatter)


class RuntimeHandler(logging.Handler):
    """Hands on what the formatter makes, as the handler of Lambda's runtime does."""

    def __init__(self) -> None:
        super().__init__()
        self.written = ""

    def emit(self, record: logging.LogRecord) -> None:
        record.aws_request_id = "1f0c"
        self.written += self.format(record)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_lines_end_on_lambda_too_and_name_the_invocation(logged: Callable[..., io.StringIO], log_format: str) -> None:
    logged()
    handler = RuntimeHandler()
    logging.getLogger().handlers[:] = [handler]
    configure(Settings.from_environ({"LOG_FORMAT": log_format}))
    logging.getLogger("a").warning("One")
    logging.getLogger("a").warning("Two")
    first, second = handler.written.splitlines()
    assert handler.written.endswith("\n")
    assert "One" in first
    assert "Two" in second
    assert ("1f0c" in first) is (log_format == "json")


def test_the_server_logs_in_the_same_format_and_repeats_no_request(logged: Callable[..., io.StringIO]) -> None:
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    stream = logged()
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.access").info("GET /?token=hunter2")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["message"] == "Invalid HTTP request received."
