"""S3: buckets and what stands around them."""

from __future__ import annotations

from policy.checks import every, is_in, is_set, is_true, must, some
from policy.documents import denied, is_public, tls_only
from policy.model import Level, Relation, Resource, Rule, Severity, Stack
from policy.relations import Answer, companion, only, referred

BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"

_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_LOG_PLACES = (
    ("aws:lb/loadBalancer:LoadBalancer", "accessLogs.bucket"),
    (LOGGING, "targetBucket"),
)


def _keeps_data(bucket: Resource, stack: Stack) -> Answer:
    """Tell buckets from those that services write logs to: these take no KMS key, and logs of logs never end."""
    answer = referred(bucket, stack, *_LOG_PLACES)
    return None if answer is None else not answer


def _of_data(relation: Relation) -> Relation:
    return only(_keeps_data, relation)


RULES = (
    Rule(
        id="MS-S3-001",
        title="Buckets have a public access block",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("S3.8", "CKV2_AWS_6", "AwsSolutions-S2"),
        types=(BUCKET,),
        remedy="Add an `aws.s3.BucketPublicAccessBlock` for the bucket.",
        relation=companion(BLOCK, "bucket", "has no public access block"),
    ),
    Rule(
        id="MS-S3-002",
        title="Public access blocks block everything",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=(
            *("S3.1", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"),
            *("AWS-0086", "AWS-0087", "AWS-0091", "AWS-0093", "CIS 3.1.4"),
        ),
        types=(BLOCK,),
        remedy="Set all four of its properties.",
        check=every(
            must("blockPublicAcls", is_true, "lets public ACLs in"),
            must("blockPublicPolicy", is_true, "lets public policies in"),
            must("ignorePublicAcls", is_true, "minds public ACLs"),
            must("restrictPublicBuckets", is_true, "serves public buckets"),
        ),
    ),
    Rule(
        id="MS-S3-003",
        title="Buckets take requests by TLS only",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("S3.5", "AwsSolutions-S10", "CIS 3.1.1"),
        types=(BUCKET,),
        remedy="Deny everything where `aws:SecureTransport` is false in the bucket's policy.",
        relation=companion(POLICY, "bucket", "takes requests without TLS", meets=tls_only("policy")),
    ),
    Rule(
        id="MS-S3-004",
        title="Buckets record their requests",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("S3.9", "CKV_AWS_18", "AwsSolutions-S1", "AWS-0089"),
        types=(BUCKET,),
        remedy="Add an `aws.s3.BucketLogging` to a bucket for logs.",
        relation=_of_data(companion(LOGGING, "bucket", "has no access logs")),
    ),
    Rule(
        id="MS-S3-005",
        title="Buckets have no access lists",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("S3.12",),
        types=(BUCKET,),
        remedy="Add an `aws.s3.BucketOwnershipControls` with BucketOwnerEnforced.",
        relation=companion(
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
            "bucket",
            "has access lists",
            meets=must("rule.objectOwnership", is_in("BucketOwnerEnforced"), "leaves access lists on"),
        ),
    ),
    Rule(
        id="MS-S3-006",
        title="Buckets tidy up what nobody needs",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        frameworks=("S3.13", "CKV2_AWS_61"),
        types=(BUCKET,),
        remedy="Add an `aws.s3.BucketLifecycleConfiguration`.",
        relation=companion(LIFECYCLE, "bucket", "keeps everything for ever"),
    ),
    Rule(
        id="MS-S3-007",
        title="Uploads that were never finished are deleted",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_300",),
        types=(LIFECYCLE,),
        remedy="Set `abortIncompleteMultipartUpload.daysAfterInitiation` in a rule.",
        check=some(
            "rules[*].abortIncompleteMultipartUpload.daysAfterInitiation",
            is_set,
            "keeps uploads that were never finished",
        ),
    ),
    Rule(
        id="MS-S3-008",
        title="Buckets keep what was overwritten",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("S3.14", "CKV_AWS_21", "AWS-0090"),
        types=(BUCKET,),
        remedy="Add an `aws.s3.BucketVersioning` that is enabled.",
        relation=_of_data(
            companion(
                "aws:s3/bucketVersioning:BucketVersioning",
                "bucket",
                "does not keep what was overwritten",
                meets=must("versioningConfiguration.status", is_in("Enabled"), "is off"),
            )
        ),
    ),
    Rule(
        id="MS-S3-009",
        title="Buckets are encrypted with a key of one's own",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("S3.17", "CKV_AWS_145", "AWS-0132"),
        types=(BUCKET,),
        remedy="Add an `aws.s3.BucketServerSideEncryptionConfiguration` with aws:kms and a key.",
        relation=_of_data(
            companion(
                _ENCRYPTION,
                "bucket",
                "is encrypted with S3's key",
                meets=must(
                    "rules[*].applyServerSideEncryptionByDefault.sseAlgorithm",
                    is_in("aws:kms", "aws:kms:dsse"),
                    "uses S3's key",
                ),
            )
        ),
    ),
    Rule(
        id="MS-S3-010",
        title="Bucket policies let nobody in unnamed",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("CIS 2.21",),
        types=(POLICY,),
        remedy="Name the accounts and roles, or narrow `*` with a condition such as aws:SourceArn.",
        check=denied(["policy"], is_public, "opens the bucket to everybody"),
    ),
)
