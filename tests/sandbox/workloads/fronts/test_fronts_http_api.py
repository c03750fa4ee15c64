"""An HTTP API over a real socket: what functions get, what clients get, and what it answers itself."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox.control.account import Account
from sandbox.workloads import faults
from sandbox.workloads.http.messages import Response
from sandbox.workloads.surfaces import Invocation
from tests.sandbox.workloads.fronts.support import (
    FUNCTION,
    GROUP,
    HTTP_API,
    HTTP_ARN,
    LISTENER,
    Answer,
    Behind,
    http_api,
    link,
    resource,
    running,
)

DOMAIN = f"{HTTP_API}.execute-api.us-east-1.amazonaws.com"


def ask(folder: Path, *args: Any, behind: Behind | None = None, account: Any = None, **kwargs: Any) -> Answer:
    async def scenario() -> Answer:
        async with running(folder, account or http_api(), behind) as api:
            return await api.ask(*args, **kwargs)

    return asyncio.run(scenario())


def test_a_function_gets_what_aws_sends(tmp_path: Path) -> None:
    """The fields are those of the developer guide's example of payload format 2.0, no less and no more."""
    behind = Behind()
    sent = [
        ("Header1", "value1"),
        ("header2", "value1"),
        ("Header2", "value2"),
        ("Cookie", "cookie1=a; cookie2=b"),
        ("Cookie", "cookie3=c"),
        ("User-Agent", "agent"),
        ("Content-Type", "text/plain"),
        ("X-Amzn-Trace-Id", "Root=1-6740a1b2-0123456789abcdef01234567"),
        ("X-Forwarded-For", "198.51.100.7"),
        ("Connection", "keep-alive"),
    ]
    target = "/my/a%20path?parameter1=value1&parameter1=value%202&parameter2=value&empty="
    ask(tmp_path, target, "POST", sent, "Hello from Lambdä!".encode(), behind=behind)
    (event,) = behind.events
    port = event["headers"].pop("x-forwarded-port")
    assert port.isdecimal()
    context = event["requestContext"]
    assert re.fullmatch(r"[\w-]{15}=", context.pop("requestId"))
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("time"))
    assert context.pop("timeEpoch") > 1_600_000_000_000
    assert behind.invoked == [FUNCTION]
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my/a path",
        "rawQueryString": "parameter1=value1&parameter1=value%202&parameter2=value&empty=",
        "cookies": ["cookie1=a", "cookie2=b", "cookie3=c"],
        "headers": {
            "content-length": "19",
            "content-type": "text/plain",
            "header1": "value1",
            "header2": "value1,value2",
            "host": "here",
            "user-agent": "agent",
            "x-amzn-trace-id": "Root=1-6740a1b2-0123456789abcdef01234567",
            "x-forwarded-for": "198.51.100.7, 127.0.0.1",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"parameter1": "value1,value 2", "parameter2": "value", "empty": ""},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": HTTP_API,
            "domainName": DOMAIN,
            "domainPrefix": HTTP_API,
            "http": {
                "method": "POST",
                "path": "/my/a path",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "agent",
            },
            "routeKey": "$default",
            "stage": "$default",
        },
        "body": "Hello from Lambdä!",
        "isBase64Encoded": False,
    }


def test_what_a_request_does_not_have_is_absent(tmp_path: Path) -> None:
    behind = Behind()
    ask(tmp_path, behind=behind)
    (event,) = behind.events
    optional = {"cookies", "queryStringParameters", "body", "pathParameters", "stageVariables"}
    assert optional.isdisjoint(event)
    assert event["isBase64Encoded"] is False
    assert None not in event.values()
    assert not [name for name in event if name.startswith("multiValue")]


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b'{"a": 1}', ('{"a": 1}', False)),
        ("application/xml; charset=utf-8", b"<a/>", ("<a/>", False)),
        ("application/octet-stream", b"\x00\xff", ("AP8=", True)),
        ("application/x-www-form-urlencoded", b"a=1", ("YT0x", True)),
        ("text/plain", b"\xff\xfe", ("//4=", True)),
    ],
)
def test_bodies_are_text_or_base64(tmp_path: Path, content_type: str, body: bytes, expected: tuple[str, bool]) -> None:
    behind = Behind()
    ask(tmp_path, "/", "POST", [("content-type", content_type)], body, behind=behind)
    assert (behind.events[0]["body"], behind.events[0]["isBase64Encoded"]) == expected


