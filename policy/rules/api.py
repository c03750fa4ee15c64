"""API Gateway: HTTP APIs and REST APIs."""

from __future__ import annotations

from policy.checks import at_least, every, is_in, is_set, is_true, must, when
from policy.model import Level, Rule, Severity
from policy.relations import companion
from policy.values import Value, parsed

HTTP_STAGE = "aws:apigatewayv2/stage:Stage"
REST_API = "aws:apigateway/restApi:RestApi"
REST_DOMAIN = "aws:apigateway/domainName:DomainName"
REST_METHODS = "aws:apigateway/methodSettings:MethodSettings"
REST_STAGE = "aws:apigateway/stage:Stage"
ROUTE = "aws:apigatewayv2/route:Route"


def _is_modern(value: Value) -> bool:
    return isinstance(value, str) and value != "TLS_1_0"


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
        remedy="Associate an `aws.wafv2.WebAcl` with the stage; a stack names one with `modeshift:webAcl`.",
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
    Rule(
        id="MS-API-006",
        title="REST APIs limit requests",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(REST_METHODS,),
        remedy="Set `settings.throttlingRateLimit` and `settings.throttlingBurstLimit`.",
        check=every(
            must("settings.throttlingRateLimit", at_least(1), "has no limit of requests a second"),
            must("settings.throttlingBurstLimit", at_least(1), "has no limit of requests at once"),
        ),
    ),
    Rule(
        id="MS-API-007",
        title="Every stage of a REST API has limits",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(REST_STAGE,),
        remedy="Add an `aws.apigateway.MethodSettings` with the limits of MS-API-006.",
        relation=companion(REST_METHODS, "stageName", "has no limits"),
    ),
    Rule(
        id="MS-API-008",
        title="REST APIs accept TLS 1.2 at the least",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_206", "AWS-0005"),
        types=(REST_API, REST_DOMAIN),
        remedy="Set `securityPolicy`: the default of an API, and of an older domain name, is TLS 1.0.",
        check=must("securityPolicy", _is_modern, "accepts TLS 1.0"),
    ),
    Rule(
        id="MS-API-009",
        title="Caches of REST APIs are encrypted",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("APIGateway.5", "CKV_AWS_308", "AWS-0002"),
        types=(REST_METHODS,),
        remedy="Set `settings.cacheDataEncrypted`.",
        check=when(
            "settings.cachingEnabled",
            is_true,
            must("settings.cacheDataEncrypted", is_true, "keeps answers in the clear"),
        ),
    ),
)
