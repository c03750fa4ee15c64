"""A REST API over a real socket: what functions get, what clients get, and what it answers itself."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from components.rest_definition import BINARY_TYPES, Gate, Operation, RestRoute, definition
from components.service import LambdaTarget
from sandbox.workloads.http.messages import Response
from sandbox.workloads.surfaces import Invocation, Verdict
from tests.sandbox.workloads.fronts.support import (
    BALANCER,
    FUNCTION,
    GROUP,
    LISTENER,
    REST_API,
    REST_ARN,
    REST_NAME,
    Answer,
    Behind,
    client,
    invoke_uri,
    resource,
    rest_api,
    running,
)

DOMAIN = f"{REST_API}.execute-api.us-east-1.amazonaws.com"
KEY = "laaprj78q75mxhvntko1kvozryprx65oy67z1s1v"
INTERNAL = {"message": "Internal server error"}
ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
TO_FUNCTION = {"type": "aws_proxy", "httpMethod": "POST", "uri": invoke_uri(), "timeoutInMillis": 28_000}
TO_LINK = {
    "type": "http_proxy",
    "httpMethod": "ANY",
    "connectionType": "VPC_LINK",
    "connectionId": "daqck0",
    "integrationTarget": BALANCER,
    "uri": "http://internal-dev.elb.amazonaws.com/users/{proxy}",
    "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"},
    "timeoutInMillis": 28_000,
}
BODY = {"type": "object", "required": ["source"], "properties": {"source": {"type": "string", "minLength": 1}}}


def plain(*paths: str, **integration: Any) -> dict[str, Any]:
    """Return a definition without a word of its own."""
    method = {ANY: {INTEGRATION: {**TO_FUNCTION, **integration}}}
    return {"openapi": "3.0.1", "paths": dict.fromkeys(paths or ("/", "/{proxy+}"), method)}


def ours(*operations: Operation, needs_key: bool = False, path: str = "/") -> dict[str, Any]:
    """Return the definition that our front door makes of a service."""
    name: Any = "netprobe"
    uri: Any = invoke_uri()
    target = LambdaTarget(function_name=name, alias_name=name, alias_arn=name, invoke_arn=uri)
    gate = Gate(needs_key=needs_key, operations=operations)
    return definition("dev-front-door", [RestRoute(name="netprobe", path=path, target=target, timeout=28, gate=gate)])


def ask(folder: Path, account: Any, *args: Any, behind: Behind | None = None, **kwargs: Any) -> Answer:
    async def scenario() -> Answer:
        async with running(folder, account, behind) as api:
            return await api.ask(*args, **kwargs)

    return asyncio.run(scenario())


def problem(answer: Answer) -> tuple[int, str]:
    """Return status and detail of what our definitions have an API answer itself."""
    assert answer.header("content-type") == "application/problem+json"
    assert answer.json["status"] == answer.status
    assert answer.json["request_id"] == answer.header("x-amzn-requestid")
    return answer.status, answer.json["detail"]


def test_a_function_gets_what_aws_sends(tmp_path: Path) -> None:
    """The fields are those of the developer guide's example of a proxy integration, no less and no more."""
    behind = Behind()
    sent = [
        ("Host", "api.local"),
        ("X-Many", "1"),
        ("X-Many", "2"),
        ("User-Agent", "agent"),
        ("Content-Type", "application/json"),
        ("X-Amzn-Trace-Id", "Root=1-6740a1b2-0123456789abcdef01234567"),
        ("X-Forwarded-For", "198.51.100.7"),
    ]
    account = rest_api(plain("/users/{id}/{proxy+}"), api={"binaryMediaTypes": []})
    ask(tmp_path, account, "/live/users/a%20b/c/d?a=1&b=%26&a=2", "POST", sent, b'{"x": 1}', behind=behind)
    (event,) = behind.events
    context = event["requestContext"]
    port = event["headers"]["X-Forwarded-Port"]
    assert uuid.UUID(context.pop("requestId"))
    assert re.fullmatch(r"[\w-]{15}=", context.pop("extendedRequestId"))
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("requestTime"))
    assert context.pop("requestTimeEpoch") > 1_600_000_000_000
    assert re.fullmatch(r"[0-9a-f]{6}", context.pop("resourceId"))
    headers = {
        "Host": "api.local",
        "X-Many": "2",
        "User-Agent": "agent",
        "Content-Type": "application/json",
        "X-Amzn-Trace-Id": "Root=1-6740a1b2-0123456789abcdef01234567",
        "X-Forwarded-For": "198.51.100.7, 127.0.0.1",
        "X-Forwarded-Port": port,
        "X-Forwarded-Proto": "http",
    }
    nobody = (
        "accessKey accountId caller cognitoAuthenticationProvider cognitoAuthenticationType cognitoIdentityId "
        "cognitoIdentityPoolId principalOrgId user userArn"
    )
    assert behind.invoked == [FUNCTION]
    assert event == {
        "resource": "/users/{id}/{proxy+}",
        "path": "/users/a%20b/c/d",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()} | {"X-Many": ["1", "2"]},
        "queryStringParameters": {"a": "2", "b": "&"},
        "multiValueQueryStringParameters": {"a": ["1", "2"], "b": ["&"]},
        "pathParameters": {"id": "a b", "proxy": "c/d"},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": REST_API,
            "deploymentId": "d7ecpc",
            "domainName": DOMAIN,
            "domainPrefix": REST_API,
            "httpMethod": "POST",
            "identity": {**dict.fromkeys(nobody.split()), "sourceIp": "127.0.0.1", "userAgent": "agent"},
            "path": "/live/users/a%20b/c/d",
            "protocol": "HTTP/1.1",
            "resourcePath": "/users/{id}/{proxy+}",
            "stage": "live",
        },
        "body": '{"x": 1}',
        "isBase64Encoded": False,
    }


