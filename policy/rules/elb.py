"""Application load balancers: public entries and what they pass on."""

from __future__ import annotations

from policy.checks import either, every, is_in, is_not_true, is_set, is_true, must, when
from policy.model import Check, Level, NotKnown, Outcomes, Resource, Rule, Severity, Stack, Violation
from policy.relations import Answer, alone, any_of, both, companion, only, refers
from policy.values import UNKNOWN, find

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
TARGETS = "aws:lb/targetGroup:TargetGroup"

# The policies AWS recommends: TLS 1.3, and 1.2 with forward secrecy at the least.
_GOOD_TLS = (
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
)
_FEWEST_ZONES = 2


def _public(check: Check) -> Check:
    """Leave out what only the inside of a network reaches: nothing guards or records it twice."""
    return when("internal", is_not_true, check)


def _in_zones(resource: Resource) -> Outcomes:
    places = [found for path in ("subnets[*]", "subnetMappings[*]") for found in find(resource.properties, path)]
    if len(places) >= _FEWEST_ZONES:
        return
    # A list that is not known yet counts as one place here.
    unknown = next((found for found in places if found.value is UNKNOWN), None)
    if unknown:
        yield NotKnown(unknown.path)
    else:
        yield Violation("subnets", "stands in one zone only")


def _is_public(balancer: Resource) -> Answer:
    internal = balancer.properties.get("internal")
    return None if internal is UNKNOWN else is_not_true(internal)


def _is_public_listener(listener: Resource, stack: Stack) -> Answer:
    return any_of(
        both(refers(listener, "loadBalancerArn", balancer), _is_public(balancer)) for balancer in stack.of(BALANCER)
    )


_REDIRECTS = every(
    must("defaultActions[*].type", is_in("redirect"), "takes requests without TLS"),
    must("defaultActions[*].redirect.protocol", is_in("HTTPS"), "redirects to something without TLS"),
)

RULES = (
    Rule(
        id="MS-ELB-001",
        title="A public load balancer takes requests by TLS only",
        severity=Severity.HIGH,
        level=Level.PROD,
        frameworks=("ELB.1", "ELB.18", "CKV2_AWS_20", "CKV_AWS_2"),
        types=(LISTENER,),
        remedy="Give the stack a domain, so that it has a certificate; let the HTTP listener redirect to HTTPS.",
        relation=only(_is_public_listener, alone(when("protocol", is_in("HTTP"), _REDIRECTS))),
    ),
    Rule(
        id="MS-ELB-002",
        title="Load balancers drop invalid headers",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("ELB.4", "CKV_AWS_131", "AWS-0052"),
        types=(BALANCER,),
        remedy="Set `dropInvalidHeaderFields`.",
        check=must("dropInvalidHeaderFields", is_true, "passes invalid headers on"),
    ),
    Rule(
        id="MS-ELB-003",
        title="A public load balancer records its requests",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("ELB.5", "CKV_AWS_91", "AwsSolutions-ELB2"),
        types=(BALANCER,),
        remedy="Set `accessLogs` with a bucket, enabled.",
        check=_public(must("accessLogs.enabled", is_true, "has no access logs")),
    ),
    Rule(
        id="MS-ELB-004",
        title="A public load balancer cannot be deleted by accident",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("ELB.6", "CKV_AWS_150"),
        types=(BALANCER,),
        remedy="Set `enableDeletionProtection`.",
        check=_public(must("enableDeletionProtection", is_true, "is not protected from deletion")),
    ),
    Rule(
        id="MS-ELB-005",
        title="Load balancers refuse requests made to desynchronise them",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("ELB.12", "CKV_AWS_328"),
        types=(BALANCER,),
        remedy="Set `desyncMitigationMode` to `defensive` or `strictest`.",
        check=must("desyncMitigationMode", is_in(None, "defensive", "strictest"), "passes ambiguous requests on"),
    ),
    Rule(
        id="MS-ELB-006",
        title="Load balancers stand in two zones or more",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("ELB.13",),
        types=(BALANCER,),
        remedy="List subnets of at least two zones.",
        check=_in_zones,
    ),
    Rule(
        id="MS-ELB-007",
        title="A public load balancer stands behind a web ACL",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        frameworks=("ELB.16", "CKV2_AWS_28"),
        types=(BALANCER,),
        remedy="Associate an `aws.wafv2.WebAcl` with the load balancer; a stack names one with `modeshift:webAcl`.",
        relation=only(
            lambda balancer, _: _is_public(balancer),
            companion("aws:wafv2/webAclAssociation:WebAclAssociation", "resourceArn", "has no web ACL"),
        ),
    ),
    Rule(
        id="MS-ELB-008",
        title="TLS listeners accept TLS 1.2 with forward secrecy at the least",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("ELB.17", "CKV_AWS_103", "CKV2_AWS_74", "AWS-0047"),
        types=(LISTENER,),
        remedy=f"Set `sslPolicy` to {_GOOD_TLS[0]} or a stricter one.",
        check=when("protocol", is_in("HTTPS", "TLS"), must("sslPolicy", is_in(*_GOOD_TLS), "accepts weak TLS")),
    ),
    Rule(
        id="MS-ELB-009",
        title="Target groups say what healthy means",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_261",),
        types=(TARGETS,),
        remedy="Set `healthCheck` with the path that answers for the service; a function needs none.",
        check=either(
            must("healthCheck.path", is_set, "asks no path for the health of its targets"),
            must("targetType", is_in("lambda"), "is not a function's"),
            must("healthCheck.protocol", is_in("TCP"), "is not checked by connecting"),
        ),
    ),
)
