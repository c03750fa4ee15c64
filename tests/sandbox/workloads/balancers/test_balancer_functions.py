"""Functions behind a load balancer: what they are sent, and what becomes of what they say."""

from __future__ import annotations

import asyncio
import base64
import io
import json

import pytest

from sandbox.workloads.surfaces import Invocation
from tests.sandbox.workloads.balancers.balancer_account import (
    FUNCTION,
    Functions,
    attachment,
    balancer,
    group,
    group_arn,
    listener,
    rule,
    until,
    world,
)

GROUP = "targetgroup/dev-netprobe/f221ccc32fd93714"


def stack(*, multi_value):
    lambdas = group("dev-netprobe", kind="lambda", lambdaMultiValueHeadersEnabled=multi_value)
    return balancer(), listener(), lambdas, attachment(), rule("dev-netprobe", action=None)


def said(document, **more):
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Functions(Invocation(200, payload, **more))


def test_a_function_is_not_checked_and_gets_requests(tmp_path):
    async def run():
        async with world(tmp_path, *stack(multi_value=True), speed=1000) as here:
            (one,) = here.manager.health(group_arn("dev-netprobe"))
            assert (one.target.id, one.state, one.reason) == (FUNCTION, "unavailable", "Target.HealthCheckDisabled")
            assert one.description == "Health checks are disabled for this target"
            assert (await here.get())[2] == b"fine"
            assert len(here.functions.events) == 1
            assert here.count("HTTPCode_Target_2XX_Count", TargetGroup=GROUP) == 1

    asyncio.run(run())


def test_a_function_detached_gets_no_more(tmp_path):
    async def run():
        made = stack(multi_value=True)
        async with world(tmp_path, *made) as here:
            await here.apply(*(one for one in made if "Attachment" not in one.type))
            assert (await here.get())[0] == 503

    asyncio.run(run())


@pytest.mark.parametrize("multi_value", [True, False])
def test_the_event_of_a_request(tmp_path, multi_value):
    async def run():
        async with world(tmp_path, *stack(multi_value=multi_value)) as here:
            headers = [("X-Twice", "1"), ("X-Twice", "2"), ("Content-Type", "application/json"), ("Host", "a.b")]
            await here.get("/a%20b?x=1%2B&x=2&flag", method="POST", data=b'{"a": 1}', headers=headers)
            (event,) = here.functions.events
            assert event["requestContext"] == {"elb": {"targetGroupArn": group_arn("dev-netprobe")}}
            assert (event["httpMethod"], event["path"]) == ("POST", "/a%20b")
            assert (event["body"], event["isBase64Encoded"]) == ('{"a": 1}', False)
            if multi_value:
                assert event["multiValueQueryStringParameters"] == {"x": ["1%2B", "2"], "flag": [""]}
                assert event["multiValueHeaders"]["x-twice"] == ["1", "2"]
                assert not {"headers", "queryStringParameters"} & event.keys()
            else:
                assert event["queryStringParameters"] == {"x": "2", "flag": ""}
                assert event["headers"]["x-twice"] == "2"
                assert not {"multiValueHeaders", "multiValueQueryStringParameters"} & event.keys()
            got = event["multiValueHeaders"] if multi_value else {k: [v] for k, v in event["headers"].items()}
            assert got["x-forwarded-for"] == ["127.0.0.1"]
            assert (got["x-forwarded-port"], got["x-forwarded-proto"]) == (["80"], ["http"])
            assert got["x-amzn-trace-id"][0].startswith("Root=1-")
            assert got["host"] == ["a.b"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("content_type", "encoding", "as_text"),
    [
        ("text/plain; charset=utf-8", None, True),
        ("application/json", None, True),
        ("application/javascript", None, True),
        ("application/xml", None, True),
        ("application/json", "gzip", False),
        ("application/problem+json", None, False),
        ("application/octet-stream", None, False),
        (None, None, False),
    ],
)
def test_a_body_is_text_only_where_aws_takes_it_for_text(tmp_path, content_type, encoding, as_text):
    async def run():
        async with world(tmp_path, *stack(multi_value=True)) as here:
            headers = {"Content-Type": content_type, "Content-Encoding": encoding}
            headers = {name: value for name, value in headers.items() if value}
            skip = () if content_type else ("Content-Type",)
            await here.get(method="POST", data=b"body", headers=headers, skip_auto_headers=skip)
            (event,) = here.functions.events
            assert event["isBase64Encoded"] is not as_text
            assert event["body"] == ("body" if as_text else base64.b64encode(b"body").decode())

    asyncio.run(run())


def test_a_request_without_a_body_has_an_empty_one(tmp_path):
    async def run():
        async with world(tmp_path, *stack(multi_value=True)) as here:
            await here.get()
            (event,) = here.functions.events
            assert (event["body"], event["isBase64Encoded"]) == ("", False)
            assert event["multiValueQueryStringParameters"] == {}

    asyncio.run(run())