def test_what_a_request_does_not_have_is_null(tmp_path: Path) -> None:
    behind = Behind()
    ask(tmp_path, rest_api(plain(), variables={"color": "blue"}), "/live", behind=behind)
    (event,) = behind.events
    assert [name for name in event if event[name] is None] == [
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "body",
    ]
    assert (event["path"], event["isBase64Encoded"], event["stageVariables"]) == ("/", False, {"color": "blue"})
    assert event["requestContext"]["resourceId"] == "r00tr00t00"


@pytest.mark.parametrize(
    ("types", "content_type", "body", "expected"),
    [
        (["*/*"], "application/json", b"{}", ("e30=", True)),
        ([], "image/png", b"a\xff", ("a\ufffd", False)),
        (["image/png"], "image/png", b"\xff", ("/w==", True)),
        (["image/png"], "application/json", b"{}", ("{}", False)),
    ],
)
def test_bodies_are_text_unless_their_type_is_binary(
    tmp_path: Path, types: list[str], content_type: str, body: bytes, expected: tuple[str, bool]
) -> None:
    behind = Behind()
    account = rest_api(plain(), api={"binaryMediaTypes": types})
    ask(tmp_path, account, "/live/x", "POST", [("content-type", content_type)], body, behind=behind)
    assert (behind.events[0]["body"], behind.events[0]["isBase64Encoded"]) == expected


@pytest.mark.parametrize(
    ("types", "accept", "body"),
    [
        (["*/*"], "", b"\x89PNG"),
        (["image/png"], "image/png,*/*;q=0.8", b"\x89PNG"),
        (["image/png"], "text/html, image/png", b"iVBORw=="),
        ([], "image/png", b"iVBORw=="),
    ],
)
def test_base64_reaches_those_who_do_not_ask_for_bytes(
    tmp_path: Path, types: list[str], accept: str, body: bytes
) -> None:
    returned = {
        "statusCode": 200,
        "body": "iVBORw==",
        "isBase64Encoded": True,
        "headers": {"Content-Type": "image/png"},
    }
    account = rest_api(plain(), api={"binaryMediaTypes": types})
    headers = [("Accept", accept)] if accept else []
    assert ask(tmp_path, account, "/live/x", headers=headers, behind=Behind(returned)).body == body


