"""KMS: keys."""

from __future__ import annotations

from policy.checks import as_number, is_set, is_true, must
from policy.documents import denied, is_public
from policy.model import Level, Rule, Severity
from policy.values import Value

KEY = "aws:kms/key:Key"

_SHORTEST_WINDOW = 14


def _is_long(days: Value) -> bool:
    number = as_number(days)
    return days is None or (number is not None and number >= _SHORTEST_WINDOW)


RULES = (
    Rule(
        id="MS-KMS-001",
        title="Keys rotate",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("KMS.4", "CKV_AWS_7", "AwsSolutions-KMS5", "AWS-0065", "CIS 4.6"),
        types=(KEY,),
        remedy="Set `enableKeyRotation`.",
        check=must("enableKeyRotation", is_true, "does not rotate"),
    ),
    Rule(
        id="MS-KMS-002",
        title="Key policies let nobody in unnamed",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("KMS.5", "CKV_AWS_33"),
        types=(KEY, "aws:kms/keyPolicy:KeyPolicy"),
        remedy="Name accounts, roles and services, or narrow `*` with kms:CallerAccount.",
        check=denied(["policy"], is_public, "lets everybody use the key"),
    ),
    Rule(
        id="MS-KMS-003",
        title="Keys have a policy of their own",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        frameworks=("CKV2_AWS_64",),
        types=(KEY,),
        remedy="Set `policy`, so that it is written down who may use the key.",
        check=must("policy", is_set, "has no policy of its own"),
    ),
    Rule(
        id="MS-KMS-004",
        title=f"A key that is deleted can be called back for {_SHORTEST_WINDOW} days or more",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("KMS.3",),
        types=(KEY,),
        remedy=f"Leave `deletionWindowInDays` out (30), or set it to {_SHORTEST_WINDOW} or more.",
        check=must("deletionWindowInDays", _is_long, "is gone too soon after it is deleted"),
    ),
)