def test_an_answer_becomes_a_response(tmp_path):
    async def run():
        answer = {
            "statusCode": 201,
            "statusDescription": "201 Created",
            "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"], "Content-Type": ["text/plain"]},
            "headers": {"X-Ignored": "1"},
            "body": base64.b64encode(b"\x00made").decode(),
            "isBase64Encoded": True,
        }
        async with world(tmp_path, *stack(multi_value=True), functions=said(answer)) as here:
            status, headers, body = await here.get()
            assert (status, body) == (201, b"\x00made")
            assert headers.getall("Set-Cookie") == ["a=1", "b=2"]
            assert "X-Ignored" not in headers

    asyncio.run(run())


def test_single_headers_are_those_of_a_group_without_lists(tmp_path):
    async def run():
        answer = {"statusCode": 200, "headers": {"X-One": "1"}, "multiValueHeaders": {"X-Two": ["2"]}, "body": "é"}
        async with world(tmp_path, *stack(multi_value=False), functions=said(answer)) as here:
            status, headers, body = await here.get()
            assert (status, headers.get("X-One"), headers.get("X-Two"), body.decode()) == (200, "1", None, "é")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("functions", "metric"),
    [
        (said(b'{"errorMessage": "x"}', error="Unhandled"), "LambdaUserError"),
        (said(b"not json"), "LambdaUserError"),
        (said(b"[]"), "LambdaUserError"),
        (said({"body": "no status"}), "LambdaUserError"),
        (said({"statusCode": "two hundred"}), "LambdaUserError"),
        (said({"statusCode": 200, "body": {"not": "text"}}), "LambdaUserError"),
        (said({"statusCode": 200, "body": "%%%", "isBase64Encoded": True}), "LambdaUserError"),
        (said({"statusCode": 200, "multiValueHeaders": ["no"]}), "LambdaUserError"),
        (said({"statusCode": 200, "body": "a" * 1024 * 1024}), "LambdaUserError"),
        (Functions(Invocation(413)), "LambdaUserError"),
        (Functions(Invocation(404)), "LambdaUserError"),
        (Functions(Invocation(429)), "LambdaInternalError"),
    ],
)
def test_what_is_no_answer_is_a_bad_gateway(tmp_path, functions, metric):
    async def run():
        async with world(tmp_path, *stack(multi_value=True), functions=functions) as here:
            status, headers, _ = await here.get()
            assert (status, headers["Server"]) == (502, "awselb/2.0")
            assert here.count(metric, TargetGroup=GROUP) == 1
            assert here.count("HTTPCode_ELB_502_Count") == 1
            assert here.count("HTTPCode_Target_5XX_Count") == 0

    asyncio.run(run())


def test_an_error_of_the_app_is_the_targets(tmp_path):
    async def run():
        async with world(tmp_path, *stack(multi_value=True), functions=said({"statusCode": 503, "body": "x"})) as here:
            assert (await here.get())[0] == 503
            assert here.count("HTTPCode_Target_5XX_Count", TargetGroup=GROUP) == 1
            assert here.count("HTTPCode_ELB_5XX_Count") == here.count("LambdaUserError") == 0

    asyncio.run(run())


def test_a_request_of_more_than_a_megabyte_is_too_large(tmp_path):
    async def run():
        async with world(tmp_path, *stack(multi_value=True)) as here:
            assert (await here.get(method="POST", data=io.BytesIO(b"a" * 1024 * 1024)))[0] == 200
            assert (await here.get(method="POST", data=io.BytesIO(b"a" * (1024 * 1024 + 1))))[0] == 413
            assert len(here.functions.events) == 1

    asyncio.run(run())


def test_a_websocket_to_a_function_is_a_bad_request(tmp_path):
    async def run():
        async with world(tmp_path, *stack(multi_value=True)) as here:
            status, _, _ = await here.get(headers={"Upgrade": "websocket", "Connection": "Upgrade"})
            assert status == 400
            assert here.functions.events == []

    asyncio.run(run())


def test_a_function_goes_on_when_its_client_has_gone(tmp_path):
    async def run():
        functions = Functions()
        functions.wait = asyncio.Event()
        async with world(tmp_path, *stack(multi_value=True), functions=functions) as here:
            _, writer = await asyncio.open_connection("127.0.0.1", int(here.url.rpartition(":")[2]))
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await until(lambda: functions.events)
            writer.close()
            await writer.wait_closed()
            await until(lambda: here.count("HTTPCode_ELB_4XX_Count") == 1)
            calls = [one for one in asyncio.all_tasks() if "invoke" in repr(one.get_coro())]
            assert len(calls) == 1
            functions.wait.set()
            await calls[0]

    asyncio.run(run())
