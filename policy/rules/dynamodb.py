"""DynamoDB: tables."""

from __future__ import annotations

from policy.checks import every, is_in, is_set, is_true, must
from policy.model import Level, Outcomes, Resource, Rule, Severity, Stack, Violation
from policy.relations import Answer, alone, any_of, companion, one_of, refers, wanted
from policy.values import find, holds_unknown

TABLE = "aws:dynamodb/table:Table"


def _backed_up(table: Resource, stack: Stack) -> Outcomes:
    """Look for a backup selection that names the table, everything, or one of the table's tags."""
    answer = any_of(
        answer
        for one in stack.of("aws:backup/selection:Selection")
        for answer in (_selects_all(one), _selects_tag(one, table), refers(one, "resources", table))
    )
    yield from wanted(answer, Violation("", "is in no backup plan"))


def _selects_all(selection: Resource) -> bool:
    return any(found.value == "*" for found in find(selection.properties, "resources[*]"))


def _selects_tag(selection: Resource, table: Resource) -> Answer:
    tags = table.properties.get("tagsAll") or table.properties.get("tags") or {}
    wanted = [found.value for found in find(selection.properties, "selectionTags[*]")]
    if isinstance(tags, dict) and any(
        isinstance(one, dict) and tags.get(str(one.get("key"))) == one.get("value") for one in wanted
    ):
        return True
    return None if wanted and holds_unknown([tags, *wanted]) else False


RULES = (
    Rule(
        id="MS-DDB-001",
        title="Tables scale with their traffic",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("DynamoDB.1", "CKV2_AWS_16"),
        types=(TABLE,),
        remedy="Set `billingMode` to PAY_PER_REQUEST, or add an `aws.appautoscaling.Target` for the table.",
        relation=one_of(
            alone(must("billingMode", is_in("PAY_PER_REQUEST"), "has a capacity that nothing scales")),
            companion("aws:appautoscaling/target:Target", "resourceId", "is not scaled"),
        ),
    ),
    Rule(
        id="MS-DDB-002",
        title="Tables can be taken back to any second",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("DynamoDB.2", "CKV_AWS_28", "AwsSolutions-DDB3", "AWS-0024"),
        types=(TABLE,),
        remedy="Set `pointInTimeRecovery.enabled`.",
        check=must("pointInTimeRecovery.enabled", is_true, "has no point-in-time recovery"),
    ),
    Rule(
        id="MS-DDB-003",
        title="Tables cannot be deleted by accident",
        severity=Severity.HIGH,
        level=Level.PROD,
        frameworks=("DynamoDB.6",),
        types=(TABLE,),
        remedy="Set `deletionProtectionEnabled`.",
        check=must("deletionProtectionEnabled", is_true, "is not protected from deletion"),
    ),
    Rule(
        id="MS-DDB-004",
        title="Tables are encrypted with a key of one's own",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("CKV_AWS_119", "AWS-0025"),
        types=(TABLE,),
        remedy="Set `serverSideEncryption.enabled` and its `kmsKeyArn`.",
        check=every(
            must("serverSideEncryption.enabled", is_true, "is encrypted with AWS's key"),
            must("serverSideEncryption.kmsKeyArn", is_set, "is encrypted with AWS's key"),
        ),
    ),
    Rule(
        id="MS-DDB-005",
        title="Tables are in a backup plan",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        frameworks=("DynamoDB.4",),
        types=(TABLE,),
        remedy="Add an `aws.backup.Selection` that names the table or one of its tags.",
        relation=_backed_up,
    ),
)
