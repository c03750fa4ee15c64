"""The firewall of a stack: a web ACL that counts, filters and refuses requests before anything of ours sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component

RATE_WINDOW = 60
"""Seconds over which requests of one address are counted."""

_MANAGED = ("AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesAmazonIpReputationList")
_SECRET_HEADERS = ("authorization", "cookie", "x-api-key")

_Statement = aws.wafv2.WebAclRuleStatementArgs
_Field = aws.wafv2.WebAclRuleStatementSqliMatchStatementFieldToMatchArgs


class WebAcl(Component):
    """A regional web ACL for a load balancer or a REST API, and the log of what it refused.

    It refuses, in this order: requests from countries that are not listed, where some are; SQL injection in the query
    or the body; what AWS's lists of attacks (Log4j among them) and of bad addresses name, with `managed`; and an
    address that sends more than `rate` requests a minute. Changing any of it changes the ACL in place.

    Headers that hold secrets do not reach the log.

    Cost: 5 USD a month, 1 for each rule and 0.60 per million requests; logs 0.50 per GB (AWS price list: awswaf).

    Sources: WAF developer guide (rate-based rules, list of managed rule groups, logging destinations, whose names begin
    with `aws-waf-logs-`).
    """

    def __init__(
        self,
        name: str,
        *,
        rate: int = 1000,
        countries: Sequence[str] = (),
        managed: bool = True,
        log_retention_days: int = 7,
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the ACL.

        Args:
            name: Logical name; children are called after it.
            rate: Requests a minute that one address may send, 10 or more.
            countries: Those that requests may come from, by ISO 3166 code; none, from anywhere.
            managed: Use AWS's own lists too.
            log_retention_days: How long the log is kept.
            key_arn: KMS key of the log; unset, CloudWatch uses its own.
            opts: Options of the component.

        """
        super().__init__("WebAcl", name, opts)
        acl = aws.wafv2.WebAcl(
            self.child_name(),
            scope="REGIONAL",
            description=f"Firewall of {name}.",
            default_action=aws.wafv2.WebAclDefaultActionArgs(allow=aws.wafv2.WebAclDefaultActionAllowArgs()),
            rules=[
                _numbered(rule, priority, name)
                for priority, rule in enumerate(_rules(rate, countries, managed=managed), 1)
            ],
            visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(
                cloudwatch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
            ),
            tags=self.tags(),
            opts=self.opts(),
        )
        log_group = aws.cloudwatch.LogGroup(
            self.child_name(),
            name=f"aws-waf-logs-{name}",
            retention_in_days=log_retention_days,
            kms_key_id=key_arn,
            tags=self.tags(),
            opts=self.opts(),
        )
        aws.wafv2.WebAclLoggingConfiguration(
            self.child_name(),
            resource_arn=acl.arn,
            log_destination_configs=[log_group.arn],
            logging_filter=_refused_only(),
            redacted_fields=[
                aws.wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
                    single_header=aws.wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(name=header)
                )
                for header in _SECRET_HEADERS
            ],
            opts=self.opts(),
        )
        self.arn: pulumi.Output[str] = acl.arn
        self.log_group_name: pulumi.Output[str] = log_group.name
        self.register_outputs({"arn": self.arn})


def _rules(rate: int, countries: Sequence[str], *, managed: bool) -> Iterator[tuple[str, _Statement]]:
    """Yield the names and statements of the rules, the cheapest to judge first."""
    if countries:
        listed = _Statement(
            geo_match_statement=aws.wafv2.WebAclRuleStatementGeoMatchStatementArgs(country_codes=sorted(countries))
        )
        yield "countries", _Statement(not_statement=aws.wafv2.WebAclRuleStatementNotStatementArgs(statement=listed))
    for part, field in (
        ("query", _Field(query_string=aws.wafv2.WebAclRuleStatementSqliMatchStatementFieldToMatchQueryStringArgs())),
        (
            "body",
            _Field(
                body=aws.wafv2.WebAclRuleStatementSqliMatchStatementFieldToMatchBodyArgs(oversize_handling="CONTINUE")
            ),
        ),
    ):
        yield (
            f"sql-in-{part}",
            _Statement(
                sqli_match_statement=aws.wafv2.WebAclRuleStatementSqliMatchStatementArgs(
                    field_to_match=field,
                    sensitivity_level="LOW",
                    text_transformations=[
                        aws.wafv2.WebAclRuleStatementSqliMatchStatementTextTransformationArgs(
                            priority=0, type="URL_DECODE"
                        )
                    ],
                )
            ),
        )
    for group in _MANAGED if managed else ():
        yield (
            group,
            _Statement(
                managed_rule_group_statement=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
                    vendor_name="AWS", name=group
                )
            ),
        )
    yield (
        "rate",
        _Statement(
            rate_based_statement=aws.wafv2.WebAclRuleStatementRateBasedStatementArgs(
                limit=rate, evaluation_window_sec=RATE_WINDOW, aggregate_key_type="IP"
            )
        ),
    )


def _numbered(rule: tuple[str, _Statement], priority: int, acl: str) -> aws.wafv2.WebAclRuleArgs:
    name, statement = rule
    # A group of AWS's says itself what its rules do; all others refuse.
    group = name in _MANAGED
    return aws.wafv2.WebAclRuleArgs(
        name=name,
        priority=priority,
        statement=statement,
        action=None if group else aws.wafv2.WebAclRuleActionArgs(block=aws.wafv2.WebAclRuleActionBlockArgs()),
        override_action=aws.wafv2.WebAclRuleOverrideActionArgs(none=aws.wafv2.WebAclRuleOverrideActionNoneArgs())
        if group
        else None,
        visibility_config=aws.wafv2.WebAclRuleVisibilityConfigArgs(
            cloudwatch_metrics_enabled=True, metric_name=f"{acl}-{name}", sampled_requests_enabled=True
        ),
    )


def _refused_only() -> aws.wafv2.WebAclLoggingConfigurationLoggingFilterArgs:
    """Keep what was refused or counted: what was let through is in the access log already."""
    return aws.wafv2.WebAclLoggingConfigurationLoggingFilterArgs(
        default_behavior="DROP",
        filters=[
            aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterArgs(
                behavior="KEEP",
                requirement="MEETS_ANY",
                conditions=[
                    aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionArgs(
                        action_condition=aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionActionConditionArgs(
                            action=action
                        )
                    )
                    for action in ("BLOCK", "COUNT", "EXCLUDED_AS_COUNT")
                ],
            )
        ],
    )
