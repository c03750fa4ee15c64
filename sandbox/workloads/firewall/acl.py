"""One web ACL: its rules in order of priority, and what it decides about a request.

Sources: WAF developer guide (rule actions, default action, custom responses, request body sizes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.control.scope import ACCOUNT_ID
from sandbox.workloads.firewall.inspecting import Inspected, NotSimulatedError, UnknownError
from sandbox.workloads.firewall.records import DEFAULT, Action, Records, is_balancer
from sandbox.workloads.surfaces import Verdict

if TYPE_CHECKING:
    from sandbox.workloads.firewall.statements import Compiler, Match
    from sandbox.workloads.http.messages import Request

_BALANCER_BODY = 8 * 1024
_API_BODY = 16 * 1024
_CONTENT_TYPES = {"TEXT_PLAIN": "text/plain", "TEXT_HTML": "text/html", "APPLICATION_JSON": "application/json"}
_ACTIONS: Mapping[str, Action] = {"allow": "ALLOW", "block": "BLOCK", "count": "COUNT"}


@dataclass
class Rule:
    """A rule; without `match` it is not simulated, for the reason that `missing` gives."""

    name: str
    priority: int
    action: Action
    metric: str
    labels: frozenset[str]
    verdict: Verdict
    match: Match | None
    missing: str = ""
    unknown: int = 0
    """For how many requests nobody could say whether it matches."""
    why: str = ""


class Acl:
    """Judges requests by the rules of a web ACL, the first that refuses or allows one deciding."""

    def __init__(self, outputs: Mapping[str, Any], compiler: Compiler, records: Records) -> None:
        self.name = str(outputs["name"])
        self.records = records
        bodies = {one["key"]: one for one in outputs.get("customResponseBodies") or ()}
        rules = sorted(outputs.get("rules") or (), key=lambda rule: int(rule["priority"]))
        self.rules = [_rule(rule, self.name, compiler, bodies) for rule in rules]
        action, details = _only(outputs["defaultAction"])
        self._default = _verdict(DEFAULT, _ACTIONS[action], details, bodies)
        self._metric = DEFAULT if _measured(outputs) else ""

    def judge(self, resource_arn: str, request: Request) -> Verdict:
        """Decide about a request, and keep what was decided."""
        limit = _BALANCER_BODY if is_balancer(resource_arn) else _API_BODY
        # What of a body is still to come was too much to wait for.
        oversize = len(request.body) > limit or request.stream is not None
        inspected = Inspected(request, request.body[:limit], oversize)
        counted: list[str] = []
        for rule in self.rules:
            if rule.match is None or not self._matches(rule, rule.match, inspected):
                continue
            inspected.labels |= rule.labels
            self.records.note(request, rule.action, rule.name, rule.metric, resource_arn=resource_arn, counted=counted)
            if rule.action != "COUNT":
                return rule.verdict
            counted.append(rule.name)
        action: Action = "BLOCK" if self._default.action == "block" else "ALLOW"
        self.records.note(request, action, DEFAULT, self._metric, resource_arn=resource_arn, counted=counted)
        return self._default

    def _matches(self, rule: Rule, match: Match, inspected: Inspected) -> bool:
        try:
            return match(inspected)
        except UnknownError as error:
            if str(error):
                rule.unknown += 1
                if rule.why != str(error):
                    rule.why = str(error)
                    text = f"Rule {rule.name} lets requests pass unjudged: {error}."
                    self.records.context.events.add(self.records.subject, "firewall", text, level="warning")
            return False

    def describe(self) -> dict[str, Any]:
        """Return its rules, what each came to, and what is not simulated."""
        return {
            "name": self.name,
            "default": self._default.action,
            "rules": [_described(rule, self.records.counts.get(rule.name, {})) for rule in self.rules],
            "requests": self.records.counts.get(DEFAULT, {}),
        }


def _described(rule: Rule, counts: Mapping[str, int]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": rule.name, "priority": rule.priority, "action": rule.action.lower(), **counts}
    if rule.missing:
        told["not simulated"] = rule.missing
    if rule.unknown:
        told["not judged"] = {"requests": rule.unknown, "why": rule.why}
    return told


def _rule(given: Mapping[str, Any], acl: str, compiler: Compiler, bodies: Mapping[str, Any]) -> Rule:
    name = str(given["name"])
    missing, match = "", None
    # A group of rules has none of its own: what its rules do is up to them.
    action, details = _only(given.get("action") or {"count": {}})
    try:
        if action not in _ACTIONS:
            missing = f"action {action}"
        else:
            match = compiler.match(given["statement"])
    except NotSimulatedError as error:
        missing = str(error)
        if missing == "managedRuleGroupStatement":
            group: Mapping[str, Any] = given["statement"][missing]
            missing = f"managed rule group {group['vendorName']} {group['name']}"
    known = _ACTIONS.get(action, "COUNT")
    labels = frozenset(f"awswaf:{ACCOUNT_ID}:webacl:{acl}:{label['name']}" for label in given.get("ruleLabels") or ())
    metric = given["visibilityConfig"]["metricName"] if _measured(given) else ""
    verdict = _verdict(name, known, details, bodies)
    return Rule(name, int(given["priority"]), known, metric, labels, verdict, match, missing)


def _measured(given: Mapping[str, Any]) -> bool:
    return bool((given.get("visibilityConfig") or {}).get("cloudwatchMetricsEnabled"))


def _only(block: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the one thing that a block of alternatives holds."""
    return next((kind, details) for kind, details in block.items() if details is not None)


def _verdict(rule: str, action: Action, details: Mapping[str, Any], bodies: Mapping[str, Any]) -> Verdict:
    custom: Mapping[str, Any] | None = details.get("customResponse")
    if action != "BLOCK":
        return Verdict(rule, "allow")
    if not custom:
        return Verdict(rule, "block")
    given: Sequence[Mapping[str, str]] = custom.get("responseHeaders") or ()
    headers = [(one["name"], one["value"]) for one in given]
    body = bodies.get(custom.get("customResponseBodyKey") or "")
    if body is not None:
        headers.insert(0, ("content-type", _CONTENT_TYPES[body["contentType"]]))
    content = body["content"].encode() if body else b""
    return Verdict(rule, "block", int(custom["responseCode"]), tuple(headers), content)