def test_an_answer_has_headers_of_both_kinds(tmp_path: Path) -> None:
    returned = {
        "statusCode": 201,
        "headers": {"X-One": "1", "X-Both": "a", "WWW-Authenticate": "Bearer", "Server": "app"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"], "X-Both": ["a"]},
        "body": None,
    }
    answer = ask(tmp_path, rest_api(plain()), "/live/x", behind=Behind(returned))
    named = [(name, value) for name, value in answer.headers if name.startswith("X-") or name == "Set-Cookie"]
    assert [pair for pair in named if pair[0] != "X-Amzn-Trace-Id"] == [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("X-Both", "a"),
        ("X-One", "1"),
    ]
    assert answer.header("x-amzn-remapped-www-authenticate") == "Bearer"
    assert answer.header("www-authenticate") is None
    assert answer.header("x-amzn-remapped-server") == "app"
    assert answer.header("content-type") == "application/json"
    assert uuid.UUID(answer.header("x-amzn-requestid"))
    assert answer.header("x-amz-apigw-id")
    assert (answer.header("x-amzn-trace-id") or "").startswith("Root=1-")


@pytest.mark.parametrize(
    ("invocation", "status", "body"),
    [
        (Invocation(200, b'{"errorMessage": "x"}', error="Unhandled"), 502, INTERNAL),
        (Invocation(200, b'"text"'), 502, INTERNAL),
        (Invocation(200, b'{"message": "no status"}'), 502, INTERNAL),
        (Invocation(200, b'{"statusCode": 200, "cookies": []}'), 502, INTERNAL),
        (Invocation(200, b'{"statusCode": 200, "body": {}}'), 502, INTERNAL),
        (Invocation(200, b'{"statusCode": 200, "multiValueHeaders": {"a": "b"}}'), 502, INTERNAL),
        (Invocation(429, b"{}"), 500, INTERNAL),
        (Invocation(413, b"{}"), 413, {"message": "Request Too Long"}),
    ],
)
def test_errors_of_functions_show_nothing_of_them(
    tmp_path: Path, invocation: Invocation, status: int, body: dict[str, str]
) -> None:
    answer = ask(tmp_path, rest_api(plain()), "/live/x", behind=Behind(invocation=invocation))
    assert (answer.status, answer.json) == (status, body)
    # What is malformed stays a 502 when the definition has words of its own for what is not reached.
    assert ask(tmp_path, rest_api(ours()), "/live/x", behind=Behind(invocation=invocation)).status == status


def test_what_takes_too_long_is_504(tmp_path: Path) -> None:
    account = rest_api(plain(timeoutInMillis=50))
    answer = ask(tmp_path, account, "/live/x", behind=Behind(seconds=20))
    assert (answer.status, answer.json) == (504, {"message": "Endpoint request timed out"})


@pytest.mark.parametrize(
    ("path", "status", "message", "error"),
    [
        ("/live/elsewhere", 403, "Missing Authentication Token", "MissingAuthenticationTokenException"),
        ("/live/users", 403, "Missing Authentication Token", "MissingAuthenticationTokenException"),
        ("/beta/users", 403, "Forbidden", None),
    ],
)
def test_what_is_not_there_is_403(tmp_path: Path, path: str, status: int, message: str, error: str | None) -> None:
    document = {"openapi": "3.0.1", "paths": {"/users": {"post": {INTEGRATION: TO_FUNCTION}}}}
    answer = ask(tmp_path, rest_api(document), path)
    assert (answer.status, answer.json) == (status, {"message": message})
    assert answer.header("x-amzn-errortype") == error


def test_the_closest_resource_is_taken_and_a_slash_at_the_end_means_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        behind = Behind()
        account = rest_api(plain("/", "/{proxy+}", "/users", "/users/{id}", "/users/me"))
        async with running(tmp_path, account, behind) as api:
            for path in ("/live", "/live/", "/live/users/", "/live/users/me", "/live/users/7", "/live/users/7/x"):
                assert (await api.ask(path)).status == 200
        taken = [event["resource"] for event in behind.events]
        assert taken == ["/", "/", "/users", "/users/me", "/users/{id}", "/{proxy+}"]

    asyncio.run(scenario())


def test_a_name_hides_the_stage(tmp_path: Path) -> None:
    async def scenario() -> None:
        mapping = {"apiId": REST_API, "stage": "live", "domainName": "api.example.com"}
        behind = Behind()
        account = [
            *rest_api(plain(), api={"disableExecuteApiEndpoint": True}),
            resource("aws:apigatewayv2/apiMapping:ApiMapping", "dev-front-door", "y5jod4", **mapping),
        ]
        async with running(tmp_path, account, behind) as api:
            assert api.url == f"http://127.0.0.1:{api.port}"
            await api.ask("/x")
        (event,) = behind.events
        assert (event["path"], event["requestContext"]["path"]) == ("/x", "/x")
        assert event["requestContext"]["domainName"] == "api.example.com"

    asyncio.run(scenario())


def test_keys_are_asked_for_and_limited(tmp_path: Path) -> None:
    async def scenario() -> None:
        throttle = {"rateLimit": 0.001, "burstLimit": 3}
        account = [
            *rest_api(ours(needs_key=True)),
            *client("partner", KEY, quotaSettings={"limit": 2, "period": "DAY", "offset": 0}),
            *client("other", "0123456789abcdefghij", throttleSettings=throttle),
        ]
        behind = Behind()
        async with running(tmp_path, account, behind) as api:
            needs = (403, "This needs an API key, in the header x-api-key.")
            assert problem(await api.ask("/live/x")) == needs
            assert problem(await api.ask("/live/x", headers=[("x-api-key", "wrong")])) == needs
            assert (await api.ask("/live/x", "OPTIONS")).status == 200
            key = [("x-api-key", KEY)]
            assert [(await api.ask("/live/x", headers=key)).status for _ in range(2)] == [200, 200]
            await api.apply(account)
            assert problem(await api.ask("/live/x", headers=key)) == (429, "This key's quota is used up.")
            other = [("x-api-key", "0123456789abcdefghij")]
            assert [(await api.ask("/live/x", headers=other)).status for _ in range(4)] == [200, 200, 200, 429]
            identity = behind.events[-1]["requestContext"]["identity"]
            assert (identity["apiKey"], identity["apiKeyId"]) == ("0123456789abcdefghij", "key-other")
            described = api.fronts.describe()["apis"][0]
            assert {"id": "key-partner", "used": 2, "quota": 2} in described["keys"]
            assert KEY not in json.dumps(described)

    asyncio.run(scenario())


def test_aws_has_words_of_its_own_for_keys(tmp_path: Path) -> None:
    document = plain()
    document["components"] = {"securitySchemes": {"k": {"type": "apiKey", "name": "x-api-key", "in": "header"}}}
    document["paths"]["/{proxy+}"][ANY]["security"] = [{"k": []}]
    account = [*rest_api(document), *client("partner", KEY, quotaSettings={"limit": 0, "period": "MONTH"})]
    answer = ask(tmp_path, account, "/live/x")
    assert (answer.status, answer.json) == (403, {"message": "Forbidden"})
    assert answer.header("x-amzn-errortype") == "ForbiddenException"
    answer = ask(tmp_path, account, "/live/x", headers=[("x-api-key", KEY)])
    assert (answer.status, answer.json) == (429, {"message": "Limit Exceeded"})
    assert answer.header("x-amzn-errortype") == "LimitExceededException"


def test_requests_beyond_the_rate_are_429(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = {"*/*": {"throttlingRateLimit": 0.001, "throttlingBurstLimit": 1}}
        async with running(tmp_path, rest_api(plain(), settings=settings)) as api:
            assert (await api.ask("/live/x")).status == 200
            answer = await api.ask("/live/x")
            assert (answer.status, answer.json) == (429, {"message": "Too Many Requests"})
            assert answer.header("x-amzn-errortype") == "TooManyRequestsException"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"source": "x"}', "application/json", 200),
        (b'{"source": "x"}', "", 200),
        (b'{"source": ""}', "application/json; charset=utf-8", 400),
        (b'{"other": 1}', "application/json", 400),
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        # Nothing is known of other types.
        (b"source=", "application/x-www-form-urlencoded", 200),
    ],
)
def test_bodies_are_held_to_their_schema(tmp_path: Path, body: bytes, content_type: str, status: int) -> None:
    behind = Behind()
    document = ours(Operation(method="POST", path="/analyze", body=BODY), path="/contracts")
    account = rest_api(document, api={"binaryMediaTypes": list(BINARY_TYPES)})
    headers = [("content-type", content_type)] if content_type else []
    answer = ask(tmp_path, account, "/live/contracts/analyze", "POST", headers, body, behind=behind)
    assert answer.status == status
    assert bool(behind.events) is (status == 200)
    if status == 400:
        assert problem(answer) == (400, "The body is not what this request takes; see the OpenAPI document.")
    # Another method of the same path is not looked at.
    assert ask(tmp_path, account, "/live/contracts/analyze", "PUT", headers, body).status == 200


