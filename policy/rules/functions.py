"""Lambda: functions, who may call them, and what feeds them."""

from __future__ import annotations

from datetime import date

from policy.checks import Test, as_number, either, is_in, is_set, must, some, when
from policy.model import Level, NotKnown, Outcomes, Resource, Rule, Severity, Stack, Violation
from policy.relations import Answer, alone, any_of, both, companion, one_of, refers, wanted
from policy.rules.secrets import no_secret_values
from policy.values import UNKNOWN, find

ALIAS = "aws:lambda/alias:Alias"
FUNCTION = "aws:lambda/function:Function"
INVOCATION = "aws:lambda/invocation:Invocation"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
PERMISSION = "aws:lambda/permission:Permission"
QUEUE = "aws:sqs/queue:Queue"

AS_OF = date(2026, 11, 21)
"""When the list of runtimes was written."""

SUPPORTED_RUNTIMES = (
    *("dotnet10", "java8.al2", "java11", "java17", "java21", "java25", "nodejs22.x", "nodejs24.x", "provided.al2023"),
    *("python3.11", "python3.12", "python3.13", "python3.14", "ruby3.3", "ruby3.4", "ruby4.0"),
)
"""Runtimes that AWS still mended on that day."""

_LOG_GROUP = "loggingConfig.logGroup"
_DEFAULT_MEMORY = 128
_DEFAULT_TIMEOUT = 3
_FEWEST_SUBNETS = 2
_VISIBILITY_FACTOR = 6
_DEFAULT_VISIBILITY = 30


def _more_than(limit: int) -> Test:
    return lambda value: (number := as_number(value)) is not None and number > limit


def _subnets(resource: Resource) -> Outcomes:
    subnets = next(find(resource.properties, "vpcConfig.subnetIds")).value
    if subnets is UNKNOWN:
        yield NotKnown("vpcConfig.subnetIds")
    elif isinstance(subnets, list) and len(subnets) < _FEWEST_SUBNETS:
        yield Violation("vpcConfig.subnetIds", "stands in one zone only")


def _from(*services: str) -> Test:
    return lambda arn: isinstance(arn, str) and arn.count(":") > 1 and arn.split(":")[2] in services


def _visibility(mapping: Resource, stack: Stack) -> Outcomes:
    """Compare the queue's time with the function's: a message must not come back while it is still worked on."""
    for queue in stack.of(QUEUE):
        for function in stack.of(FUNCTION):
            answer = both(refers(mapping, "eventSourceArn", queue), _calls(mapping, function, stack))
            if answer is None:
                yield NotKnown("eventSourceArn")
            elif answer:
                yield from _compared(queue, function)


def _calls(mapping: Resource, function: Resource, stack: Stack) -> Answer:
    """Whether a mapping calls a function, by itself or by an alias."""
    by_alias = (
        both(refers(mapping, "functionName", alias), refers(alias, "functionName", function))
        for alias in stack.of(ALIAS)
    )
    return any_of([refers(mapping, "functionName", function), *by_alias])


def _compared(queue: Resource, function: Resource) -> Outcomes:
    hidden, timeout = queue.properties.get("visibilityTimeoutSeconds"), function.properties.get("timeout")
    if UNKNOWN in (hidden, timeout):
        yield NotKnown("eventSourceArn")
        return
    needed = _VISIBILITY_FACTOR * (as_number(timeout) or _DEFAULT_TIMEOUT)
    if (as_number(hidden) or _DEFAULT_VISIBILITY) < needed:
        yield Violation("eventSourceArn", f"reads a queue that shows messages again in less than {needed:.0f} s")


def _logs_here(function: Resource, stack: Stack) -> Outcomes:
    named = next(find(function.properties, _LOG_GROUP)).value
    answer = any_of(
        refers(function, _LOG_GROUP, group) if is_set(named) else _is_own_group(function, group)
        for group in stack.of("aws:cloudwatch/logGroup:LogGroup")
    )
    yield from wanted(answer, Violation(_LOG_GROUP, "logs to a group outside the stack"))


def _is_own_group(function: Resource, group: Resource) -> Answer:
    names = function.properties.get("name"), group.properties.get("name")
    return None if UNKNOWN in names else names[1] == f"/aws/lambda/{names[0]}"


