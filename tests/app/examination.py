"""Whatever is sent to a service, it answers as its OpenAPI document says, as a container and as a function.

Schemathesis makes the requests, the right and the wrong ones, and holds the answers to the document with all of its
checks. The same requests every time; `CONTRACT_EXAMPLES=3000 make test` looks further, at others each time.
"""

from __future__ import annotations

import asyncio
import os
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import load_all_checks
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.schemas import BaseSchema
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.gate import KEY_HEADER
from tests.app.gateways import GATEWAYS, Request, Response

KEY = "0123456789abcdef"
# One that keeps the last of repeated parameters alone would make a right request of a wrong one.
BEHIND = [name for name in GATEWAYS if name != "alb-single"]

_FIXED = "CONTRACT_EXAMPLES" not in os.environ
_UNTIMED: dict[str, Any] = {
    "deadline": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
    "stateful_step_count": 10,
}

Apps = Mapping[str, ASGIApp]


class Function:
    """The Lambda handler as an ASGI app: requests take turns at the gateways, the same at the same every time."""

    def __init__(self, handler: ModuleType) -> None:
        self._handle = handler.lambda_handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        target = (scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")).decode()
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        request = Request(method=scope["method"], target=target, headers=headers, body=await _body(receive))
        answer = await asyncio.to_thread(self._answer, request)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, request: Request) -> Response:
        gateway = GATEWAYS[BEHIND[zlib.crc32(repr(request).encode()) % len(BEHIND)]]
        return gateway.response(request, self._handle(gateway.event(request), None))


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


def examine(
    apps: Apps, method: str, path: str, examples: int, *, bounds: bool = True, document: str = "/openapi.json"
) -> int:
    """Send requests of every kind for one operation to all apps; returns how many, or raises what was wrong.

    `bounds` are those at the limits of the document; they come on top of the examples.
    """
    schema = _schema(document, apps["container"], examples)
    schema.config.phases.coverage.enabled = bounds
    operation = schema[path][method]
    sent = 0

    def test(case: schemathesis.Case) -> None:
        nonlocal sent
        sent += 1
        for app in apps.values():
            schema.app = case.operation.app = app
            _judge(case.call_and_validate(headers={KEY_HEADER: KEY}), case)

    # Its decorator would make the requests while pytest collects: half a minute for each worker, whatever runs.
    build_operation_test(
        config=schema.config, operation=operation, test_func=test, given_kwargs={}, feedback=FeedbackSources()
    )()
    return sent


def wander(
    app: ASGIApp,
    examples: int,
    *,
    document: str = "/openapi.json",
    begin: Callable[[], None] = lambda: None,
    unchecked: Collection[str] = (),
) -> Counter[str]:
    """Follow the document's links from answer to request; returns how often each operation was asked.

    `begin` is called before each walk: where the same requests are answered otherwise than in the walk before, what
    makes them up loses its way. `unchecked` are schemathesis' checks that do not hold for the service.
    """
    schema = _schema(document, app, examples)
    for name in unchecked:
        getattr(schema.config.checks, name).enabled = False
    asked: Counter[str] = Counter()

    class Wanderer(schema.as_state_machine()):  # type: ignore[misc] made at run time
        def setup(self) -> None:
            begin()
            super().setup()

        def validate_response(self, response: Any, case: schemathesis.Case, **options: Any) -> None:
            asked[case.operation.label] += 1
            super().validate_response(response, case, **options)
            _judge(response, case)

    Wanderer.run(settings=settings(max_examples=examples, derandomize=_FIXED, database=None, **_UNTIMED))
    return asked


def _schema(document: str, app: ASGIApp, examples: int) -> BaseSchema:
    load_all_checks()
    schema = schemathesis.openapi.from_asgi(document, app)
    schema.config.generation.update(max_examples=examples, deterministic=_FIXED, database="none")
    # What is slow on a busy machine is not wrong; the gateways' own limits have their own tests.
    schema.config.update(request_timeout=120)
    checks = schema.config.checks
    # A right request may come too late for the version that it is about, and the missing header may be what names that.
    checks.positive_data_acceptance.expected_statuses = [*checks.positive_data_acceptance.expected_statuses, "412"]
    checks.missing_required_header.expected_statuses = [*checks.missing_required_header.expected_statuses, "428"]
    return schema


def _judge(answer: Any, case: schemathesis.Case) -> None:
    # `default` in the document would let anything pass.
    assert str(answer.status_code) in case.operation.definition.raw["responses"] or answer.status_code == 405
    assert "x-request-id" in answer.headers