def test_an_answer_is_what_the_function_returned(tmp_path: Path) -> None:
    returned = {
        "statusCode": 201,
        "headers": {"content-type": "image/png", "x-number": 7, "x-true": True},
        "cookies": ["a=1; Path=/", "b=2"],
        "body": "iVBORw==",
        "isBase64Encoded": True,
    }
    answer = ask(tmp_path, behind=Behind(returned))
    assert answer.status == 201
    assert answer.body == b"\x89PNG"
    assert [value for name, value in answer.headers if name.lower() == "set-cookie"] == ["a=1; Path=/", "b=2"]
    assert (answer.header("x-number"), answer.header("x-true")) == ("7", "true")
    assert answer.header("content-length") == "4"
    assert re.fullmatch(r"[\w-]{15}=", answer.header("apigw-requestid") or "")


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        (b'"Hello from Lambda!"', b"Hello from Lambda!"),
        (b'{ "message": "Hello from Lambda!" }', b'{ "message": "Hello from Lambda!" }'),
        (b"[1, 2]", b"[1, 2]"),
        (b"null", b"null"),
    ],
)
def test_what_has_no_status_is_the_body(tmp_path: Path, payload: bytes, body: bytes) -> None:
    answer = ask(tmp_path, behind=Behind(invocation=Invocation(200, payload)))
    assert (answer.status, answer.header("content-type"), answer.body) == (200, "application/json", body)


def test_a_status_alone_is_an_empty_text(tmp_path: Path) -> None:
    answer = ask(tmp_path, behind=Behind({"statusCode": "204"}))
    assert (answer.status, answer.body) == (204, b"")
    assert ask(tmp_path, behind=Behind({"statusCode": 200})).header("content-type") == "text/plain;charset=UTF-8"


@pytest.mark.parametrize(
    ("invocation", "status", "message"),
    [
        (Invocation(200, b'{"errorMessage": "x"}', error="Unhandled"), 500, "Internal Server Error"),
        (Invocation(200, b'{"statusCode": 200, "body": {"no": "text"}}'), 500, "Internal Server Error"),
        (Invocation(200, b'{"statusCode": "soon"}'), 500, "Internal Server Error"),
        (Invocation(200, b'{"statusCode": 200, "headers": []}'), 500, "Internal Server Error"),
        (Invocation(200, b'{"statusCode": 200, "headers": {"a": ["b"]}}'), 500, "Internal Server Error"),
        (Invocation(200, b'{"statusCode": 200, "cookies": "a=b"}'), 500, "Internal Server Error"),
        (Invocation(200, b'{"statusCode": 200, "body": "?", "isBase64Encoded": true}'), 500, "Internal Server Error"),
        (Invocation(200, b"<html>"), 500, "Internal Server Error"),
        (Invocation(404, b"{}"), 500, "Internal Server Error"),
        (Invocation(429, b"{}"), 503, "Service Unavailable"),
        (Invocation(413, b"{}"), 413, "Request Entity Too Large"),
    ],
)
def test_errors_of_functions_show_nothing_of_them(
    tmp_path: Path, invocation: Invocation, status: int, message: str
) -> None:
    answer = ask(tmp_path, behind=Behind(invocation=invocation))
    assert (answer.status, answer.json) == (status, {"message": message})
    assert answer.header("content-type") == "application/json"
    assert answer.header("apigw-requestid")


def test_a_function_that_takes_too_long_is_503_and_runs_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        behind = Behind(seconds=0.3)
        account = http_api(routes={"$default": {"timeoutMilliseconds": 50}})
        async with running(tmp_path, account, behind) as api:
            answer = await api.ask()
            assert (answer.status, answer.json) == (503, {"message": "Service Unavailable"})
            assert answer.header("apigw-requestid")
            assert behind.ended == 0
            async with asyncio.timeout(30):
                while not behind.ended:  # noqa: ASYNC110 - it is no event loop's matter what the function does
                    await asyncio.sleep(0.01)

    asyncio.run(scenario())


