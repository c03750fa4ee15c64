"""Our own app behind the APIs of the sandbox: what it is asked and what it answers is what it is tested with."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.control.account import Resource
from tests.app.extras import REQUESTS
from tests.app.gateways import GATEWAYS, Request
from tests.sandbox.workloads.fronts.support import Answer, Behind, http_api, invoke_uri, rest_api, running

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[4]
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
ENVIRONMENT = {
    "CORS_ORIGINS": "https://pages.example",
    "MAX_BODY_BYTES": "2000",
    "NETPROBE_CACHE_SECONDS": "0",
    "RATE_LIMIT": "0",
    "PYTHONPATH": str(REPOSITORY),
}
PEER = "127.0.0.1"
ANY = {
    "x-amazon-apigateway-any-method": {
        "x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": invoke_uri()}
    }
}
NOT_SENT = {"method nobody knows"}
"""The server of the sandbox refuses methods that HTTP does not have."""
BEHIND: dict[str, list[Resource]] = {
    "http-api": http_api(),
    "rest-api": rest_api({"openapi": "3.0.1", "paths": {"/": ANY, "/{proxy+}": ANY}}),
}
STAGE = {"http-api": "", "rest-api": "/live"}
OF_GATEWAYS = {
    *("apigw-requestid", "connection", "content-length", "date"),
    *("x-amz-apigw-id", "x-amzn-remapped-content-length", "x-amzn-requestid", "x-amzn-trace-id"),
}
"""Headers of an answer that every gateway makes itself."""
OF_PLACES = {
    *("content-length", "host", "transfer-encoding", "user-agent"),
    *("x-amzn-trace-id", "x-forwarded-port", "x-forwarded-proto"),
}
"""Headers of an event that say where and when it came, or that a client adds."""


@asynccontextmanager
async def function() -> AsyncIterator[Behind]:
    """Start the app as Lambda does, with routes that show what it sees."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FUNCTION),
        cwd=REPOSITORY,
        env={**ENVIRONMENT},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 24,
    )

    async def handle(event: dict[str, Any]) -> Any:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(event).encode() + b"\n")
        line = await process.stdout.readline()
        assert line, "the function has ended"
        return json.loads(line)

    try:
        yield Behind(handler=handle)
    finally:
        process.kill()
        await process.communicate()


def here(event: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    """Return an event that says the same of where it came as another one: the sandbox has no TLS."""
    for part in ("headers", "multiValueHeaders"):
        if part in event:
            kept = {name: value for name, value in event[part].items() if name.lower() not in OF_PLACES}
            event[part] = kept | {name: value for name, value in there[part].items() if name.lower() in OF_PLACES}
    return event


def seen(gateway: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return what of an event does not depend on the moment, or on the API's own name."""
    headers = {name.lower(): value for name, value in event["headers"].items()}
    shown = {
        "headers": {name: value for name, value in headers.items() if name not in OF_PLACES},
        "query": event.get("queryStringParameters"),
        "body": event.get("body"),
        "base64": event["isBase64Encoded"],
    }
    if gateway == "http-api":
        http = {name: value for name, value in event["requestContext"]["http"].items() if name != "userAgent"}
        parts = ("version", "routeKey", "rawPath", "rawQueryString", "cookies")
        return {**shown, "http": http, **{name: event.get(name) for name in parts}}
    parts = ("path", "httpMethod", "multiValueQueryStringParameters", "stageVariables")
    return {
        **shown,
        "identity": event["requestContext"]["identity"]["sourceIp"],
        **{name: event[name] for name in parts},
    }


def answered(headers: Any, expected: Any) -> list[tuple[str, str]]:
    """Return the headers of an answer that are the app's."""
    names = {name.lower() for name, _ in expected}
    # A gateway may name a content type where the app names none.
    left_out = OF_GATEWAYS if "content-type" in names else {*OF_GATEWAYS, "content-type"}
    return sorted((name.lower(), value) for name, value in headers if name.lower() not in left_out)


@pytest.mark.parametrize("gateway", BEHIND)
def test_the_app_is_asked_and_answers_as_it_is_tested(tmp_path: Path, gateway: str) -> None:
    model = GATEWAYS[gateway]

    async def ask(name: str, request: Request, api: Any) -> Answer:
        target = f"{STAGE[gateway]}{request.target}"
        sent = [*request.headers, ("X-Request-ID", "f00d")]
        answer = await api.ask(target, request.method, sent, request.body)
        assert answer.status, name
        return answer

    async def scenario() -> None:
        async with function() as behind, running(tmp_path, BEHIND[gateway], behind) as api:
            assert behind.handler is not None
            for name in REQUESTS.keys() - NOT_SENT:
                given = REQUESTS[name]
                request = Request(
                    method=given.method,
                    target=given.target,
                    headers=[*given.headers, ("X-Request-ID", "f00d")],
                    body=given.body,
                    peer=PEER,
                )
                answer = await ask(name, given, api)
                event = here(model.event(request), behind.events[-1])
                assert seen(gateway, behind.events[-1]) == seen(gateway, event), name
                expected = model.response(request, await behind.handler(event))
                assert (answer.status, answer.body) == (expected.status, expected.body), name
                assert answered(answer.headers, expected.headers) == answered(expected.headers, expected.headers), name

    asyncio.run(scenario())
