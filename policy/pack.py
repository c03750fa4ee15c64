"""The rules as a Pulumi policy pack: the same functions, called by the engine through `pulumi_policy`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pulumi
import pulumi_policy as crossguard
from pulumi_policy.deserialize import serialize_properties

from policy.catalogue import RULES
from policy.judge import Terms, broken
from policy.model import NotKnown, Resource, Rule, Severity, Stack
from policy.suppressions import load
from policy.values import UNKNOWN, Value, from_wire

NAME = "modeshift"

# Said in place of a pass that nothing stands behind.
_NOTHING_HERE = "not about this kind of resource"

_SEVERITIES = {
    Severity.LOW: crossguard.Severity.LOW,
    Severity.MEDIUM: crossguard.Severity.MEDIUM,
    Severity.HIGH: crossguard.Severity.HIGH,
    Severity.CRITICAL: crossguard.Severity.CRITICAL,
}


def serve(*, today: date) -> None:
    """Serve the pack to the engine that started this process; returns when it ends."""
    terms = Terms(environment=environment(), today=today, suppressions=load(rules=RULES))
    crossguard.PolicyPack(NAME, policies(terms))


def environment() -> str:
    """Return where the stack belongs: what its settings say, else its name."""
    return pulumi.Config(NAME).get("environment") or pulumi.get_stack()


def policies(terms: Terms) -> list[crossguard.Policy]:
    """Return the rules as policies, at the levels that they have in this environment."""
    judge = _Judge(terms)
    return [judge.related(rule) if rule.relation else judge.single(rule) for rule in RULES]


@dataclass(frozen=True)
class _Judge:
    """Makes policies of rules. What is not known yet or excepted becomes a reason why a policy does not apply."""

    terms: Terms

    def single(self, rule: Rule) -> crossguard.Policy:
        def validate(args: crossguard.ResourceValidationArgs, report: crossguard.ReportViolation) -> None:
            if args.resource_type not in rule.types:
                args.not_applicable(_NOTHING_HERE)
            resource = _resource(args)
            if aside := self._tell(rule, [resource], Stack((resource,)), report):
                args.not_applicable("; ".join(aside))

        return crossguard.ResourceValidationPolicy(validate=validate, **self._about(rule))

    def related(self, rule: Rule) -> crossguard.Policy:
        def validate(args: crossguard.StackValidationArgs, report: crossguard.ReportViolation) -> None:
            stack = Stack(tuple(_with_dependencies(one) for one in args.resources))
            resources = stack.of(*rule.types)
            if not resources:
                args.not_applicable(_NOTHING_HERE)
            if aside := self._tell(rule, resources, stack, report):
                args.not_applicable("; ".join(aside))

        return crossguard.StackValidationPolicy(validate=validate, **self._about(rule))

    def _about(self, rule: Rule) -> Mapping[str, Any]:
        stops = rule.level.stops(self.terms.environment)
        framework = crossguard.PolicyComplianceFramework(reference=", ".join(rule.frameworks))
        return {
            "name": rule.id,
            "description": rule.title,
            "display_name": f"{rule.id}: {rule.title}",
            "enforcement_level": crossguard.EnforcementLevel.MANDATORY
            if stops
            else crossguard.EnforcementLevel.ADVISORY,
            "severity": _SEVERITIES[rule.severity],
            "framework": framework if rule.frameworks else None,
            "tags": list(rule.frameworks),
            "remediation_steps": rule.remedy,
        }

    def _tell(
        self, rule: Rule, resources: Iterable[Resource], stack: Stack, report: Callable[[str, str | None], None]
    ) -> list[str]:
        aside: list[str] = []
        for resource in sorted(resources, key=lambda one: one.urn):
            outcomes = rule.judge(resource, stack)
            for finding in broken(rule, resource, outcomes, self.terms):
                if finding.excepted and finding.suppression:
                    aside.append(f"{finding.sentence} Excepted until {finding.suppression.expires.isoformat()}.")
                else:
                    report(finding.sentence, resource.urn)
            unknown = [outcome for outcome in outcomes if isinstance(outcome, NotKnown)]
            aside += [f"{resource.name}: {one.path or 'what belongs to it'} is {UNKNOWN.value}" for one in unknown]
        return aside


def _resource(args: crossguard.ResourceValidationArgs | crossguard.PolicyResource) -> Resource:
    return Resource(
        urn=args.urn, type=args.resource_type, properties=_properties(args.props), protect=bool(args.opts.protect)
    )


def _with_dependencies(one: crossguard.PolicyResource) -> Resource:
    dependencies = {
        name: frozenset(source.urn for source in sources) for name, sources in one.property_dependencies.items()
    }
    return replace(_resource(one), dependencies=dependencies)


def _properties(props: Mapping[str, Any]) -> dict[str, Value]:
    # The SDK's view of properties raises on whatever is not known; its own way back gives the plain values.
    plain = from_wire(serialize_properties(props))
    return plain if isinstance(plain, dict) else {}