ROUTES = ("GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
        ("POST", "/test/5", "ANY /{proxy+}"),
        # The method counts before the path: no GET leads here.
        ("POST", "/pets/dog/1", "ANY /{proxy+}"),
        ("GET", "/", "$default"),
        # A path is another one with a slash at its end.
        ("GET", "/pets/dog/", "GET /pets/{proxy+}"),
    ],
)
def test_the_closest_route_is_taken(tmp_path: Path, method: str, path: str, expected: str) -> None:
    """The first five are the developer guide's own examples, as far as it gives them."""
    behind = Behind()
    account = http_api(routes={key: {} for key in ROUTES})
    ask(tmp_path, path, method, behind=behind, account=account)
    assert behind.events[0]["routeKey"] == behind.events[0]["requestContext"]["routeKey"] == expected


def test_path_parameters_are_decoded(tmp_path: Path) -> None:
    behind = Behind()
    account = http_api(routes={"GET /users/{id}/{proxy+}": {}})
    ask(tmp_path, "/users/a%2Fb/c%20d/e", behind=behind, account=account)
    assert behind.events[0]["pathParameters"] == {"id": "a/b", "proxy": "c d/e"}


def test_no_route_is_404(tmp_path: Path) -> None:
    answer = ask(tmp_path, "/elsewhere", account=http_api(routes={"ANY /users": {}, "ANY /users/{proxy+}": {}}))
    assert (answer.status, answer.body) == (404, b'{"message":"Not Found"}')


def test_a_named_stage_is_part_of_the_path(tmp_path: Path) -> None:
    async def scenario() -> None:
        behind = Behind()
        account = http_api(stage="beta", routes={"GET /x": {}}, stageVariables={"color": "blue"})
        async with running(tmp_path, account, behind) as api:
            assert api.url.endswith("/beta")
            assert (await api.ask("/x")).status == 404
            assert (await api.ask("/beta/x")).status == 200
            (event,) = behind.events
            assert (event["rawPath"], event["stageVariables"]) == ("/beta/x", {"color": "blue"})
            assert event["requestContext"]["stage"] == "beta"

    asyncio.run(scenario())


def test_a_name_leads_below_its_mapping_alone(tmp_path: Path) -> None:
    mapping = {"apiId": HTTP_API, "stage": "$default", "domainName": "api.example.com", "apiMappingKey": "v1"}
    account = [
        *http_api(routes={"GET /x": {}}, api={"disableExecuteApiEndpoint": True}),
        resource("aws:apigatewayv2/apiMapping:ApiMapping", "dev-front-door", "y5jod4", **mapping),
    ]
    behind = Behind()
    assert ask(tmp_path, "/v1/x", behind=behind, account=account).status == 200
    assert ask(tmp_path, "/x", behind=behind, account=account).status == 404
    assert behind.events[0]["rawPath"] == "/v1/x"
    assert behind.events[0]["requestContext"]["domainName"] == "api.example.com"


def test_requests_beyond_the_rate_are_429(tmp_path: Path) -> None:
    async def scenario() -> None:
        throttled = {"throttlingRateLimit": 0.001, "throttlingBurstLimit": 2}
        account = http_api(
            routes={"GET /a": {}, "GET /b": {}, "GET /c": {}},
            defaultRouteSettings=throttled,
            routeSettings=[{"routeKey": "GET /b", "throttlingBurstLimit": 1}],
        )
        async with running(tmp_path, account) as api:
            assert [(await api.ask("/a")).status for _ in range(3)] == [200, 200, 429]
            assert [(await api.ask("/b")).status for _ in range(2)] == [200, 429]
            await api.apply(account)
            last = await api.ask("/a")
            assert (last.status, last.json) == (429, {"message": "Too Many Requests"})
            assert api.fronts.describe()["apis"][0]["throttled"] == 3

    asyncio.run(scenario())


def test_sizes_have_limits(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path, http_api()) as api:
            large = await api.ask("/", "POST", [], b"x" * (10 * 1024 * 1024 + 1))
            assert (large.status, large.json) == (413, {"message": "Request Entity Too Large"})
            assert (await api.ask("/", "POST", [], b"x" * 100_000)).status == 200
            assert (await api.ask("/", headers=[("x", "y" * 5000)] * 2)).status == 200
            assert (await api.ask("/", headers=[("x", "y" * 5200)] * 2)).status == 431
            assert (await api.ask("/" + "z" * 10_300)).status == 431

    asyncio.run(scenario())


