"""Hold a stack against all rules: what is broken, what is excepted, what cannot be told yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from policy.catalogue import RULES
from policy.model import NotKnown, Outcome, Resource, Rule, Stack
from policy.suppressions import Suppression


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a judgement depends on besides the stack."""

    environment: str
    """Where the stack belongs; some rules only stop prod."""
    today: date
    """The day on which exceptions must still be good."""
    suppressions: Sequence[Suppression] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that a resource breaks."""

    rule: Rule
    resource: Resource
    path: str
    message: str
    stops: bool
    """Whether it stops a deployment."""
    suppression: Suppression | None = None
    """The exception that covers it, still good or not."""
    excepted: bool = False
    """Whether that exception is still good."""

    @property
    def sentence(self) -> str:
        """Return what is wrong: the resource, what it does, and where."""
        said = f"{self.resource.name} {self.message}" + (f" ({self.path})" if self.path else "") + "."
        return said if self.suppression is None or self.excepted else f"{said} {self.suppression.expiry()}"


@dataclass(frozen=True)
class Pending:
    """A rule that cannot be judged for a resource before the property at `path` is known."""

    rule: Rule
    resource: Resource
    path: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of holding a stack against the rules."""

    environment: str
    findings: Sequence[Finding] = field(default_factory=tuple)
    pending: Sequence[Pending] = field(default_factory=tuple)
    kept: Sequence[tuple[str, str]] = ()
    """Rules, each with the URN of a resource that keeps it."""

    @property
    def stopping(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.stops and not finding.excepted]

    @property
    def advisory(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.stops and not finding.excepted]

    @property
    def excepted(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.excepted]

    @property
    def ok(self) -> bool:
        """Whether nothing stops the deployment."""
        return not self.stopping

    def document(self) -> dict[str, object]:
        """Return the report as JSON's plain types; values of properties are never in it."""
        return {
            "ok": self.ok,
            "environment": self.environment,
            "kept": len(self.kept),
            "notKnown": [{"rule": one.rule.id, "urn": one.resource.urn, "property": one.path} for one in self.pending],
            "findings": [_finding(finding) for finding in self.findings],
        }


def judge(resources: Iterable[Resource], stack: Stack, terms: Terms, rules: Iterable[Rule] = RULES) -> Report:
    """Hold resources against the rules about one of them, and the stack against those about how they belong together.

    Args:
        resources: Everything that is asked for, by its inputs.
        stack: The same with what the provider makes of it.
        terms: What the answer depends on besides.
        rules: What to hold it against.

    """
    everything = Stack(tuple(resources))
    findings: list[Finding] = []
    pending: list[Pending] = []
    kept: list[tuple[str, str]] = []
    for rule in rules:
        for resource in sorted((stack if rule.relation else everything).of(*rule.types), key=lambda one: one.urn):
            outcomes = rule.judge(resource, stack)
            if not outcomes:
                kept.append((rule.id, resource.urn))
            findings += broken(rule, resource, outcomes, terms)
            pending += [Pending(rule, resource, one.path) for one in outcomes if isinstance(one, NotKnown)]
    return Report(environment=terms.environment, findings=findings, pending=pending, kept=kept)


def broken(rule: Rule, resource: Resource, outcomes: Iterable[Outcome], terms: Terms) -> Iterator[Finding]:
    """Yield what is broken, each with the exception that covers it; of several, the one that lasts longest."""
    covering = [one for one in terms.suppressions if one.covers(rule, resource)]
    suppression = max(covering, key=lambda one: one.expires, default=None)
    for outcome in outcomes:
        if not isinstance(outcome, NotKnown):
            yield Finding(
                rule=rule,
                resource=resource,
                path=outcome.path,
                message=outcome.message,
                stops=rule.level.stops(terms.environment),
                suppression=suppression,
                excepted=suppression is not None and suppression.holds(terms.today),
            )


def _finding(finding: Finding) -> dict[str, object]:
    rule, suppression = finding.rule, finding.suppression
    return {
        "rule": rule.id,
        "title": rule.title,
        "severity": rule.severity.value,
        "stops": finding.stops and not finding.excepted,
        "frameworks": list(rule.frameworks),
        "urn": finding.resource.urn,
        "property": finding.path,
        "message": finding.sentence,
        "remedy": rule.remedy,
        "exception": suppression and {"reason": suppression.reason, "expires": suppression.expires.isoformat()},
    }
