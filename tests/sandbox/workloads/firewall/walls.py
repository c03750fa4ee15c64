"""Web ACLs as the account has them, and a firewall that judges by them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.control.account import Resource
from sandbox.workloads.context import Context
from sandbox.workloads.firewall.injection import Injection, UnavailableError
from sandbox.workloads.firewall.manager import Firewalls
from sandbox.workloads.http.messages import Request
from sandbox.workloads.snapshot import Snapshot
from sandbox.workloads.surfaces import Verdict

ACL = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/dev-firewall/1"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/dev-front-door/1"
STAGE = "arn:aws:apigateway:us-east-1::/restapis/abc/stages/live"
LOG = "aws-waf-logs-dev-firewall"
_SPACES = "arn:aws:wafv2:us-east-1:123456789012:regional/ipset"


def resource(kind: str, **outputs: Any) -> Resource:
    """Return a resource as the account has them."""
    return Resource(1, kind, "us-east-1", "1", f"urn:pulumi:dev::modeshift::{kind}::dev-firewall", {}, outputs)


def ip_set(name: str, *addresses: str) -> Resource:
    """Return a set of addresses."""
    return resource("aws:wafv2/ipSet:IpSet", arn=f"{_SPACES}/{name}", addresses=list(addresses))


def in_set(name: str, **more: Any) -> dict[str, Any]:
    """Return the statement that an address is in a set."""
    return {"ipSetReferenceStatement": {"arn": f"{_SPACES}/{name}", **more}}


def rule(
    name: str, statement: Mapping[str, Any], action: str | Mapping[str, Any] = "block", priority: int = 1, **more: Any
) -> dict[str, Any]:
    """Return a rule of an ACL."""
    return {
        "name": name,
        "priority": priority,
        "statement": dict(statement),
        "action": {action: {}} if isinstance(action, str) else dict(action),
        "visibilityConfig": {"metricName": f"m-{name}", "cloudwatchMetricsEnabled": True},
        **more,
    }


def acl(*rules: Mapping[str, Any], default: str = "allow", **more: Any) -> Resource:
    """Return a web ACL."""
    return resource(
        "aws:wafv2/webAcl:WebAcl",
        arn=ACL,
        name="dev-firewall-1",
        rules=list(rules),
        defaultAction={default: {}},
        visibilityConfig={"metricName": "dev-firewall", "cloudwatchMetricsEnabled": True},
        **more,
    )


def protects(arn: str) -> Resource:
    """Return what associates the ACL with something."""
    return resource("aws:wafv2/webAclAssociation:WebAclAssociation", webAclArn=ACL, resourceArn=arn)


def logs(**more: Any) -> Resource:
    """Return what writes down what the ACL judged."""
    group = f"arn:aws:logs:us-east-1:123456789012:log-group:{LOG}"
    kind = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
    return resource(kind, resourceArn=ACL, logDestinationConfigs=[group], **more)


class Guess(Injection):
    """Knows two injections, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.lost = False

    async def prepare(self) -> None:
        self.missing = "no Go" if self.lost else ""

    def sql(self, value: bytes) -> bool:
        return self._told(value, b"' or 1=1")

    def scripting(self, value: bytes) -> bool:
        return self._told(value, b"<script")

    def _told(self, value: bytes, bad: bytes) -> bool:
        self.asked += 1
        if self.lost:
            raise UnavailableError(self.missing)
        return bad in value.lower()


@dataclass
class Wall:
    """A firewall of one ACL, at a time that a test says."""

    firewalls: Firewalls
    context: Context
    guess: Guess
    now: float = 1000.0

    async def apply(self, *resources: Resource) -> None:
        """Take an account that protects a balancer and a stage."""
        await self.firewalls.apply(Snapshot([*resources, protects(BALANCER), protects(STAGE)]))
        await asyncio.sleep(0)

    def judge(self, target: str = "/", *, arn: str = BALANCER, **request: Any) -> Verdict:
        """Judge a request."""
        verdict = self.firewalls.judge(arn, Request(request.pop("method", "GET"), target, **request))
        assert verdict is not None
        return verdict

    def passes(self, target: str = "/", **request: Any) -> bool:
        """Whether a request is let through."""
        return self.judge(target, **request).action == "allow"

    def metric(self, name: str, rule: str) -> float:
        """Return how many requests a metric counted."""
        where = {"WebACL": "dev-firewall", "Rule": rule, "Region": "us-east-1"}
        found = self.context.metrics.statistics("AWS/WAFV2", name, where, 0, 9e9, period=60, stat="Sum")
        return sum(value for _, value in found)

    def said(self) -> Sequence[str]:
        """Return what happened."""
        return [event.text for event in self.context.events.since()]


Story = Callable[[Wall], Awaitable[None]]


def play(folder: Path, story: Story) -> None:
    """Play a story with a firewall."""

    async def main() -> None:
        context = Context.of(folder, folder)
        guess = Guess()
        wall = Wall(Firewalls(context, guess, lambda: wall.now), context, guess)
        try:
            await story(wall)
        finally:
            await wall.firewalls.close()
            context.logs.close()

    asyncio.run(main())
