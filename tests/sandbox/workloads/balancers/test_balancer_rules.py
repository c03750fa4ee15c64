"""What a load balancer does with a request before a target gets it, and what targets see of it."""

from __future__ import annotations

import asyncio
import json
import re
import ssl

import aiohttp
import pytest

from sandbox.workloads.balancers.conditions import condition, rewritten
from sandbox.workloads.http.messages import Request, Response
from sandbox.workloads.http.server import serve
from sandbox.workloads.surfaces import Verdict
from tests.sandbox.workloads.balancers.balancer_account import (
    BALANCER,
    ELB,
    LISTENER,
    balancer,
    forward,
    group,
    group_arn,
    listener,
    rule,
    until,
    world,
)

PROBE = {"httpHeader": {"httpHeaderName": "x-modeshift-probe", "values": ["dev-users"]}}
PLAIN = (balancer(), listener(), group(), rule())


async def mirror(request: Request) -> Response:
    said = {"method": request.method, "target": request.target, "headers": request.headers}
    size = 0
    if request.stream is not None:
        async for piece in request.stream:
            size += len(piece)
    return Response(200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], json.dumps({**said, "size": size}).encode())


def seen(body):
    document = json.loads(body)
    document["headers"] = [(name.lower(), value) for name, value in document["headers"]]
    return document


@pytest.mark.parametrize(
    ("document", "target", "headers", "met"),
    [
        ({"pathPattern": {"values": ["/users", "/users/*"]}}, "/users", [], True),
        ({"pathPattern": {"values": ["/users", "/users/*"]}}, "/users/7?x=1", [], True),
        ({"pathPattern": {"values": ["/users", "/users/*"]}}, "/users2", [], False),
        ({"pathPattern": {"values": ["/Users"]}}, "/users", [], False),
        ({"pathPattern": {"values": ["/img/?.png"]}}, "/img/a.png", [], True),
        ({"pathPattern": {"values": ["/img/?.png"]}}, "/img/aa.png", [], False),
        ({"pathPattern": {"values": ["/a.c"]}}, "/abc", [], False),
        ({"pathPattern": {"values": [r"/a\*"]}}, "/a*", [], True),
        ({"pathPattern": {"values": [r"/a\*"]}}, "/ab", [], False),
        ({"pathPattern": {"regexValues": ["^/v[0-9]+/"]}}, "/v12/x", [], True),
        (PROBE, "/", [("X-Modeshift-Probe", "dev-users")], True),
        (PROBE, "/", [("x-modeshift-probe", "dev-users/eks")], False),
        (PROBE, "/", [], False),
        ({"hostHeader": {"values": ["*.example.com"]}}, "/", [("Host", "API.example.com:8080")], True),
        ({"hostHeader": {"values": ["*.example.com"]}}, "/", [("Host", "example.com")], False),
        ({"httpRequestMethod": {"values": ["GET", "HEAD"]}}, "/", [], True),
        ({"httpRequestMethod": {"values": ["POST"]}}, "/", [], False),
        ({"queryStrings": [{"key": "v", "value": "1*"}]}, "/?a=2&V=12", [], True),
        ({"queryStrings": [{"value": "12"}]}, "/?a=12", [], True),
        ({"queryStrings": [{"key": "v", "value": "1"}]}, "/?v=2", [], False),
        ({"sourceIp": {"values": ["10.0.0.0/8", "127.0.0.0/8"]}}, "/", [], True),
        ({"sourceIp": {"values": ["10.0.0.0/8"]}}, "/", [], False),
        ({"somethingNew": {"values": ["*"]}}, "/", [], False),
    ],
)  # fmt: skip
def test_a_condition_is_met(document, target, headers, met):
    assert condition(document)(Request("GET", target, headers)) is met


@pytest.mark.parametrize(
    ("pattern", "replacement", "target", "after"),
    [
        ("^/live(?:/|$)(.*)$", "/$1", "/live/users/7?x=/live/1", "/users/7?x=/live/1"),
        ("^/live(?:/|$)(.*)$", "/$1", "/live", "/"),
        ("^/live(?:/|$)(.*)$", "/$1", "/live?x=1", "/?x=1"),
        ("^/live(?:/|$)(.*)$", "/$1", "/alive", "/alive"),
        (r"^/item/([0-9]+)$", "/item.php?id=$1", "/item/7", "/item.php?id=7"),
        (r"id=([0-9]+)", r"key=\$1", "/item?id=7", r"/item?key=\7"),
    ],
)
def test_a_transform_rewrites_path_and_query(pattern, replacement, target, after):
    assert rewritten(Request("GET", target), [("url-rewrite", pattern, replacement)]).target == after


