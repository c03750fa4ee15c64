"""ElastiCache: caches and who may use them."""

from __future__ import annotations

from policy.checks import at_least, every, is_in, is_not_true, is_set, is_true, must
from policy.model import Level, Rule, Severity

SERVERLESS = "aws:elasticache/serverlessCache:ServerlessCache"
NODES = "aws:elasticache/replicationGroup:ReplicationGroup"
USER = "aws:elasticache/user:User"

RULES = (
    Rule(
        id="MS-ELC-001",
        title="Caches accept connections by TLS only",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("ElastiCache.5", "CKV_AWS_30", "AwsSolutions-AEC3"),
        types=(NODES,),
        remedy="Set `transitEncryptionEnabled`; a serverless cache has no other way.",
        check=every(
            must("transitEncryptionEnabled", is_true, "accepts connections without TLS"),
            must("transitEncryptionMode", is_in("required", None), "accepts connections without TLS"),
        ),
    ),
    Rule(
        id="MS-ELC-002",
        title="Caches are encrypted",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("ElastiCache.4", "CKV_AWS_29"),
        types=(NODES,),
        remedy="Set `atRestEncryptionEnabled`; a serverless cache always is.",
        check=must("atRestEncryptionEnabled", is_true, "is not encrypted"),
    ),
    Rule(
        id="MS-ELC-003",
        title="Caches are encrypted with a key of one's own",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("CKV_AWS_191",),
        types=(SERVERLESS, NODES),
        remedy="Set `kmsKeyId`.",
        check=must("kmsKeyId", is_set, "is encrypted with AWS's key"),
    ),
    Rule(
        id="MS-ELC-004",
        title="Caches ask who calls",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("ElastiCache.6",),
        types=(SERVERLESS,),
        remedy="Set `userGroupId` to a group of users that sign in.",
        check=must("userGroupId", is_set, "lets in whoever reaches it"),
    ),
    Rule(
        id="MS-ELC-005",
        title="Users of caches sign in",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        types=(USER,),
        remedy="Set `authenticationMode.type` to iam, or to password.",
        check=every(
            must("noPasswordRequired", is_not_true, "signs in without a password"),
            must("authenticationMode.type", is_in("iam", "password", None), "signs in without a password"),
        ),
    ),
    Rule(
        id="MS-ELC-006",
        title="Caches have backups",
        severity=Severity.LOW,
        level=Level.ADVISORY,
        frameworks=("ElastiCache.1", "CKV_AWS_134"),
        types=(SERVERLESS, NODES),
        remedy="Set `snapshotRetentionLimit`, where what it holds cannot be made again.",
        check=must("snapshotRetentionLimit", at_least(1), "has no snapshots"),
    ),
)