def test_a_link_hands_on_the_request_and_names_the_caller(tmp_path: Path) -> None:
    behind = Behind(response=Response(207, [("x-service", "here"), ("connection", "close")], b"done"))
    sent = [("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-Proto", "https"), ("a", "1"), ("a", "2")]
    account = http_api(routes={"ANY /users/{proxy+}": link()})
    answer = ask(tmp_path, "/users/a%20b?c=d", "POST", sent, b"body", behind=behind, account=account)
    assert (answer.status, answer.header("x-service"), answer.body) == (207, "here", b"done")
    ((listener, request),) = behind.forwarded
    assert listener == LISTENER
    assert (request.method, request.target, request.body) == ("POST", "/users/a%20b?c=d", b"body")
    assert request.values("a") == ["1", "2"]
    assert not request.values("x-forwarded-for") + request.values("x-forwarded-proto")
    assert request.header("forwarded") == "for=198.51.100.7,by=10.0.0.4;for=127.0.0.1;host=here;proto=http"
    assert request.header("via") == "HTTP/1.1 AmazonAPIGateway"
    assert request.client.startswith("10.")


@pytest.mark.parametrize("behind", [Behind(seconds=20), Behind(fails=KeyError("no listener")), Behind(fails=OSError())])
def test_nobody_behind_a_link_is_503(tmp_path: Path, behind: Behind) -> None:
    account = http_api(routes={"$default": link(timeoutMilliseconds=50)})
    answer = ask(tmp_path, behind=behind, account=account)
    assert (answer.status, answer.json) == (503, {"message": "Service Unavailable"})


@pytest.mark.parametrize(
    ("integration", "says"),
    [
        ({"authorizationType": "JWT"}, "authorization by JWT"),
        ({"payloadFormatVersion": "1.0"}, "payload format 1.0"),
        ({"requestParameters": {"overwrite:path": "/"}}, "mapping of parameters"),
        ({"integrationType": "HTTP_PROXY", "integrationUri": "https://example.com"}, "HTTP_PROXY by INTERNET"),
    ],
)
def test_what_is_not_simulated_is_refused_and_said(tmp_path: Path, integration: dict[str, Any], says: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path, http_api(routes={"GET /x": integration})) as api:
            answer = await api.ask("/x")
            assert answer.status == 501
            assert says in answer.json["message"]
            (route,) = api.fronts.describe()["apis"][0]["routes"]
            assert says in route["not_simulated"]

    asyncio.run(scenario())


FORMAT = json.dumps(
    {
        name: f"$context.{name}"
        for name in (
            "requestId requestTime identity.sourceIp identity.userAgent protocol httpMethod path routeKey status "
            "responseLength responseLatency integrationLatency integrationStatus integrationErrorMessage "
            "authorizer.principalId"
        ).split()
    }
)


def test_each_request_is_logged_in_the_format_of_the_stage(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path, http_api(log=FORMAT, routes={"GET /x": {}})) as api:
            answer = await api.ask("/x?secret=1", headers=[("user-agent", 'a"b\\c')])
            await api.ask("/y")
            found, missing = (json.loads(line.text) for line in api.context.logs.read(GROUP))
        assert found["requestId"] == answer.header("apigw-requestid")
        assert int(found["integrationLatency"]) <= int(found["responseLatency"])
        assert {name: found[name] for name in found if "atency" not in name and "request" not in name} == {
            "identity.sourceIp": "127.0.0.1",
            "identity.userAgent": 'a"b\\c',
            "protocol": "HTTP/1.1",
            "httpMethod": "GET",
            "path": "/x",
            "routeKey": "GET /x",
            "status": "200",
            "responseLength": "5",
            "integrationStatus": "200",
            "integrationErrorMessage": "-",
            "authorizer.principalId": "-",
        }
        assert (missing["status"], missing["integrationStatus"], missing["routeKey"]) == ("404", "-", "-")

    asyncio.run(scenario())