def test_parameters_that_are_missing_are_named(tmp_path: Path) -> None:
    document = plain()
    document["x-amazon-apigateway-request-validators"] = {"all": {"validateRequestParameters": True}}
    document["x-amazon-apigateway-request-validator"] = "all"
    document["paths"]["/{proxy+}"][ANY]["parameters"] = [
        {"name": "q", "in": "query", "required": True},
        {"name": "x-a", "in": "header", "required": True},
        {"name": "other", "in": "query"},
    ]
    answer = ask(tmp_path, rest_api(document), "/live/x")
    assert (answer.status, answer.json) == (400, {"message": "Missing required request parameters: [q, x-a]"})
    assert ask(tmp_path, rest_api(document), "/live/x?q=", headers=[("X-A", "1")]).status == 200


def test_answers_are_remembered_by_what_they_depend_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        document = ours(Operation(method="GET", path="/results/{hash}", query=["rules"], cache_seconds=300))
        settings = {"results/{hash}/GET": {"cachingEnabled": True, "cacheTtlInSeconds": 300}}
        account = rest_api(document, settings=settings, cacheClusterEnabled=True)
        behind = Behind()
        async with running(tmp_path, account, behind) as api:

            async def asked(target: str, method: str = "GET") -> int:
                answer = await api.ask(f"/live{target}", method)
                assert (answer.status, answer.body) == (200, b"" if method == "HEAD" else b"hello")
                return len(behind.events)

            assert [await asked("/results/a") for _ in range(3)] == [1, 1, 1]
            assert await asked("/results/a?other=1") == 1
            assert await asked("/results/a?rules=2") == 2
            assert await asked("/results/b") == 3
            assert await asked("/results/a", "POST") == 4
            assert await asked("/elsewhere") == 5
            behind.returned = {"statusCode": 500, "body": "broken"}
            assert [(await api.ask("/live/results/c")).status for _ in range(2)] == [500, 500]
            assert len(behind.events) == 7
            assert api.statistic("CacheHitCount", ApiName=REST_NAME) == 3
            assert api.statistic("CacheMissCount", ApiName=REST_NAME) == 5
            await api.apply(rest_api(document, settings=settings))
            behind.returned = {"statusCode": 200, "body": "hello"}
            assert await asked("/results/a") == 8

    asyncio.run(scenario())


