"""One load balancer: takes requests at its listeners, finds the rule, and does what that says."""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.data.ports import HOST
from sandbox.workloads.balancers import answers, sticky
from sandbox.workloads.balancers.conditions import rewritten
from sandbox.workloads.balancers.forwarding import Forwarder, forwarded, has_too_many_addresses
from sandbox.workloads.balancers.group import Group
from sandbox.workloads.balancers.measures import Measures
from sandbox.workloads.balancers.model import Action, BalancerSpec, ListenerSpec, RuleSpec
from sandbox.workloads.http.connection import Fault
from sandbox.workloads.http.messages import Request, Response
from sandbox.workloads.http.server import Limits, Server, serve
from sandbox.workloads.surfaces import Firewall

_INSPECTED = 8 * 1024
"""Bytes of a body that a web ACL sees at a load balancer (WAF developer guide: body inspection)."""


@dataclass
class Balancer:
    """A load balancer as it runs. Its specification is replaced when the account changes."""

    spec: BalancerSpec
    forwarder: Forwarder
    groups: Mapping[str, Group]
    weights: Mapping[str, Mapping[str, int]]
    firewall: Firewall | None
    servers: dict[str, Server] = field(default_factory=dict[str, Server])
    measures: Measures = field(init=False)
    requests: int = 0

    def __post_init__(self) -> None:
        self.measures = Measures(self.forwarder.context.metrics, self.spec.suffix)

    def listener(self, arn: str) -> ListenerSpec | None:
        """Return one of its listeners."""
        return next((one for one in self.spec.listeners if one.arn == arn), None)

    async def open(self, listener: ListenerSpec, port: int, tls: Callable[[], ssl.SSLContext]) -> Server:
        """Listen on a port of this machine for one listener."""

        async def answer(request: Request) -> Response:
            return await self.answer(listener.arn, request)

        self.servers[listener.arn] = server = await serve(
            answer,
            port,
            limits=Limits(idle=self.spec.idle),
            refuse=self._refuse,
            tls=await asyncio.to_thread(tls) if listener.protocol == "HTTPS" else None,
            streaming=True,
            abandon=True,
        )
        return server

    async def close_listener(self, arn: str) -> None:
        """Stop listening for one listener."""
        await self.servers.pop(arn).close()

    async def answer(self, listener_arn: str, request: Request) -> Response:
        """Answer a request that a listener got."""
        self.requests += 1
        try:
            response = await self._answer(listener_arn, request)
        except asyncio.CancelledError:
            # The client has gone, and reads no answer.
            self.measures.own(answers.CLIENT_GONE)
            raise
        listener = self.listener(listener_arn)
        if listener is not None and not listener.server_header and answers.SERVER in response.headers:
            response.headers.remove(answers.SERVER)
        return response

    def describe(self) -> dict[str, Any]:
        """Return what it is, and what it has done."""
        spec = self.spec
        return {
            "arn": spec.arn,
            "name": spec.name,
            "subject": spec.subject,
            "stack": spec.stack,
            "dns_name": spec.dns_name,
            "internal": spec.internal,
            "requests": self.requests,
            "listeners": [self._described(one) for one in spec.listeners],
        }

    def _described(self, listener: ListenerSpec) -> dict[str, Any]:
        server = self.servers.get(listener.arn)
        scheme = listener.protocol.lower()
        return {
            "arn": listener.arn,
            "subject": listener.subject,
            "port": listener.port,
            "protocol": listener.protocol,
            "url": f"{scheme}://{HOST}:{server.port}" if server else "",
            "connections": server.connections if server else 0,
            "rules": [
                {
                    "arn": rule.arn,
                    "subject": rule.subject,
                    "priority": rule.priority,
                    "weights": self._weights(rule, action),
                }
                for rule in listener.rules
                for action in rule.actions[-1:]
            ],
        }

    def _refuse(self, fault: Fault) -> Response:
        response = answers.refusal(fault)
        self.measures.own(response.status)
        return response

    def _own(self, status: int) -> Response:
        self.measures.own(status)
        return answers.error(status)

    async def _answer(self, listener_arn: str, request: Request) -> Response:
        listener = self.listener(listener_arn)
        if listener is None:
            return self._own(503)
        if request.method == "TRACE":
            return self._own(405)
        if has_too_many_addresses(request):
            return self._own(answers.TOO_MANY_ADDRESSES)
        if not self.spec.internal:
            # Of one behind an API, the API itself is slower.
            await asyncio.sleep(self.forwarder.context.faults.delay(self.spec.subject))
        request, refused = await self._judged(request)
        if refused is not None:
            return refused
        rule = next(rule for rule in listener.rules if all(met(request) for met in rule.conditions))
        return await self._do(rule, listener, request)

    async def _judged(self, request: Request) -> tuple[Request, Response | None]:
        """Return the request, of which the web ACL has read the beginning, and what it says if it blocks it."""
        if self.firewall is None:
            return request, None
        if request.stream is not None:
            request = await _begun(request, _INSPECTED)
        verdict = self.firewall.judge(self.spec.arn, request)
        if verdict is None or verdict.action == "allow":
            return request, None
        self.measures.own(verdict.status)
        if verdict.body is None and not verdict.headers:
            return request, answers.error(verdict.status)
        return request, Response(verdict.status, [answers.SERVER, *verdict.headers], verdict.body or b"")

    async def _do(self, rule: RuleSpec, listener: ListenerSpec, request: Request) -> Response:
        for action in rule.actions:
            match action.kind:
                case "forward":
                    return await self._forward(rule, action, listener, request)
                case "redirect":
                    self.measures.add("HTTP_Redirect_Count")
                    local = {
                        one.port: self.servers[one.arn].port for one in self.spec.listeners if one.arn in self.servers
                    }
                    return answers.redirect(action.detail, request, listener.port, local)
                case "fixed-response":
                    self.measures.add("HTTP_Fixed_Response_Count")
                    return answers.fixed(action.detail)
                case kind:
                    return _not_simulated(kind)
        return self._own(503)

    async def _forward(self, rule: RuleSpec, action: Action, listener: ListenerSpec, request: Request) -> Response:
        arn = self._group(rule, action, request)
        group = self.groups.get(arn)
        spec = group.spec if group else None
        member = None
        if group is not None and spec is not None:
            keep = (lambda one: sticky.is_meant(request, sticky.TARGET, one.target.id)) if spec.sticky_seconds else None
            member = group.choose(keep)
        if group is None or spec is None or member is None:
            return self._own(503)
        if request.header("upgrade").lower() == "websocket":
            return self._own(400) if spec.kind == "lambda" else _not_simulated("a WebSocket")
        try:
            asked = rewritten(request, rule.rewrites)
        except re.error:
            return self._own(500)
        self.measures.chosen(spec.suffix, group.healthy)
        response = await self.forwarder.send(
            forwarded(asked, self.spec, listener), member, spec, self.spec, self.measures
        )
        if action.sticky_seconds:
            response.headers += sticky.cookies(request, sticky.GROUP, arn, action.sticky_seconds)
        if spec.sticky_seconds:
            response.headers += sticky.cookies(request, sticky.TARGET, member.target.id, spec.sticky_seconds)
        return response

    def _group(self, rule: RuleSpec, action: Action, request: Request) -> str:
        """Return the target group that a request goes to: where its client was before, else by weight."""
        weights = self._weights(rule, action)
        if action.sticky_seconds:
            for arn in weights:
                if sticky.is_meant(request, sticky.GROUP, arn):
                    return arn
        if not any(weights.values()):
            return ""
        return random.choices(list(weights), list(weights.values()))[0]  # noqa: S311 - a share, not a secret

    def _weights(self, rule: RuleSpec, action: Action) -> dict[str, int]:
        return {**dict(action.groups), **self.weights.get(rule.arn, {})} if action.kind == "forward" else {}


async def _begun(request: Request, size: int) -> Request:
    """Return a request whose first bytes of body have been read."""
    stream = request.stream
    assert stream is not None
    pieces = bytearray(request.body)
    async for piece in stream:
        pieces += piece
        if len(pieces) >= size:
            return replace(request, body=bytes(pieces))
    return replace(request, body=bytes(pieces), stream=None)


def _not_simulated(what: str) -> Response:
    text = f"The sandbox's load balancer does not simulate {what}."
    return Response(501, [("Content-Type", "text/plain")], text.encode())
