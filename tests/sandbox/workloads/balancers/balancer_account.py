"""An account with load balancers, as the provider keeps what our components make."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp

from sandbox.control.account import Resource
from sandbox.workloads.balancers.manager import BalancerManager
from sandbox.workloads.context import Context
from sandbox.workloads.http.messages import Request, Response
from sandbox.workloads.http.server import Server, serve
from sandbox.workloads.snapshot import Snapshot
from sandbox.workloads.surfaces import Invocation, Target

ELB = "arn:aws:elasticloadbalancing:us-east-1:123456789012"
BALANCER = f"{ELB}:loadbalancer/app/dev-front-door-38e60da/3b91f64b26d7a26a"
LISTENER = f"{ELB}:listener/app/dev-front-door-38e60da/3b91f64b26d7a26a/ccb17ec51af3db4f"
SUFFIX = "app/dev-front-door-38e60da/3b91f64b26d7a26a"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:dev-netprobe-b9ce443:live"
PATIENCE = 20


def resource(kind, name, outputs, inputs=None):
    urn = f"urn:pulumi:dev::modeshift::modeshift:components:Route${kind}::{name}"
    return Resource(0, kind, "us-east-1", str(outputs.get("arn", name)), urn, inputs or {}, outputs)


def balancer(**changes):
    return resource(
        "aws:lb/loadBalancer:LoadBalancer",
        "dev-front-door",
        {
            "arn": BALANCER,
            "arnSuffix": SUFFIX,
            "name": "dev-front-door-38e60da",
            "dnsName": "dev-front-door-38e60da-0809671641.us-east-1.elb.amazonaws.com",
            "loadBalancerType": "application",
            "idleTimeout": 60,
            "internal": False,
            "dropInvalidHeaderFields": True,
            "xffHeaderProcessingMode": "append",
            **changes,
        },
    )


def listener(name="dev-front-door-http", *, arn=LISTENER, port=80, protocol="HTTP", action=None):
    default = {
        "type": "fixed-response",
        "fixedResponse": {"contentType": "application/json", "messageBody": '{"status": 404}', "statusCode": "404"},
    }
    outputs = {
        "arn": arn,
        "loadBalancerArn": BALANCER,
        "port": port,
        "protocol": protocol,
        "defaultActions": [action or default],
        "routingHttpResponseServerEnabled": True,
    }
    return resource("aws:lb/listener:Listener", name, outputs)


def group_arn(name):
    return f"{ELB}:targetgroup/{name}/f221ccc32fd93714"


def group(name="dev-users", *, kind="ip", check=None, **changes):
    check = {
        "enabled": True,
        "path": "/health",
        "port": "traffic-port",
        "matcher": "200",
        "interval": 30,
        "timeout": 5,
        "healthyThreshold": 2,
        "unhealthyThreshold": 2,
        **(check or {}),
    }
    outputs = {
        "arn": group_arn(name),
        "arnSuffix": f"targetgroup/{name}/f221ccc32fd93714",
        "targetType": kind,
        "deregistrationDelay": 300,
        "loadBalancingAlgorithmType": "round_robin",
        "lambdaMultiValueHeadersEnabled": kind == "lambda",
        "stickiness": {"enabled": False, "type": "lb_cookie", "cookieDuration": 86400},
        "healthCheck": check,
        **changes,
    }
    return resource("aws:lb/targetGroup:TargetGroup", name, outputs, {"healthCheck": check} if kind == "ip" else {})


def forward(*shares, **more):
    return {"type": "forward", "forward": {"targetGroups": [{"arn": arn, "weight": w} for arn, w in shares], **more}}


def rule(name="dev-users", *, paths=("/*",), priority=50_000, action=None, conditions=None, transforms=None):
    outputs = {
        "arn": f"{ELB}:listener-rule/{SUFFIX}/ccb17ec51af3db4f/{name}",
        "listenerArn": LISTENER,
        "priority": priority,
        "conditions": conditions or [{"pathPattern": {"values": list(paths)}}],
        "actions": [action or forward((group_arn(name), 100))],
        **({"transforms": transforms} if transforms else {}),
    }
    return resource("aws:lb/listenerRule:ListenerRule", name, outputs)


def attachment(name="dev-netprobe", function=FUNCTION):
    outputs = {"targetGroupArn": group_arn(name), "targetId": function}
    return resource("aws:lb/targetGroupAttachment:TargetGroupAttachment", name, outputs)


class Functions:
    """Stands for the functions of an account: answers what it was told to, and keeps what it was asked."""

    def __init__(self, answer=None):
        self.answer = answer or Invocation(200, json.dumps({"statusCode": 200, "body": "fine"}).encode())
        self.events = []
        self.wait = None

    def has(self, arn):
        return arn == FUNCTION

    async def invoke(self, arn, payload, *, kind="RequestResponse"):
        assert arn == FUNCTION
        self.events.append(json.loads(payload))
        if self.wait is not None:
            await self.wait.wait()
        return self.answer


class Broken:
    """Faults that hold."""

    def __init__(self, *, zone="", slow="", seconds=0):
        self._zone, self._slow, self._seconds = zone, slow, seconds

    def failed_zones(self):
        return frozenset({self._zone} - {""})

    def delay(self, subject):
        return self._seconds if subject == self._slow else 0


class World:
    """A running manager, and what its targets are."""

    def __init__(self, manager, context, functions):
        self.manager = manager
        self.context = context
        self.functions = functions
        self.servers: list[Server] = []
        self.session = aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.CookieJar(unsafe=True))

    @property
    def url(self):
        return self.manager.url(BALANCER)

    async def apply(self, *resources):
        await self.manager.apply(Snapshot(resources))

    async def target(self, answer=None, *, name="dev-users", ip="10.20.0.17", zone="us-east-1a", healthy=True):
        """Start a server and register it; wait until it is healthy, unless it is not meant to be."""

        async def handler(request: Request) -> Response:
            if request.path == "/health":
                return Response(200)
            return await answer(request) if answer else Response(200, [], ip.encode())

        server = await serve(handler, streaming=True)
        self.servers.append(server)
        self.manager.register(group_arn(name), Target(ip, "127.0.0.1", server.port, zone, name))
        if healthy:
            await until(lambda: self.state(ip, name=name) == "healthy")
        return server

    def break_down(self, faults):
        object.__setattr__(self.context, "faults", faults)

    def state(self, ip, *, name="dev-users"):
        return next((one.state for one in self.manager.health(group_arn(name)) if one.target.id == ip), None)

    def count(self, metric, stat="Sum", **dimensions):
        points = self.context.metrics.statistics(
            "AWS/ApplicationELB", metric, {"LoadBalancer": SUFFIX, **dimensions}, 0, 2**40, period=2**30, stat=stat
        )
        return sum(value for _, value in points)

    async def get(self, path="/", method="GET", **more):
        async with self.session.request(method, self.url + path, allow_redirects=False, **more) as response:
            return response.status, response.headers, await response.read()


@asynccontextmanager
async def world(folder, *resources, speed=100, functions=None, firewall=None) -> AsyncIterator[World]:
    context = Context.of(folder, folder, speed)
    functions = functions or Functions()
    manager = BalancerManager(context, functions, firewall)
    here = World(manager, context, functions)
    before = asyncio.all_tasks()
    try:
        await here.apply(*resources)
        yield here
    finally:
        await here.session.close()
        await manager.close()
        for server in here.servers:
            await server.close(0.1)
        context.logs.close()
    await until(lambda: asyncio.all_tasks() <= before)


async def until(condition: Callable[[], object] | Callable[[], Awaitable[object]]) -> None:
    """Wait until something is so, with the patience that a busy machine needs."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def talking(say) -> AsyncIterator[int]:
    """Serve bytes by a coroutine of reader and writer, and leave no connection open."""
    writers = []

    async def take(reader, writer):
        writers.append(writer)
        try:
            await say(reader, writer)
        except ConnectionError:
            return

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