def test_a_link_hands_on_the_request_and_names_the_caller(tmp_path: Path) -> None:
    document = {"openapi": "3.0.1", "paths": {"/users/{proxy+}": {ANY: {INTEGRATION: TO_LINK}}}}
    answered = [("x-service", "here"), ("server", "uvicorn"), ("date", "Sun, 22 Nov 2026 02:29:14 GMT")]
    behind = Behind(response=Response(207, answered, b"done"))
    sent = [("Host", "api.local"), ("X-Forwarded-For", "198.51.100.7"), ("a", "1"), ("a", "2")]
    answer = ask(tmp_path, rest_api(document), "/live/users/a%20b?c=d", "POST", sent, b"body", behind=behind)
    assert (answer.status, answer.header("x-service"), answer.body) == (207, "here", b"done")
    assert answer.header("x-amzn-remapped-server") == "uvicorn"
    assert answer.header("x-amzn-remapped-date") == "Sun, 22 Nov 2026 02:29:14 GMT"
    ((listener, request),) = behind.forwarded
    assert listener == LISTENER
    assert (request.method, request.target, request.body) == ("POST", "/users/a%20b?c=d", b"body")
    assert request.values("a") == ["1", "2"]
    assert request.values("host") == ["internal-dev.elb.amazonaws.com"]
    assert request.header("x-forwarded-for") == "198.51.100.7, 127.0.0.1"
    assert request.header("x-amzn-apigateway-api-id") == REST_API


def test_nobody_behind_a_link_is_504(tmp_path: Path) -> None:
    document = {"openapi": "3.0.1", "paths": {"/users/{proxy+}": {ANY: {INTEGRATION: TO_LINK}}}}
    answer = ask(tmp_path, rest_api(document), "/live/users/x", behind=Behind(fails=KeyError("no listener")))
    assert (answer.status, answer.header("x-amzn-errortype")) == (504, "InternalServerErrorException")


