"""Logs, alarms and the topics that tell of them."""

from __future__ import annotations

from policy.checks import as_number, at_least, is_in, is_set, must, when
from policy.documents import denied, is_public, tls_only
from policy.model import Level, Rule, Severity
from policy.relations import companion
from policy.values import Value

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"

_YEAR = 365


def _ends(days: Value) -> bool:
    # 0 means for ever.
    return bool(as_number(days))


RULES = (
    Rule(
        id="MS-LOG-001",
        title="Logs are deleted some day",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_66", "CloudWatchLogGroupRetentionPeriod"),
        types=(GROUP,),
        remedy="Set `retentionInDays`.",
        check=must("retentionInDays", _ends, "keeps logs for ever"),
    ),
    Rule(
        id="MS-LOG-002",
        title="Logs are kept for a year",
        severity=Severity.LOW,
        level=Level.ADVISORY,
        frameworks=("CKV_AWS_338",),
        types=(GROUP,),
        remedy="Set `retentionInDays` to 365 or more, or copy logs to S3, which is cheaper.",
        check=when(
            "retentionInDays", _ends, must("retentionInDays", at_least(_YEAR), "keeps logs for less than a year")
        ),
    ),
    Rule(
        id="MS-LOG-003",
        title="Logs are encrypted with a key of one's own",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("CKV_AWS_158", "AWS-0017"),
        types=(GROUP,),
        remedy="Set `kmsKeyId`; the key's policy must let the service logs in.",
        check=must("kmsKeyId", is_set, "is encrypted with AWS's key"),
    ),
    Rule(
        id="MS-ALM-001",
        title="Alarms do something",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_319",),
        types=(ALARM,),
        remedy="Leave `actionsEnabled` on.",
        check=must("actionsEnabled", is_in(True, None), "is switched off"),  # noqa: FBT003
    ),
    Rule(
        id="MS-SNS-001",
        title="Topics are encrypted",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("SNS.1", "CKV_AWS_26"),
        types=(TOPIC,),
        remedy="Set `kmsMasterKeyId`.",
        check=must("kmsMasterKeyId", is_set, "is not encrypted"),
    ),
    Rule(
        id="MS-SNS-002",
        title="Topics take messages by TLS only",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("AwsSolutions-SNS3",),
        types=(TOPIC,),
        remedy="Deny sns:Publish where `aws:SecureTransport` is false in an `aws.sns.TopicPolicy`.",
        relation=companion(TOPIC_POLICY, "arn", "takes messages without TLS", meets=tls_only("policy")),
    ),
    Rule(
        id="MS-SNS-003",
        title="Topics are not open to everybody",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("CIS 2.21",),
        types=(TOPIC_POLICY,),
        remedy="Name who may publish, or narrow `*` with aws:SourceAccount.",
        check=denied(["policy"], is_public, "opens the topic to everybody"),
    ),
)