def test_a_transform_rewrites_the_host():
    request = Request("GET", "/", [("host", "shop-eu.example.com")])
    after = rewritten(request, [("host-header-rewrite", r"^shop-(.+)\.example\.com$", "$1.internal")])
    assert after.headers == [("host", "eu.internal")]


def test_the_first_rule_by_priority_that_matches_gets_the_request(tmp_path):
    async def run():
        probe = [{"httpHeader": {"httpHeaderName": "x-modeshift-probe", "values": ["dev-new"]}}]
        simple = {"type": "forward", "targetGroupArn": group_arn("dev-new")}
        rules = (
            rule(priority=30_000),
            rule("dev-deep", paths=("/a/b", "/a/b/*"), priority=20_000),
            rule("dev-probe", conditions=probe, priority=7, action=simple),
        )
        groups = (group(), group("dev-deep"), group("dev-new"))
        async with world(tmp_path, balancer(), listener(), *groups, *rules) as here:
            for name in ("dev-users", "dev-deep", "dev-new"):
                await here.target(name=name, ip=name)
            assert (await here.get("/a/bc"))[2] == b"dev-users"
            assert (await here.get("/a/b/c?d=/"))[2] == b"dev-deep"
            assert (await here.get("/a/b/c", headers={"X-Modeshift-Probe": "dev-new"}))[2] == b"dev-new"
            # A change of the account is one of the rules, without another connection.
            await here.apply(balancer(), listener(), *groups, rules[0])
            assert (await here.get("/a/b/c"))[2] == b"dev-users"

    asyncio.run(run())


def test_without_a_rule_the_listener_answers_itself(tmp_path):
    async def run():
        async with world(tmp_path, balancer(), listener()) as here:
            status, headers, body = await here.get("/x")
            assert (status, body) == (404, b'{"status": 404}')
            assert (headers["Content-Type"], headers["Server"]) == ("application/json", "awselb/2.0")
            assert here.count("HTTP_Fixed_Response_Count") == 1
            assert here.count("RequestCount") == here.count("HTTPCode_ELB_4XX_Count") == 0

    asyncio.run(run())


def test_a_target_sees_who_asked_and_a_trace(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN) as here:
            await here.target(mirror)
            target = "/a%2Fb//c?x=%zz&y=1+2"
            async with asyncio.timeout(20):
                reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url.rpartition(":")[2]))
                head = (
                    f"PATCH {target} HTTP/1.1\r\nHost: api.example.com\r\nX-Twice: 1\r\nX-Twice: 2\r\nBad_Name: 1\r\n"
                )
                writer.write(
                    (head + "X-Forwarded-Proto: https\r\nConnection: close, x-hop\r\nX-Hop: 1\r\n\r\n").encode()
                )
                answer = await reader.read()
                writer.close()
                await writer.wait_closed()
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.count(b"Set-Cookie") == 2
            document = seen(body)
            assert (document["method"], document["target"]) == ("PATCH", target)
            headers = document["headers"]
            assert [value for name, value in headers if name == "x-twice"] == ["1", "2"]
            assert dict(headers)["host"] == "api.example.com"
            assert [value for name, value in headers if name == "x-forwarded-proto"] == ["http"]
            assert dict(headers)["x-forwarded-for"] == "127.0.0.1"
            assert dict(headers)["x-forwarded-port"] == "80"
            assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", dict(headers)["x-amzn-trace-id"])
            assert not {"bad_name", "connection", "x-hop"} & dict(headers).keys()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("mode", "given", "expected"),
    [
        ("append", "203.0.113.7", "203.0.113.7, 127.0.0.1"),
        ("append", None, "127.0.0.1"),
        ("preserve", "203.0.113.7", "203.0.113.7"),
        ("preserve", None, None),
        ("remove", "203.0.113.7", None),
    ],
)
def test_who_sent_a_request_is_said_as_the_balancer_is_told_to(tmp_path, mode, given, expected):
    async def run():
        resources = (balancer(xffHeaderProcessingMode=mode, dropInvalidHeaderFields=False), listener(), group(), rule())
        async with world(tmp_path, *resources) as here:
            await here.target(mirror)
            headers = {"x-amzn-trace-id": "Self=1-a-b;Root=1-c-d", "odd_name": "1"}
            body = (await here.get(headers=headers | ({"x-forwarded-for": given} if given else {})))[2]
            got = dict(seen(body)["headers"])
            assert got.get("x-forwarded-for") == expected
            assert re.fullmatch(r"Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=1-c-d", got["x-amzn-trace-id"])
            assert got["odd_name"] == "1"

    asyncio.run(run())