def test_the_firewall_is_asked_first(tmp_path: Path) -> None:
    account = rest_api(ours(needs_key=True))
    refused = Behind(verdict=Verdict("countries", "block"))
    assert problem(ask(tmp_path, account, "/live/x", behind=refused)) == (403, "The firewall refused this request.")
    own = Behind(verdict=Verdict("own", "block", 418, (("x-rule", "own"),), b"no"))
    answer = ask(tmp_path, account, "/live/x", behind=own)
    assert (answer.status, answer.header("x-rule"), answer.body) == (418, "own", b"no")
    allowed = Behind(verdict=Verdict("Default_Action", "allow"))
    assert ask(tmp_path, rest_api(plain()), "/live/x", behind=allowed).status == 200


def test_sizes_have_limits(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path, rest_api(ours())) as api:
            answer = await api.ask("/live/x", "POST", [], b"x" * (10 * 1024 * 1024 + 1))
            assert problem(answer) == (413, "The request is larger than 10 MB.")
            assert (await api.ask("/live/x", headers=[("x", "y" * 5200)] * 2)).status == 431

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("integration", "says"),
    [
        ({"type": "mock"}, "an integration mock"),
        ({"type": "http_proxy", "uri": "https://example.com"}, "an integration http_proxy"),
        ({"type": "aws", "uri": "arn:aws:apigateway:us-east-1:sqs:path/x"}, "an integration aws"),
    ],
)
def test_what_is_not_simulated_is_refused_and_said(tmp_path: Path, integration: dict[str, Any], says: str) -> None:
    answer = ask(tmp_path, rest_api(plain(**integration)), "/live/x")
    assert answer.status == 501
    assert says in answer.json["message"]


def test_a_definition_counts_once_it_is_deployed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path, rest_api(plain("/a"))) as api:
            await api.apply(rest_api(plain("/b")))
            assert [(await api.ask(path)).status for path in ("/live/a", "/live/b")] == [200, 403]
            await api.apply(rest_api(plain("/b"), deployment="2"))
            assert [(await api.ask(path)).status for path in ("/live/a", "/live/b")] == [403, 200]

    asyncio.run(scenario())


FORMAT = json.dumps(
    {
        name: f"$context.{name}"
        for name in (
            "requestId identity.userAgent httpMethod path resourcePath status responseLength responseLatency "
            "integration.latency integration.status waf.status error.message"
        ).split()
    }
)


def test_each_request_is_logged_and_measured(tmp_path: Path) -> None:
    async def scenario() -> None:
        behind = Behind({"statusCode": 404, "body": "none"})
        async with running(tmp_path, rest_api(plain("/x"), log=FORMAT), behind) as api:
            answer = await api.ask("/live/x")
            await api.ask("/live/y")
            behind.invocation = Invocation(200, b"{}", error="Unhandled")
            await api.ask("/live/x")
            found, missing, broken = (json.loads(line.text) for line in api.context.logs.read(GROUP))
            for dimensions in ({"ApiName": REST_NAME}, {"ApiName": REST_NAME, "Stage": "live"}):
                assert api.statistic("Count", **dimensions) == 3
                assert api.statistic("4XXError", **dimensions) == 2
                assert api.statistic("5XXError", **dimensions) == 1
                assert api.statistic("IntegrationLatency", "SampleCount", **dimensions) == 2
        assert found["requestId"] == answer.header("x-amzn-requestid")
        assert {name: found[name] for name in found if "atency" not in name and "request" not in name} == {
            "identity.userAgent": "-",
            "httpMethod": "GET",
            "path": "/live/x",
            "resourcePath": "/x",
            "status": "404",
            "responseLength": "4",
            "integration.status": "404",
            "waf.status": "-",
            "error.message": "-",
        }
        assert missing["error.message"] == "Missing Authentication Token"
        assert (broken["status"], broken["error.message"]) == ("502", "Lambda execution failed")

    asyncio.run(scenario())


def test_apis_of_both_kinds_have_a_port_each(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path, rest_api(plain())) as api:
            assert api.fronts.urls() == {REST_ARN: api.url, "dev": api.url}
            assert api.url == f"http://127.0.0.1:{api.port}/live"
            (described,) = api.fronts.describe()["apis"]
            assert described["routes"][0] == {"key": "ANY /", "to": FUNCTION, "timeout": 28.0}
            assert (described["kind"], described["state"], described["url"]) == ("rest-api", "open", api.url)

    asyncio.run(scenario())