RULES = (
    Rule(
        id="MS-LAM-001",
        title="Nobody outside may call a function unnamed",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("Lambda.1", "CKV_AWS_301"),
        types=(PERMISSION,),
        remedy="Name the service or account in `principal`, or the organisation in `principalOrgId`.",
        check=either(
            must("principal", lambda value: value != "*", "lets everybody call the function"),
            must("principalOrgId", is_set, "names no organisation"),
        ),
    ),
    Rule(
        id="MS-LAM-002",
        title="A service may call a function only on behalf of one resource or account",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_364", "AWS-0067"),
        types=(PERMISSION,),
        remedy="Set `sourceArn`, or `sourceAccount` where there is no ARN.",
        check=when(
            "principal",
            lambda value: isinstance(value, str) and value.endswith(".amazonaws.com"),
            either(
                must("sourceArn", is_set, "lets a service call the function for any account"),
                must("sourceAccount", is_set, "names no account"),
            ),
        ),
    ),
    Rule(
        id="MS-LAM-003",
        title="Functions run on a runtime that AWS still mends",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("Lambda.2", "CKV_AWS_363", "AwsSolutions-L1"),
        types=(FUNCTION,),
        remedy="Move to a runtime of the list in `policy/rules/functions.py`; an image brings its own.",
        check=when(
            "packageType", is_in("Zip", None), must("runtime", is_in(*SUPPORTED_RUNTIMES), "has an old runtime")
        ),
    ),
    Rule(
        id="MS-LAM-004",
        title="A function inside a network stands in two zones or more",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("Lambda.5",),
        types=(FUNCTION,),
        remedy="List subnets of at least two zones in `vpcConfig.subnetIds`.",
        check=_subnets,
    ),
    Rule(
        id="MS-LAM-005",
        title="Functions are traced",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("CKV_AWS_50", "AWS-0066"),
        types=(FUNCTION,),
        remedy="Set `tracingConfig.mode` to Active.",
        check=must("tracingConfig.mode", is_in("Active"), "is not traced"),
    ),
    Rule(
        id="MS-LAM-006",
        title="Functions have a concurrency of their own",
        severity=Severity.LOW,
        level=Level.ADVISORY,
        frameworks=("CKV_AWS_115",),
        types=(FUNCTION,),
        remedy="Set `reservedConcurrentExecutions`; an account must keep 100 unreserved, which new ones do not have.",
        check=must("reservedConcurrentExecutions", _more_than(-1), "shares the account's concurrency"),
    ),
    Rule(
        id="MS-LAM-007",
        title="Events that a function failed to handle are kept",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_116",),
        types=(FUNCTION,),
        remedy="Set `deadLetterConfig`, or add an `aws.lambda_.FunctionEventInvokeConfig` with `onFailure`.",
        relation=one_of(
            alone(must("deadLetterConfig.targetArn", is_set, "loses events that it failed to handle")),
            companion(
                "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
                "functionName",
                "has no destination for failed events",
                meets=must("destinationConfig.onFailure.destination", is_set, "has no destination"),
            ),
            # Whoever deploys waits for the answer, and is told of the failure.
            companion(INVOCATION, "functionName", "is not called by the deployment itself"),
        ),
    ),
    Rule(
        id="MS-LAM-008",
        title="Records of a stream that a function failed to handle are kept",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(MAPPING,),
        remedy="Set `destinationConfig.onFailure.destinationArn`.",
        check=when(
            "eventSourceArn",
            _from("kinesis", "dynamodb"),
            must("destinationConfig.onFailure.destinationArn", is_set, "loses records that failed"),
        ),
    ),
    Rule(
        id="MS-LAM-009",
        title="Functions have more memory than the default",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        types=(FUNCTION,),
        remedy=f"Set `memorySize`; the default of {_DEFAULT_MEMORY} MB comes with little of a processor.",
        check=must("memorySize", _more_than(_DEFAULT_MEMORY), "has the default memory"),
    ),
    Rule(
        id="MS-LAM-010",
        title="Functions have more time than the default",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        types=(FUNCTION,),
        remedy=f"Set `timeout`; the default of {_DEFAULT_TIMEOUT} s ends most cold starts with work.",
        check=must("timeout", _more_than(_DEFAULT_TIMEOUT), "has the default timeout"),
    ),
    Rule(
        id="MS-LAM-011",
        title="A queue hides a message six times as long as its function may take",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("LambdaEventSourceSQSVisibilityTimeout",),
        types=(MAPPING,),
        remedy="Raise `visibilityTimeoutSeconds` of the queue, or lower `timeout` of the function.",
        relation=_visibility,
    ),
    Rule(
        id="MS-LAM-012",
        title="A function that reads a queue reports which messages failed",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(MAPPING,),
        remedy="Set `functionResponseTypes` to [ReportBatchItemFailures] and answer with the failed ids.",
        check=when(
            "eventSourceArn",
            _from("sqs"),
            some("functionResponseTypes[*]", is_in("ReportBatchItemFailures"), "fails batches as a whole"),
        ),
    ),
    Rule(
        id="MS-LAM-013",
        title="Environment variables of functions hold no secrets",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_45",),
        types=(FUNCTION,),
        remedy="Keep the value in Secrets Manager and give the function its ARN.",
        check=no_secret_values("environment.variables"),
    ),
    Rule(
        id="MS-LAM-014",
        title="Environment variables of functions are encrypted with a key of one's own",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("CKV_AWS_173",),
        types=(FUNCTION,),
        remedy="Set `kmsKeyArn`.",
        check=when("environment.variables", is_set, must("kmsKeyArn", is_set, "encrypts its variables with AWS's key")),
    ),
    Rule(
        id="MS-LAM-015",
        title="A function's log group is in the stack",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        types=(FUNCTION,),
        remedy="Create the log group and name it in `loggingConfig.logGroup`; Lambda's own keeps logs for ever.",
        relation=_logs_here,
    ),
)
