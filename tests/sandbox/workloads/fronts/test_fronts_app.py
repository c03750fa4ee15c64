"""Our own app behind the APIs of the sandbox: what it is asked and what it answers is what it is tested with."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.control.account import Account, Entry, Resource
from sandbox.data import client
from sandbox.workloads.context import Context
from sandbox.workloads.fronts.manager import Fronts
from sandbox.workloads.functions.manager import Functions
from sandbox.workloads.snapshot import Snapshot
from stacks.bundle import bundle
from tests.app.extras import REQUESTS
from tests.app.gateways import GATEWAYS, Request, Response
from tests.e2e.conftest import make_workspace
from tests.sandbox.workloads.fronts.support import (
    FUNCTION,
    HTTP_ARN,
    REST_ARN,
    Answer,
    Behind,
    Running,
    http_api,
    invoke_uri,
    resource,
    rest_api,
    running,
)

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[4]
# Logs and metrics go to standard output; what the function returns must not get between them.
PROGRAM = """
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
REQUEST_ID = ("X-Request-ID", "f00d")
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
        *(sys.executable, "-c", PROGRAM),
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


async def ask(gateway: str, request: Request, api: Running) -> Answer:
    """Ask the app through an API."""
    return await api.ask(f"{STAGE[gateway]}{request.target}", request.method, list(request.headers), request.body)


@pytest.mark.parametrize("gateway", BEHIND)
def test_the_app_is_asked_and_answers_as_it_is_tested(tmp_path: Path, gateway: str) -> None:
    model = GATEWAYS[gateway]

    async def scenario() -> None:
        async with function() as behind, running(tmp_path, BEHIND[gateway], behind) as api:
            assert behind.handler is not None
            # An API does not wait for a start as long as a test of a busy machine has to.
            await behind.handler(model.event(Request(target="/health")))
            for name, given in REQUESTS.items():
                if name in NOT_SENT:
                    continue
                request = replace(given, headers=[*given.headers, REQUEST_ID], peer=PEER)
                answer = await ask(gateway, request, api)
                event = here(model.event(request), behind.events[-1])
                assert seen(gateway, behind.events[-1]) == seen(gateway, event), name
                expected = model.response(request, await behind.handler(event))
                assert (answer.status, answer.body) == (expected.status, expected.body), name
                assert answered(answer.headers, expected.headers) == answered(expected.headers, expected.headers), name

    asyncio.run(scenario())


NAME = FUNCTION.split(":")[6]
ASKED = ("json", "page", "image", "unknown path", "wrong fields", "no JSON", "preflight", "options")


def package(path: str) -> list[Resource]:
    """Return a function as our stacks have it, of a zip."""
    unqualified = FUNCTION.rpartition(":")[0]
    return [
        resource(
            "aws:lambda/function:Function",
            "dev-netprobe",
            NAME,
            name=NAME,
            arn=unqualified,
            code={"path": path},
            packageType="Zip",
            runtime="python3.13",
            architectures=["arm64"],
            handler="app.handler.lambda_handler",
            timeout=28,
            memorySize=1024,
            publish=True,
            version="1",
            reservedConcurrentExecutions=-1,
            environment={"variables": {"SERVICES": "netprobe=/", "HEALTH_PATH": "/health", "RATE_LIMIT": "0"}},
            loggingConfig={"logFormat": "Text", "logGroup": "/aws/lambda/dev-netprobe"},
        ),
        resource(
            "aws:lambda/alias:Alias",
            "dev-netprobe",
            FUNCTION,
            name="live",
            arn=FUNCTION,
            functionName=NAME,
            functionVersion="1",
        ),
    ]


def keep(folder: Path, resources: list[Resource]) -> None:
    """Write resources into an account, from which functions take their environment."""
    with closing(Account(folder)) as account, account.transaction() as transaction:
        for one in resources:
            parts = (one.type, one.region, one.id, one.urn, one.urn, one.inputs, one.outputs)
            transaction.add(Entry(*parts, handles=[]))


@pytest.fixture
def checkout(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a copy of the project, whose account is in the test's own folder."""
    yield make_workspace(tmp_path / "project", tmp_path_factory.getbasetemp().parent / "modeshift-build").root
    client.stop(tmp_path)


def test_the_package_answers_behind_apis_as_it_does_when_invoked(tmp_path: Path, checkout: Path) -> None:
    account = [*package(bundle(checkout).path), *BEHIND["http-api"], *BEHIND["rest-api"]]
    keep(tmp_path, account)

    async def scenario() -> None:
        context = Context.of(tmp_path, checkout)
        functions, behind = Functions(context), Behind()
        fronts = Fronts(context, functions, behind)

        async def invoked(gateway: str, request: Request) -> Response:
            event = GATEWAYS[gateway].event(request)
            event["headers"]["x-forwarded-proto"] = "http"
            event.get("multiValueHeaders", {})["x-forwarded-proto"] = ["http"]
            invocation = await functions.invoke(FUNCTION, json.dumps(event).encode())
            assert not invocation.error, invocation
            return GATEWAYS[gateway].response(request, json.loads(invocation.payload))

        try:
            await functions.apply(Snapshot(account))
            await fronts.apply(Snapshot(account))
            for gateway, arn in (("http-api", HTTP_ARN), ("rest-api", REST_ARN)):
                api = Running(fronts, behind, context, arn)
                for name in ASKED:
                    request = replace(REQUESTS[name], headers=[*REQUESTS[name].headers, REQUEST_ID], peer=PEER)
                    expected = await invoked(gateway, request)
                    answer = await ask(gateway, request, api)
                    assert (answer.status, answer.body) == (expected.status, expected.body), name
                    own = answered(answer.headers, expected.headers)
                    assert own == answered(expected.headers, expected.headers), name
        finally:
            await fronts.close()
            await functions.close()
            context.logs.close()

    asyncio.run(scenario())
