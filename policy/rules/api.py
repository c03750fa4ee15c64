"""API Gateway: HTTP APIs and REST APIs."""

from __future__ import annotations

from policy.checks import at_least, every, is_in, is_set, is_true, must
from policy.model import Level, Rule, Severity
from policy.relations import companion
from policy.values import Value, parsed

HTTP_STAGE = "aws:apigatewayv2/stage:Stage"
REST_STAGE = "aws:apigateway/stage:Stage"
ROUTE = "aws:apigatewayv2/route:Route"


def _is_object(value: Value) -> bool:
    return isinstance(value, str) and isinstance(parsed(value), dict)


RULES = (
    Rule(
        id="MS-API-001",
        title="APIs record their requests as JSON",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("APIGateway.1", "APIGateway.9", "CKV_AWS_76", "AwsSolutions-APIG1", "AWS-0001"),
        types=(HTTP_STAGE, REST_STAGE),
        remedy="Set `accessLogSettings` with a log group and a `format` that is a JSON object.",
        check=every(
            must("accessLogSettings.destinationArn", is_set, "has no access log"),
            must("accessLogSettings.format", _is_object, "writes access logs that are not JSON"),
        ),
    ),
    Rule(
        id="MS-API-002",
        title="REST APIs are traced",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("APIGateway.3", "CKV_AWS_73", "AWS-0003"),
        types=(REST_STAGE,),
        remedy="Set `xrayTracingEnabled`.",
        check=must("xrayTracingEnabled", is_true, "is not traced"),
    ),
    Rule(
        id="MS-API-003",
        title="A REST API stands behind a web ACL",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("APIGateway.4", "CKV2_AWS_29", "AwsSolutions-APIG3"),
        types=(REST_STAGE,),
        remedy="Associate an `aws.wafv2.WebAcl` with the stage.",
        relation=companion("aws:wafv2/webAclAssociation:WebAclAssociation", "resourceArn", "has no web ACL"),
    ),
    Rule(
        id="MS-API-004",
        title="Routes ask who calls",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        frameworks=("APIGateway.8", "CKV_AWS_309", "AwsSolutions-APIG4", "AWS-0004"),
        types=(ROUTE,),
        remedy="Set `authorizationType`, or see to it that the service behind the route asks.",
        check=must("authorizationType", is_in("AWS_IAM", "CUSTOM", "JWT"), "lets everybody call"),
    ),
    Rule(
        id="MS-API-005",
        title="HTTP APIs limit requests",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(HTTP_STAGE,),
        remedy="Set `throttlingRateLimit` and `throttlingBurstLimit` of `defaultRouteSettings`.",
        check=every(
            must("defaultRouteSettings.throttlingRateLimit", at_least(1), "has no limit of requests a second"),
            must("defaultRouteSettings.throttlingBurstLimit", at_least(1), "has no limit of requests at once"),
        ),
    ),
)
