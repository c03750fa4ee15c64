"""WAF: web ACLs in front of load balancers and APIs."""

from __future__ import annotations

from policy.checks import every, is_in, is_set, is_true, must, some, when
from policy.model import Level, Rule, Severity
from policy.relations import companion

ACL = "aws:wafv2/webAcl:WebAcl"

RULES = (
    Rule(
        id="MS-WAF-001",
        title="Web ACLs have rules",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("WAF.10", "CKV_AWS_175"),
        types=(ACL,),
        remedy="Add at least one entry to `rules`.",
        check=must("rules", is_set, "lets everything through"),
    ),
    Rule(
        id="MS-WAF-002",
        title="Web ACLs record their requests",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("WAF.11", "CKV2_AWS_31"),
        types=(ACL,),
        remedy="Add an `aws.wafv2.WebAclLoggingConfiguration`.",
        relation=companion(
            "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", "resourceArn", "has no log"
        ),
    ),
    Rule(
        id="MS-WAF-003",
        title="Rules of web ACLs are measured",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("WAF.12",),
        types=(ACL,),
        remedy="Set `visibilityConfig.cloudwatchMetricsEnabled` of the ACL and of each rule.",
        check=every(
            must("visibilityConfig.cloudwatchMetricsEnabled", is_true, "is not measured"),
            must("rules[*].visibilityConfig.cloudwatchMetricsEnabled", is_true, "has a rule that is not measured"),
        ),
    ),
    Rule(
        id="MS-WAF-004",
        title="Web ACLs refuse Log4j attacks",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("CKV_AWS_192",),
        types=(ACL,),
        remedy="Add AWS's managed rule group AWSManagedRulesKnownBadInputsRuleSet.",
        check=when(
            "rules",
            is_set,
            some(
                "rules[*].statement.managedRuleGroupStatement.name",
                is_in("AWSManagedRulesKnownBadInputsRuleSet"),
                "does not refuse Log4j attacks",
            ),
        ),
    ),
)