def test_more_than_thirty_addresses_are_463(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN) as here:
            await here.target()
            for count, expected in ((30, 200), (31, 463)):
                given = ", ".join(["203.0.113.7"] * count)
                assert (await here.get(headers={"X-Forwarded-For": given}))[0] == expected
            assert here.count("HTTPCode_ELB_4XX_Count") == 1

    asyncio.run(run())


def test_malformed_and_too_long_requests_are_refused_as_aws_does(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN) as here:
            await here.target()
            port = int(here.url.rpartition(":")[2])
            long = "a" * 17_000
            for sent, expected in (
                ("GET\r\n\r\n", b"400 Bad Request"),
                (f"GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n", b"400 Bad Request"),
                (f"GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n", b"414 Request-URI Too Large"),
                ("TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"405 Method Not Allowed"),
            ):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(sent.encode())
                answer = await reader.read()
                writer.close()
                await writer.wait_closed()
                assert answer.startswith(b"HTTP/1.1 " + expected)
                assert b"Server: awselb/2.0" in answer
                assert b"<center><h1>" + expected in answer
            assert here.count("HTTPCode_ELB_4XX_Count") == 4

    asyncio.run(run())


def test_a_client_that_goes_away_is_counted_and_its_request_is_given_up(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN) as here:
            began, given_up = asyncio.Event(), asyncio.Event()

            async def handler(request):
                if request.path == "/health":
                    return Response(200)
                began.set()
                try:
                    await asyncio.sleep(3600)
                finally:
                    given_up.set()

            server = await serve(handler, abandon=True)
            here.servers.append(server)
            await here.target(name="dev-users")
            here.manager.register(group_arn("dev-users"), _target(server.port))
            await until(lambda: here.state("10.20.0.99") == "healthy")
            await here.manager.deregister(group_arn("dev-users"), "10.20.0.17")
            _, writer = await asyncio.open_connection("127.0.0.1", int(here.url.rpartition(":")[2]))
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await began.wait()
            writer.close()
            await writer.wait_closed()
            await asyncio.wait_for(given_up.wait(), 20)
            await until(lambda: here.count("HTTPCode_ELB_4XX_Count") == 1)
            # Nothing is under way any more, so it leaves at once.
            await here.manager.deregister(group_arn("dev-users"), "10.20.0.99")

    asyncio.run(run())


def _target(port):
    from sandbox.workloads.surfaces import Target  # noqa: PLC0415 - for this alone

    return Target("10.20.0.99", "127.0.0.1", port)


def test_http_is_redirected_to_https_with_a_certificate_of_its_own(tmp_path):
    async def run():
        to_tls = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
        plain = listener("dev-front-door-redirect", arn=LISTENER + "1", action=to_tls)
        secure = listener("dev-front-door-https", port=443, protocol="HTTPS")
        async with world(tmp_path, balancer(), plain, secure, group(), rule()) as here:
            await here.target(mirror)
            assert here.url.startswith("https://")
            listeners = here.manager.describe()["balancers"][0]["listeners"]
            redirecting = next(one["url"] for one in listeners if one["protocol"] == "HTTP")
            async with here.session.get(redirecting + "/a?b=c", allow_redirects=False) as answer:
                assert answer.status == 301
                assert answer.headers["Location"] == here.url + "/a?b=c"
            elsewhere = {"Host": "api.example.com"}
            async with here.session.get(redirecting + "/a", headers=elsewhere, allow_redirects=False) as answer:
                assert answer.headers["Location"] == "https://api.example.com:443/a"
            assert here.count("HTTP_Redirect_Count") == 2
            trusted = ssl.create_default_context(cafile=tmp_path / "workloads/tls/dev-front-door-38e60da.pem")
            _, _, body = await here.get("/a", ssl=trusted)
            headers = dict(seen(body)["headers"])
            assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("https", "443")
            with pytest.raises(aiohttp.ClientError):
                await here.get(headers={"Connection": "close"})

    asyncio.run(run())


def test_large_bodies_pass_through_both_ways(tmp_path):
    size = 8 * 1024 * 1024

    async def run():
        async with world(tmp_path, *PLAIN) as here:

            async def echo(request):
                async def back():
                    async for piece in request.stream:
                        yield piece

                return Response(200, [], back())

            await here.target(echo)

            async def pieces():
                for _ in range(size // 65_536):
                    yield b"a" * 65_536

            status, _, body = await here.get(method="POST", data=pieces())
            assert (status, len(body)) == (200, size)
            members = here.manager.describe()["groups"][0]["targets"]
            await until(lambda: here.manager.describe()["groups"][0]["targets"][0]["under_way"] == 0)
            assert members[0]["requests"] == 1

    asyncio.run(run())


class Wall:
    """A web ACL that blocks what is called evil."""

    def judge(self, resource_arn, request):
        assert resource_arn == BALANCER
        if b"evil" in request.body:
            return Verdict("sqli", "block")
        if request.path == "/custom":
            return Verdict("custom", "block", 429, (("Retry-After", "9"),), b"slow down")
        return Verdict("rest", "allow") if request.path == "/allowed" else None


def test_the_web_acl_judges_before_the_rules(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, firewall=Wall()) as here:
            await here.target(mirror)
            status, headers, body = await here.get(method="POST", data=b"evil")
            assert (status, headers["Server"]) == (403, "awselb/2.0")
            assert b"403 Forbidden" in body
            status, headers, body = await here.get("/custom")
            assert (status, headers["Retry-After"], body) == (429, "9", b"slow down")
            assert here.count("HTTPCode_ELB_4XX_Count") == 2
            assert here.count("RequestCount") == 0
            # What has been read of a body reaches the target all the same.
            for path, size in (("/allowed", 3), ("/", 300_000)):
                _, _, body = await here.get(path, method="POST", data=b"a" * size)
                assert seen(body)["size"] == size

    asyncio.run(run())


def test_a_link_hands_requests_over_without_a_network(tmp_path):
    async def run():
        behind = (balancer(xffHeaderProcessingMode="preserve", internal=True), listener(), group())
        strip = [
            {"type": "url-rewrite", "urlRewriteConfig": {"rewrite": {"regex": "^/live(?:/|$)(.*)$", "replace": "/$1"}}}
        ]
        async with world(tmp_path, *behind, rule(transforms=strip)) as here:
            await here.target(mirror)
            request = Request("POST", "/live/users?x=1", [("Host", "a"), ("X-Forwarded-For", "203.0.113.7")], b"body")
            response = await here.manager.forward(LISTENER, request)
            document = seen(await response.read())
            assert (document["target"], document["size"]) == ("/users?x=1", 4)
            assert dict(document["headers"])["x-forwarded-for"] == "203.0.113.7"
            assert (await here.manager.forward(f"{ELB}:listener/none", request)).status == 503

    asyncio.run(run())


def test_a_websocket_is_not_pretended(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN) as here:
            await here.target()
            headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
            status, _, body = await here.get(headers=headers)
            assert status == 501
            assert b"does not simulate" in body

    asyncio.run(run())


def test_urls_stay_when_the_process_starts_again(tmp_path):
    async def run():
        async with world(tmp_path, balancer(), listener()) as here:
            before = here.url
        async with world(tmp_path, balancer(), listener()) as here:
            assert here.url == before
            await here.apply()
            assert here.url is None
            assert here.manager.describe() == {"balancers": [], "groups": []}

    asyncio.run(run())


def test_a_rule_without_weights_has_nobody(tmp_path):
    async def run():
        nobody = rule(action=forward((group_arn("dev-users"), 0)))
        async with world(tmp_path, balancer(), listener(), group(), nobody) as here:
            await here.target()
            assert (await here.get())[0] == 503

    asyncio.run(run())
