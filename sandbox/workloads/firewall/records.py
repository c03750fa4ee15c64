"""What is kept of judged requests: metrics, a few samples, and lines of a log. Nothing that is secret.

Sources: WAF developer guide (metrics and dimensions, log fields, sampled web requests).
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sandbox.control.scope import ACCOUNT_ID
from sandbox.workloads.firewall.inspecting import COUNTRY_HEADER

if TYPE_CHECKING:
    from sandbox.workloads.context import Context
    from sandbox.workloads.http.messages import Request

NAMESPACE = "AWS/WAFV2"
DEFAULT = "Default_Action"
ALL = "ALL"
Action = Literal["ALLOW", "BLOCK", "COUNT"]

_METRICS: Mapping[str, str] = {"ALLOW": "AllowedRequests", "BLOCK": "BlockedRequests", "COUNT": "CountedRequests"}
_SECRET = frozenset({"authorization", "cookie", "x-api-key", "proxy-authorization", "x-amz-security-token"})
_REDACTED = "REDACTED"
_SAMPLES = 100
_SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Logging:
    """Where refused requests are written down, and without what."""

    group: str
    stream: str
    keep: frozenset[str]
    """Actions whose requests are written."""
    redacted: frozenset[str]
    """Headers in lower case, and uriPath, queryString or method."""

    @classmethod
    def of(cls, outputs: Mapping[str, Any], stream: str) -> Logging:
        """Return what a logging configuration asks for."""
        filters: Mapping[str, Any] = outputs.get("loggingFilter") or {}
        every = frozenset({"ALLOW", "BLOCK", "COUNT"})
        kept = every if filters.get("defaultBehavior", "KEEP") == "KEEP" else frozenset[str]()
        for each in filters.get("filters") or ():
            named = frozenset(
                action for one in each["conditions"] if (action := (one.get("actionCondition") or {}).get("action"))
            )
            kept = kept | (named & every) if each["behavior"] == "KEEP" else kept - named
        redacted = [
            str(details["name"]).lower() if kind == "singleHeader" else kind
            for one in outputs.get("redactedFields") or ()
            for kind, details in one.items()
            if details is not None
        ]
        group = str(outputs["logDestinationConfigs"][0]).rpartition(":log-group:")[2].removesuffix(":*")
        return cls(group, stream, kept, frozenset(redacted))


@dataclass
class Records:
    """What is kept of the requests that one ACL judged."""

    context: Context
    subject: str
    """The ACL's logical name."""
    acl_arn: str
    metric: str
    region: str
    logging: Logging | None = None
    samples: deque[dict[str, Any]] = field(default_factory=lambda: deque[dict[str, Any]](maxlen=_SAMPLES))
    counts: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    """How often each rule came to each action."""
    _sampled: float = 0.0
    _dimensions: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def note(
        self,
        request: Request,
        action: Action,
        rule: str,
        metric: str,
        *,
        resource_arn: str,
        counted: Sequence[str] = (),
    ) -> None:
        """Keep what became of a request; `metric` is the rule's name in metrics, empty when it wants none.

        A COUNT adds to the metrics only: what is written down of the request is what ended its judging, with the rules
        that `counted` it.
        """
        by_action = self.counts.setdefault(rule, {})
        by_action[action] = by_action.get(action, 0) + 1
        for name in (metric, ALL) if metric else (ALL,):
            self.context.metrics.add(NAMESPACE, _METRICS[action], self._named(name))
        if action == "COUNT":
            return
        if action == "BLOCK" or counted or time.monotonic() - self._sampled > _SAMPLE_SECONDS:
            self._sampled = time.monotonic()
            self.samples.append(_sample(request, action, rule))
        if self.logging and not self.logging.keep.isdisjoint({action, "COUNT"} if counted else {action}):
            line = {
                "timestamp": int(time.time() * 1000),
                "formatVersion": 1,
                "webaclId": self.acl_arn,
                "terminatingRuleId": rule,
                "action": action,
                **_source(resource_arn),
                "nonTerminatingMatchingRules": [{"ruleId": each, "action": "COUNT"} for each in counted],
                "httpRequest": _logged(request, self.logging.redacted),
            }
            self.context.logs.write(self.logging.group, self.logging.stream, json.dumps(line))

    def _named(self, rule: str) -> dict[str, str]:
        if rule not in self._dimensions:
            self._dimensions[rule] = {"WebACL": self.metric, "Rule": rule, "Region": self.region}
        return self._dimensions[rule]


def is_balancer(resource_arn: str) -> bool:
    """Whether something that is protected is a load balancer, and no stage of an API."""
    return ":elasticloadbalancing:" in resource_arn


def _headers(request: Request, redacted: frozenset[str]) -> list[tuple[str, str]]:
    return [(name, _REDACTED if name.lower() in redacted else value) for name, value in request.headers]


def _sample(request: Request, action: Action, rule: str) -> dict[str, Any]:
    return {
        "Timestamp": time.time(),
        "Action": action,
        "Rule": rule,
        "Request": {
            "ClientIP": request.client,
            "Country": request.header(COUNTRY_HEADER),
            "URI": request.path,
            "Method": request.method,
            "HTTPVersion": f"HTTP/{request.version}",
            "Headers": [{"Name": name, "Value": value} for name, value in _headers(request, _SECRET)],
        },
    }


def _source(resource_arn: str) -> dict[str, str]:
    if is_balancer(resource_arn):
        return {
            "httpSourceName": "ALB",
            "httpSourceId": f"{ACCOUNT_ID}-{resource_arn.rpartition('loadbalancer/')[2]}",
        }
    stage = resource_arn.rpartition("/restapis/")[2].replace("/stages/", ":")
    return {"httpSourceName": "APIGW", "httpSourceId": f"{ACCOUNT_ID}:{stage}"}


def _logged(request: Request, redacted: frozenset[str]) -> dict[str, Any]:
    return {
        "clientIp": request.client,
        "country": request.header(COUNTRY_HEADER) or "-",
        "headers": [{"name": name, "value": value} for name, value in _headers(request, redacted)],
        "uri": _REDACTED if "uriPath" in redacted else request.path,
        "args": _REDACTED if "queryString" in redacted else request.query,
        "httpVersion": f"HTTP/{request.version}",
        "httpMethod": _REDACTED if "method" in redacted else request.method,
    }