def test_requests_are_measured_as_our_alarms_ask(tmp_path: Path) -> None:
    async def scenario() -> None:
        behind = Behind()
        async with running(tmp_path, http_api(routes={"GET /x": {}}), behind) as api:
            await api.ask("/x")
            await api.ask("/y")
            behind.invocation = Invocation(200, b"{}", error="Unhandled")
            await api.ask("/x")
            for dimensions in ({"ApiId": HTTP_API}, {"ApiId": HTTP_API, "Stage": "$default"}):
                assert api.statistic("Count", **dimensions) == 3
                assert api.statistic("4xx", **dimensions) == 1
                assert api.statistic("5xx", **dimensions) == 1
                assert api.statistic("5xx", "Average", **dimensions) == pytest.approx(1 / 3)
                assert api.statistic("Latency", "SampleCount", **dimensions) == 3
                assert api.statistic("IntegrationLatency", "SampleCount", **dimensions) == 2
            (described,) = api.fronts.describe()["apis"]
        assert (described["requests"], described["errors_4xx"], described["errors_5xx"]) == (3, 1, 1)

    asyncio.run(scenario())


@pytest.mark.parametrize(("kind", "seconds", "status"), [("throttle", 0, 429), ("delay", 0.2, 200)])
def test_faults_that_were_asked_for_hold(tmp_path: Path, kind: str, seconds: float, status: int) -> None:
    async def scenario() -> None:
        async with running(tmp_path, http_api()) as api:
            with closing(Account(tmp_path)) as account:
                faults.ask(account, kind, "dev-front-*", seconds)
                api.context.faults.read(account)
            assert (await api.ask()).status == status
            assert api.statistic("Latency", "Minimum", ApiId=HTTP_API) >= seconds * 1000

    asyncio.run(scenario())


CORS = {
    "allowOrigins": ["https://pages.example", "http://*"],
    "allowMethods": ["GET", "PUT"],
    "allowHeaders": ["authorization"],
    "exposeHeaders": ["x-request-id"],
    "maxAge": 300,
    "allowCredentials": True,
}


def test_browsers_are_answered_as_cors_is_configured(tmp_path: Path) -> None:
    async def scenario() -> None:
        behind = Behind({"statusCode": 200, "headers": {"access-control-allow-origin": "*", "x-own": "1"}})
        account = http_api(routes={"GET /x": {}}, api={"corsConfiguration": CORS})
        async with running(tmp_path, account, behind) as api:
            asks = [("origin", "https://pages.example"), ("access-control-request-method", "PUT")]
            preflight = await api.ask("/anything", "OPTIONS", asks)
            assert preflight.status == 204
            assert preflight.header("access-control-allow-origin") == "https://pages.example"
            assert preflight.header("access-control-allow-methods") == "GET,PUT"
            assert preflight.header("access-control-max-age") == "300"
            answer = await api.ask("/x", headers=[("origin", "http://localhost:3000")])
            assert answer.header("access-control-allow-origin") == "http://localhost:3000"
            assert answer.header("access-control-allow-credentials") == "true"
            assert answer.header("access-control-expose-headers") == "x-request-id"
            assert answer.header("x-own") == "1"
            stranger = await api.ask("/x", headers=[("origin", "https://elsewhere.example")])
            assert stranger.header("access-control-allow-origin") is None
            assert not behind.events[0]["headers"].get("access-control-request-method")

    asyncio.run(scenario())


def test_a_port_stays_while_what_is_behind_it_changes(tmp_path: Path) -> None:
    async def scenario() -> None:
        behind = Behind()
        async with running(tmp_path, http_api(), behind) as api:
            url = api.url
            assert api.fronts.urls() == {HTTP_ARN: url, "dev": url}
            assert (await api.ask("/users/1")).body == b"hello"
            await api.apply(http_api(routes={"ANY /users/{proxy+}": link()}))
            assert api.url == url
            assert (await api.ask("/users/1")).body == b"from behind"
            assert (await api.ask("/")).status == 404
            await api.apply([])
            assert api.fronts.urls() == {}
        async with running(tmp_path, http_api()) as again:
            assert again.url == url

    asyncio.run(scenario())
