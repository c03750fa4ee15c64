"""The web ACLs of the account, and what each protects."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from sandbox.workloads.firewall.acl import Acl
from sandbox.workloads.firewall.injection import Injection
from sandbox.workloads.firewall.inspecting import COUNTRY_HEADER
from sandbox.workloads.firewall.records import Logging, Records
from sandbox.workloads.firewall.statements import Compiler
from sandbox.workloads.snapshot import name_of

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.context import Context
    from sandbox.workloads.http.messages import Request
    from sandbox.workloads.snapshot import Snapshot
    from sandbox.workloads.surfaces import Verdict

_ACL = "aws:wafv2/webAcl:WebAcl"
_SET = "aws:wafv2/ipSet:IpSet"
_LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
_ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
_INJECTIONS = ("sqliMatchStatement", "xssMatchStatement")


class Firewalls:
    """Judges requests to load balancers and stages by the ACL that is associated with them."""

    def __init__(
        self, context: Context, injection: Injection | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._context = context
        self._injection = injection or Injection()
        self._now = now
        self._acls: dict[str, Acl] = {}
        self._documents: dict[str, str] = {}
        self._compilers: dict[str, Compiler] = {}
        self._protected: dict[str, str] = {}
        self._said: set[tuple[str, str, str]] = set()
        self._preparing: asyncio.Task[None] | None = None

    async def apply(self, snapshot: Snapshot) -> None:
        """Judge by the ACLs of the account from now on. What has not changed keeps what it counted."""
        found = {str(resource.outputs["arn"]): resource for resource in snapshot.of(_ACL)}
        for arn in self._acls.keys() - found.keys():
            del self._acls[arn], self._documents[arn], self._compilers[arn]
        for arn, resource in found.items():
            try:
                self._take(arn, resource, snapshot)
            except (KeyError, TypeError, ValueError, StopIteration) as error:
                text = f"The web ACL cannot be read and judges nothing: {type(error).__name__}: {error}"
                self._context.events.add(name_of(resource), "firewall", text, level="error")
        self._protected = {
            str(each.outputs["resourceArn"]): str(each.outputs["webAclArn"]) for each in snapshot.of(_ASSOCIATION)
        }

    def judge(self, resource_arn: str, request: Request) -> Verdict | None:
        """Return what the ACL of a load balancer or stage decided; None where none is associated."""
        acl = self._acls.get(self._protected.get(resource_arn, ""))
        return None if acl is None else acl.judge(resource_arn, request)

    def sampled(self, acl_arn: str) -> list[dict[str, Any]]:
        """Return requests that an ACL judged, without their secrets, as GetSampledRequests does; the oldest first."""
        acl = self._acls.get(acl_arn)
        return list(acl.records.samples) if acl else []

    def describe(self) -> dict[str, Any]:
        """Return each ACL with its rules, their counts, and what is not simulated."""
        acls = [
            {
                "arn": arn,
                **acl.describe(),
                "protects": sorted(resource for resource, by in self._protected.items() if by == arn),
            }
            for arn, acl in self._acls.items()
        ]
        told: dict[str, Any] = {"acls": acls, "country": f"the header {COUNTRY_HEADER}"}
        if self._preparing is not None and self._injection.missing:
            told["injection"] = f"not judged: {self._injection.missing}"
        return told

    async def close(self) -> None:
        """End what tells injections."""
        if self._preparing is not None:
            self._preparing.cancel()
            with suppress(asyncio.CancelledError):
                await self._preparing
        self._injection.close()

    def _take(self, arn: str, resource: Resource, snapshot: Snapshot) -> None:
        outputs = cast("dict[str, Any]", resource.outputs)
        sets = {str(each.outputs["arn"]): each.outputs.get("addresses") or [] for each in snapshot.of(_SET)}
        logging = snapshot.find(_LOGGING, resourceArn=arn)
        document = json.dumps([outputs, sets, logging.outputs if logging else None], sort_keys=True)
        if self._documents.get(arn) == document:
            return
        before = self._acls.get(arn)
        name, region = str(outputs["name"]), resource.region
        log = Logging.of(cast("dict[str, Any]", logging.outputs), f"{region}_{name}_0") if logging else None
        metric = str(outputs["visibilityConfig"]["metricName"])
        records = before.records if before else Records(self._context, name_of(resource), arn, metric, region)
        records.logging = log
        # Without its ACL a count means nothing; with it, what was counted stays.
        rates = self._compilers[arn].rates if before else {}
        known = cast("dict[str, Sequence[str]]", sets)
        compiler = Compiler(self._injection, known.get, self._now, rates)
        self._acls[arn] = Acl(outputs, compiler, records)
        self._compilers[arn], self._documents[arn] = compiler, document
        if self._preparing is None and any(f'"{kind}"' in document for kind in _INJECTIONS):
            self._preparing = asyncio.create_task(self._prepare(name_of(resource)))
        self._say(resource, self._acls[arn])

    def _say(self, resource: Resource, acl: Acl) -> None:
        for rule in acl.rules:
            once = (acl.records.acl_arn, rule.name, rule.missing)
            if rule.missing and once not in self._said:
                self._said.add(once)
                text = f"Rule {rule.name}: {rule.missing} is not simulated, so it lets every request pass."
                self._context.events.add(name_of(resource), "firewall", text, level="warning")

    async def _prepare(self, subject: str) -> None:
        await self._injection.prepare()
        if self._injection.missing:
            text = f"SQL injection and scripting are not judged: {self._injection.missing}"
            self._context.events.add(subject, "firewall", text, level="warning")
