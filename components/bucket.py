"""A bucket that a service keeps objects in."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import use_key
from components.linking import OBJECT_ACTIONS, checked_actions, variable
from components.private_bucket import BucketStatement, PrivateBucket
from components.service import Link, Statement

# What of the key each action takes; an upload in parts reads it back (S3 user guide: UsingKMSEncryption).
_KEY_USES = {
    "GetObject": ("Decrypt",),
    "GetObjectVersion": ("Decrypt",),
    "PutObject": ("Decrypt", "GenerateDataKey"),
}


class Bucket(Component):
    """A private bucket of a service's own, and one for the record of its requests if that is kept.

    What is replaced or deleted stays for 90 days. Nothing here can be changed that makes a new bucket necessary.
    Protected from deletion, and kept in AWS when it leaves the stack, unless `guarded` is off.

    Cost in us-east-1: 0.023 USD per GB and month, from `infrequent_days` on 0.0125, from `archive_days` on 0.004, where
    reading costs 0.01 and 0.03 per GB; 0.005 per thousand writes, 0.0004 per thousand reads (AWS price list: AmazonS3).

    Example:
        >>> Bucket("dev-contracts-uploads", infrequent_days=30, archive_days=90, expire_days=365)

    """

    def __init__(
        self,
        name: str,
        *,
        versioned: bool = True,
        expire_days: int | None = None,
        infrequent_days: int | None = None,
        archive_days: int | None = None,
        access_log_days: int | None = None,
        key_arn: pulumi.Input[str] | None = None,
        guarded: bool = True,
        import_id: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the bucket, or take over an existing one.

        Args:
            name: Logical name; the bucket's own name is made from it.
            versioned: Keep what was replaced or deleted for 90 days.
            expire_days: Delete objects after so many days; unset keeps them.
            infrequent_days: Move objects to Standard-IA after so many days, 30 or more.
            archive_days: Move them to Glacier Instant Retrieval after so many days.
            access_log_days: Keep a record of every request for so many days; unset keeps none.
            key_arn: KMS key that encrypts objects; S3's own keys when unset.
            guarded: Refuse to delete the bucket, and keep it in AWS when it leaves the stack.
            import_id: Name of an existing bucket to take over.
            opts: Options of the component.

        """
        super().__init__("Bucket", name, opts)
        self._key_arn = key_arn
        made = PrivateBucket(
            self.child_name(),
            key_arn=key_arn,
            versioned=versioned,
            expire_days=expire_days,
            infrequent_days=infrequent_days,
            archive_days=archive_days,
            guarded=guarded,
            import_id=import_id,
            opts=self.opts(),
        )
        self.bucket_name: pulumi.Output[str] = made.id
        self.arn: pulumi.Output[str] = made.arn
        if access_log_days is not None:
            self._log_requests(made, days=access_log_days, guarded=guarded)
        self.register_outputs({"name": self.bucket_name, "arn": self.arn})

    def link(self, name: str, *, actions: Sequence[str]) -> Link:
        """Return what a service gets that uses the bucket: its name in `{NAME}_BUCKET`, and these actions.

        Raises:
            ValueError: An action is none of a bucket's or its objects'.

        """
        wanted = checked_actions("bucket", name, actions)
        objects = [f"s3:{action}" for action in wanted if action in OBJECT_ACTIONS]
        bucket = [f"s3:{action}" for action in wanted if action not in OBJECT_ACTIONS]
        uses = [use for action in wanted for use in _KEY_USES.get(action, ())]
        return Link(
            name=name,
            environment={variable(name, "BUCKET"): self.bucket_name},
            statements=[
                *([Statement(actions=bucket, resources=[self.arn])] if bucket else []),
                *([Statement(actions=objects, resources=[pulumi.Output.concat(self.arn, "/*")])] if objects else []),
                *(use_key(self._key_arn, *uses, service="s3") if uses else []),
            ],
        )

    def _log_requests(self, bucket: PrivateBucket, *, days: int, guarded: bool) -> None:
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self)).account_id
        # Logs are delivered under S3's own encryption alone (S3 user guide: enable-server-access-logging).
        logs = PrivateBucket(
            self.child_name("logs"),
            versioned=False,
            expire_days=days,
            guarded=guarded,
            statements=[
                BucketStatement(
                    principals={"Service": "logging.s3.amazonaws.com"},
                    actions=["s3:PutObject"],
                    conditions={
                        "ArnLike": {"aws:SourceArn": bucket.arn},
                        "StringEquals": {"aws:SourceAccount": account},
                    },
                )
            ],
            opts=self.opts(),
        )
        aws.s3.BucketLogging(
            self.child_name(),
            bucket=bucket.id,
            target_bucket=logs.id,
            target_prefix="",
            opts=self.opts(depends_on=[logs]),
        )
