"""A bucket nobody outside can reach: encrypted, TLS only, no public access, no ACLs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pulumi
from pulumi_aws import s3

from components.base import Component

_NONCURRENT_DAYS = 90
_UNFINISHED_DAYS = 7
_INFREQUENT_DAYS = 30
"""Before and after: S3 moves nothing to Standard-IA sooner, and nothing away from it sooner."""


@dataclass(frozen=True, kw_only=True)
class BucketStatement:
    """Lets a principal act on the bucket's objects, as a service that delivers logs does."""

    principals: dict[str, pulumi.Input[str]]
    actions: Sequence[str]
    path: str = "*"
    conditions: dict[str, dict[str, pulumi.Input[str]]] = field(default_factory=dict)


class PrivateBucket(Component):
    """Create a private, encrypted bucket.

    Costs 0.023 USD per GB and month (S3 Standard, us-east-1, AWS public price list); an empty one is free.

    Args:
        name: logical name; the bucket's own name is made from it.
        key_arn: KMS key that encrypts objects; S3's own keys when unset. Load balancer logs accept only those.
        versioned: keep replaced objects for 90 days.
        expire_days: delete objects after so many days; unset keeps them.
        infrequent_days: after so many days, move objects to where keeping is cheap and reading is not.
        archive_days: after so many days, move them to where reading is dearer still; it takes no longer.
        guarded: protect from deletion and keep in AWS when no longer managed.
        import_id: name of an existing bucket to take over.
        statements: who else may act on objects.
        opts: resource options.
    """

    def __init__(
        self,
        name: str,
        *,
        key_arn: pulumi.Input[str] | None = None,
        versioned: bool = True,
        expire_days: int | None = None,
        infrequent_days: int | None = None,
        archive_days: int | None = None,
        guarded: bool = True,
        import_id: str | None = None,
        statements: Sequence[BucketStatement] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("PrivateBucket", name, opts)
        _check(name, infrequent_days, archive_days, expire_days)
        self.bucket = s3.Bucket(
            name,
            bucket=import_id,
            force_destroy=not guarded,
            tags=self.tags(),
            opts=self.opts(protect=guarded, retain=guarded, import_id=import_id),
        )
        self.id = self.bucket.id
        self.arn = self.bucket.arn
        closed = s3.BucketPublicAccessBlock(
            name,
            bucket=self.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.opts(),
        )
        s3.BucketOwnershipControls(
            name,
            bucket=self.id,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self.opts(),
        )
        s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=self.id,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="aws:kms" if key_arn is not None else "AES256",
                        kms_master_key_id=key_arn,
                    ),
                    bucket_key_enabled=key_arn is not None,
                )
            ],
            opts=self.opts(),
        )
        versions = (
            [
                s3.BucketVersioning(
                    name,
                    bucket=self.id,
                    versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
                    opts=self.opts(),
                )
            ]
            if versioned
            else []
        )
        s3.BucketLifecycleConfiguration(
            name,
            bucket=self.id,
            rules=_lifecycle(
                expire_days, {"STANDARD_IA": infrequent_days, "GLACIER_IR": archive_days}, versioned=versioned
            ),
            opts=self.opts(depends_on=versions),
        )
        s3.BucketPolicy(
            name,
            bucket=self.id,
            policy=pulumi.Output.json_dumps(_policy(self.arn, statements), sort_keys=True),
            # A policy that arrives first would be judged without the block.
            opts=self.opts(depends_on=[closed]),
        )
        self.register_outputs({"name": self.id, "arn": self.arn})


def _check(name: str, infrequent_days: int | None, archive_days: int | None, expire_days: int | None) -> None:
    """Refuse ages that S3 refuses, or that would pay for a move and never gain by it.

    Raises:
        ValueError: The ages are too small or do not follow each other.

    """
    ages = {"infrequent_days": infrequent_days, "archive_days": archive_days, "expire_days": expire_days}
    given = [(which, days) for which, days in ages.items() if days is not None]
    problems = [
        f"{earlier} {before} is not before {later} {after}"
        for (earlier, before), (later, after) in pairwise(given)
        if before >= after
    ]
    if infrequent_days is not None and infrequent_days < _INFREQUENT_DAYS:
        problems.append(f"infrequent_days is {infrequent_days}; S3 takes {_INFREQUENT_DAYS} or more")
    if infrequent_days and archive_days and infrequent_days < archive_days < infrequent_days + _INFREQUENT_DAYS:
        problems.append(f"archive_days is {archive_days}; S3 takes infrequent_days + {_INFREQUENT_DAYS} or more")
    if problems:
        msg = f"{name}: {'; '.join(problems)}."
        raise ValueError(msg)


def _lifecycle(
    expire_days: int | None, moves: Mapping[str, int | None], *, versioned: bool
) -> list[s3.BucketLifecycleConfigurationRuleArgs]:
    rules = [
        # Parts of an upload that was given up are in no listing and billed all the same.
        s3.BucketLifecycleConfigurationRuleArgs(
            id="unfinished-uploads",
            status="Enabled",
            filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=_UNFINISHED_DAYS
            ),
        )
    ]
    transitions = [
        s3.BucketLifecycleConfigurationRuleTransitionArgs(days=days, storage_class=storage)
        for storage, days in moves.items()
        if days is not None
    ]
    if transitions:
        rules.append(
            s3.BucketLifecycleConfigurationRuleArgs(
                id="older",
                status="Enabled",
                filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                transitions=transitions,
            )
        )
    if expire_days is not None:
        rules.append(
            s3.BucketLifecycleConfigurationRuleArgs(
                id="expire",
                status="Enabled",
                filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=expire_days),
            )
        )
    if versioned:
        rules.append(
            s3.BucketLifecycleConfigurationRuleArgs(
                id="old-versions",
                status="Enabled",
                filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                    noncurrent_days=_NONCURRENT_DAYS
                ),
            )
        )
    return rules


def _policy(arn: pulumi.Output[str], statements: Sequence[BucketStatement]) -> dict[str, object]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "s3:*",
                "Resource": [arn, arn.apply(lambda value: f"{value}/*")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            *(
                {
                    "Effect": "Allow",
                    "Principal": statement.principals,
                    "Action": list(statement.actions),
                    "Resource": arn.apply(lambda value, path=statement.path: f"{value}/{path}"),
                    **({"Condition": statement.conditions} if statement.conditions else {}),
                }
                for statement in statements
            ),
        ],
    }
