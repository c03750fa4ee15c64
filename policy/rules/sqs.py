"""SQS: queues and their dead-letter queues."""

from __future__ import annotations

from policy.checks import as_number, either, is_set, is_true, must, when
from policy.documents import denied, is_public, tls_only
from policy.model import Level, NotKnown, Outcomes, Resource, Rule, Severity, Stack, Violation
from policy.relations import Answer, any_of, companion, only, referred, refers, wanted
from policy.values import UNKNOWN, find

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
POLICY = "aws:sqs/queuePolicy:QueuePolicy"
QUEUE = "aws:sqs/queue:Queue"

_TARGET = "redrivePolicy.deadLetterTargetArn"
_DEFAULT_RETENTION = 345_600
_DEAD_LETTER_PLACES = (
    (QUEUE, _TARGET),
    ("aws:sqs/redrivePolicy:RedrivePolicy", _TARGET),
    ("aws:lambda/function:Function", "deadLetterConfig.targetArn"),
    ("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "destinationConfig.onFailure.destination"),
    ("aws:sns/topicSubscription:TopicSubscription", _TARGET),
)


def _takes_dead_letters(queue: Resource, stack: Stack) -> Answer:
    return referred(queue, stack, *_DEAD_LETTER_PLACES)


def _redrive(queue: Resource, stack: Stack) -> Outcomes:
    target = next(find(queue.properties, _TARGET)).value
    answer = any_of([is_set(target), _takes_dead_letters(queue, stack)])
    yield from wanted(answer, Violation("redrivePolicy", "tries messages that always fail for ever"))


def _outlives(queue: Resource, stack: Stack) -> Outcomes:
    """Compare retentions: a message keeps the time it was first sent at when it moves to the dead-letter queue."""
    for last in stack.of(QUEUE):
        answer = refers(queue, _TARGET, last) if last.urn != queue.urn else False
        kept, moved = (one.properties.get("messageRetentionSeconds") for one in (queue, last))
        if answer is None or (answer and UNKNOWN in (kept, moved)):
            yield NotKnown("redrivePolicy")
        elif answer and (as_number(moved) or _DEFAULT_RETENTION) < (as_number(kept) or _DEFAULT_RETENTION):
            yield Violation("redrivePolicy", "has a dead-letter queue that forgets sooner than it does")


RULES = (
    Rule(
        id="MS-SQS-001",
        title="Queues are encrypted",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("SQS.1", "CKV_AWS_27", "AwsSolutions-SQS2", "AWS-0096"),
        types=(QUEUE,),
        remedy="Set `kmsMasterKeyId`, or `sqsManagedSseEnabled`.",
        check=either(
            must("sqsManagedSseEnabled", is_true, "is not encrypted"),
            must("kmsMasterKeyId", is_set, "has no key"),
        ),
    ),
    Rule(
        id="MS-SQS-002",
        title="Queues are encrypted with a key of one's own",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("CKV2_AWS_73", "AWS-0135"),
        types=(QUEUE,),
        remedy="Set `kmsMasterKeyId`.",
        check=when("sqsManagedSseEnabled", is_true, must("kmsMasterKeyId", is_set, "is encrypted with SQS's key")),
    ),
    Rule(
        id="MS-SQS-003",
        title="Queues are not open to everybody",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("SQS.3", "CKV_AWS_168", "CKV_AWS_387", "CKV_AWS_72", "AWS-0097"),
        types=(POLICY, QUEUE),
        remedy="Name who may send, or narrow `*` with a condition such as aws:SourceArn.",
        check=denied(["policy"], is_public, "opens the queue to everybody"),
    ),
    Rule(
        id="MS-SQS-004",
        title="Queues take requests by TLS only",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("AwsSolutions-SQS4",),
        types=(QUEUE,),
        remedy="Deny everything where `aws:SecureTransport` is false in the queue's policy.",
        relation=companion(POLICY, "queueUrl", "takes requests without TLS", meets=tls_only("policy")),
    ),
    Rule(
        id="MS-SQS-005",
        title="Messages that always fail go to a dead-letter queue",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("AwsSolutions-SQS3",),
        types=(QUEUE,),
        remedy="Set `redrivePolicy`; a queue that is itself the last stop needs none.",
        relation=_redrive,
    ),
    Rule(
        id="MS-SQS-006",
        title="Dead letters are kept at least as long as messages",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        types=(QUEUE,),
        remedy="Set `messageRetentionSeconds` of the dead-letter queue to 1209600, the most SQS takes.",
        relation=_outlives,
    ),
    Rule(
        id="MS-SQS-007",
        title="Somebody learns of dead letters",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(QUEUE,),
        remedy="Add an `aws.cloudwatch.MetricAlarm` on ApproximateNumberOfMessagesVisible of the dead-letter queue.",
        relation=only(
            _takes_dead_letters,
            companion(ALARM, "dimensions.QueueName", "fills up without an alarm"),
        ),
    ),
)
