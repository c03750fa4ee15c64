"""Runs the load balancers of an account, and the checks of their targets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.data.ports import HOST
from sandbox.data.tls import make_certificate
from sandbox.workloads.balancers import answers, lambdas, model
from sandbox.workloads.balancers.balancer import Balancer
from sandbox.workloads.balancers.checks import AGENT
from sandbox.workloads.balancers.forwarding import Forwarder
from sandbox.workloads.balancers.group import Group, Member
from sandbox.workloads.balancers.keepalive import KeepAlive
from sandbox.workloads.context import Context
from sandbox.workloads.http.client import Client, IdleTimeoutError
from sandbox.workloads.http.messages import Request, Response
from sandbox.workloads.snapshot import Snapshot
from sandbox.workloads.surfaces import Firewall, Health, Invocation, Invoker, Target

_GAUGE_SECONDS = 1.0
_FOREVER = 3600


class BalancerManager:
    """The load balancers of an account: `Manager`, `Targets` and `Balancers`."""

    def __init__(self, context: Context, invoker: Invoker, firewall: Firewall | None = None) -> None:
        self._context = context
        self._firewall = firewall
        self._client = Client()
        # A check opens its own connection: one that works says nothing of whether new ones do.
        self._checker = Client(keeps=False)
        self._forwarder = Forwarder(context, self._client, invoker)
        self._balancers: dict[str, Balancer] = {}
        self._groups: dict[str, Group] = {}
        self._weights: dict[str, Mapping[str, int]] = {}
        self._keep_alive = KeepAlive(context)
        self._gauge: asyncio.Task[None] | None = None

    async def apply(self, snapshot: Snapshot) -> None:
        """Open and close listeners, and take over rules and target groups, as the account has them."""
        if self._gauge is None:
            self._gauge = asyncio.create_task(self._report(), name="health of target groups")
        wanted = {one.arn: one for one in model.balancers(snapshot)}
        await self._apply_groups(snapshot, list(wanted.values()))
        for arn in [arn for arn in self._balancers if arn not in wanted]:
            await _close(self._balancers.pop(arn))
        for arn, spec in wanted.items():
            balancer = self._balancers.get(arn)
            if balancer is None:
                balancer = Balancer(spec, self._forwarder, self._groups, self._weights, self._firewall)
                self._balancers[arn] = balancer
            await self._apply_balancer(balancer, spec)

    def register(self, group_arn: str, target: Target) -> None:
        """Let a target be checked at once, and get requests when it passes."""
        self._group(group_arn).register(target)

    async def deregister(self, group_arn: str, target_id: str) -> None:
        """Send a target no new requests; return when those under way have ended or the delay is over."""
        group = self._groups.get(group_arn)
        if group is not None:
            await group.deregister(target_id)

    def health(self, group_arn: str) -> list[Health]:
        """Return how the targets of a group are."""
        group = self._groups.get(group_arn)
        return group.health() if group else []

    async def forward(self, listener_arn: str, request: Request) -> Response:
        """Send a request to a listener as if it had come over the network."""
        for balancer in self._balancers.values():
            if balancer.listener(listener_arn) is not None:
                return await balancer.answer(listener_arn, request)
        return answers.error(503)

    def weigh(self, rule_arn: str, weights: Mapping[str, int]) -> None:
        """Let somebody who moves traffic, such as ECS, say the weights of a rule's groups; none are the account's."""
        if weights:
            self._weights[rule_arn] = dict(weights)
        else:
            self._weights.pop(rule_arn, None)

    def url(self, load_balancer_arn: str) -> str | None:
        """Return what a load balancer is reached by on this machine: by TLS where it has that."""
        balancer = self._balancers.get(load_balancer_arn)
        listeners = balancer.describe()["listeners"] if balancer else []
        urls = sorted((one["url"] for one in listeners if one["url"]), reverse=True)
        return urls[0] if urls else None

    def describe(self) -> dict[str, Any]:
        """Return every load balancer and target group as it is."""
        return {
            "balancers": [one.describe() for one in self._balancers.values()],
            "groups": [
                {
                    "arn": arn,
                    "subject": group.spec.subject,
                    "stack": group.spec.stack,
                    "type": group.spec.kind,
                    "used": group.used,
                    "targets": [_described(one) for one in group.members],
                }
                for arn, group in self._groups.items()
                if group.spec is not None
            ],
        }

    async def close(self) -> None:
        """Close every listener and end every check."""
        if self._gauge is not None:
            self._gauge.cancel()
            await asyncio.gather(self._gauge, return_exceptions=True)
            self._gauge = None
        await asyncio.gather(*map(_close, self._balancers.values()))
        await asyncio.gather(*(group.close() for group in self._groups.values()))
        await self._keep_alive.close()
        self._balancers.clear()
        self._groups.clear()
        calls = list(self._forwarder.running)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._client.close()
        await self._checker.close()

    async def _apply_groups(self, snapshot: Snapshot, balancers: list[model.BalancerSpec]) -> None:
        specs = model.groups(snapshot)
        used = {arn for balancer in balancers for arn in balancer.groups}
        for arn in [arn for arn, group in self._groups.items() if group.spec is not None and arn not in specs]:
            await self._groups.pop(arn).close()
        for arn, spec in specs.items():
            await self._group(arn).apply(spec, used=arn in used)

    async def _apply_balancer(self, balancer: Balancer, spec: model.BalancerSpec) -> None:
        before = {one.arn: one for one in balancer.spec.listeners}
        idle, balancer.spec = balancer.spec.idle, spec
        kept = {one.arn: one for one in spec.listeners}
        for arn in list(balancer.servers):
            same = arn in kept and arn in before and before[arn].protocol == kept[arn].protocol and idle == spec.idle
            if not same:
                await balancer.close_listener(arn)
        for listener in spec.listeners:
            if listener.arn in balancer.servers:
                continue
            try:
                port = self._context.ports.named(f"balancer-{listener.subject}")
                server = await balancer.open(listener, port, lambda: self._tls(spec))
            except (OSError, ssl.SSLError) as problem:
                text = f"The listener at port {listener.port} cannot be opened: {problem}"
                self._context.events.add(spec.subject, "front", text, stack=spec.stack, level="error")
                continue
            text = f"The listener at port {listener.port} is reached at {HOST}:{server.port}."
            self._context.events.add(spec.subject, "front", text, stack=spec.stack)

    def _group(self, arn: str) -> Group:
        if arn not in self._groups:
            self._groups[arn] = Group(self._context, self._probe, self._healthy)
        return self._groups[arn]

    def _healthy(self, member: Member, group: model.GroupSpec) -> None:
        """Look at a target that passed: how long it keeps connections that a load balancer keeps."""
        idle = [one.spec.idle for one in self._balancers.values() if group.arn in one.spec.groups]
        if idle:
            self._keep_alive.look(member.target, group, max(idle))

    async def _probe(self, member: Member, group: model.GroupSpec) -> int:
        """Return the status by which a target says how it is."""
        target, faults = member.target, self._context.faults
        if group.kind == "lambda":
            event = lambdas.event(Request("GET", group.check.path, [AGENT]), group.arn, multi_value=group.multi_value)
            outcome = await self._forwarder.invoker.invoke(target.id, event)
            return _status(outcome, multi_value=group.multi_value)
        if target.zone in faults.failed_zones():
            await asyncio.sleep(_FOREVER)
        await asyncio.sleep(faults.delay(target.subject or group.subject))
        port = target.port if group.check.port == "traffic-port" else int(group.check.port)
        request = Request("GET", group.check.path, [("Host", f"{target.id}:{port}"), AGENT])
        seconds = group.check.timeout
        try:
            response = await self._checker.send(request, target.host, port, connect=seconds, idle=seconds)
            await response.close()
        except TimeoutError:
            raise IdleTimeoutError from None
        return response.status

    def _tls(self, spec: model.BalancerSpec) -> ssl.SSLContext:
        """Return what speaks TLS with a certificate that is self-made, and stays."""
        file: Path = self._context.folder / "tls" / f"{spec.name}.pem"
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_certificate(file, spec.dns_name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(file)
        return context

    async def _report(self) -> None:
        """Measure again and again how many targets are healthy, and how many clients are connected."""
        while True:
            for balancer in self._balancers.values():
                for arn in balancer.spec.groups:
                    group = self._groups.get(arn)
                    # Nobody checks functions, and of an empty group there is nothing to say.
                    if group is not None and group.spec is not None and group.spec.check.enabled and group.members:
                        balancer.measures.health(group.spec.suffix, group.healthy, group.unhealthy)
                connections = sum(server.connections for server in balancer.servers.values())
                if connections:
                    balancer.measures.add("ActiveConnectionCount", connections)
            await asyncio.sleep(_GAUGE_SECONDS)


async def _close(balancer: Balancer) -> None:
    for arn in list(balancer.servers):
        await balancer.close_listener(arn)


def _status(outcome: Invocation, *, multi_value: bool) -> int:
    try:
        return lambdas.answer(outcome.payload, multi_value=multi_value).status if not outcome.error else 502
    except lambdas.InvalidAnswerError:
        return 502


def _described(member: Member) -> dict[str, Any]:
    target = member.target
    state, reason, description = member.status
    return {
        "id": target.id,
        "host": target.host,
        "port": target.port,
        "zone": target.zone,
        "subject": target.subject,
        "state": state,
        "reason": reason,
        "description": description,
        "requests": member.requests,
        "under_way": member.outstanding,
    }
