"""A queue nobody outside can reach: encrypted, TLS only, and one for what could not be processed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import account_of

_DAY = 24 * 3600
_RETENTION_SECONDS = 7 * _DAY
# As long as SQS keeps anything: somebody has to come and look. A message keeps the time that it was first sent at, so
# this has to be more than it may have waited before.
_DEAD_RETENTION_SECONDS = 14 * _DAY
# What SQS takes; the provider's default is what it took until 2025, less than an item of a table with its old self.
_LARGEST_MESSAGE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class PrivateQueue:
    """A queue, and the policy that has to stand before another service can send to it."""

    queue: aws.sqs.Queue
    policy: aws.sqs.QueuePolicy


def private_queue(
    parent: Component,
    suffix: str = "",
    *,
    key_arn: pulumi.Input[str] | None,
    retention_seconds: int = _RETENTION_SECONDS,
    visibility_seconds: int | None = None,
    redrive_policy: pulumi.Input[str] | None = None,
    bucket_arns: Sequence[pulumi.Input[str]] = (),
) -> PrivateQueue:
    """Create a queue.

    Cost: 0.40 USD per million requests, the first million of a month free (AWS price list: AWSQueueService).

    Args:
        parent: Component that the queue belongs to.
        suffix: What its name has after the parent's.
        key_arn: KMS key that encrypts messages; SQS's own keys when unset.
        retention_seconds: How long it keeps messages.
        visibility_seconds: How long a message that somebody took is hidden from others.
        redrive_policy: Where messages go that were taken too often.
        bucket_arns: Buckets that may send, beside those whom their own role allows to.

    """
    name = parent.child_name(suffix)
    queue = aws.sqs.Queue(
        name,
        message_retention_seconds=retention_seconds,
        max_message_size=_LARGEST_MESSAGE,
        visibility_timeout_seconds=visibility_seconds,
        redrive_policy=redrive_policy,
        kms_master_key_id=key_arn,
        # SQS's own encryption; the provider refuses both at once.
        sqs_managed_sse_enabled=True if key_arn is None else None,
        tags=parent.tags(suffix),
        opts=parent.opts(),
    )
    statements = [_tls_only(queue), *([_buckets(queue, bucket_arns)] if bucket_arns else [])]
    policy = aws.sqs.QueuePolicy(
        name,
        queue_url=queue.url,
        policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements}, sort_keys=True),
        opts=parent.opts(),
    )
    return PrivateQueue(queue=queue, policy=policy)


def dead_letter_queue(parent: Component, *, key_arn: pulumi.Input[str] | None) -> aws.sqs.Queue:
    """Create the queue for what could not be processed, `{parent}-dead-letter`: neither lost nor tried for ever."""
    return private_queue(parent, "dead-letter", key_arn=key_arn, retention_seconds=_DEAD_RETENTION_SECONDS).queue


def _tls_only(queue: aws.sqs.Queue) -> Mapping[str, object]:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sqs:*",
        "Resource": queue.arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _buckets(queue: aws.sqs.Queue, arns: Sequence[pulumi.Input[str]]) -> Mapping[str, object]:
    return {
        "Sid": "Buckets",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue.arn,
        # The ARN of a bucket names no account: a bucket of that name may one day be somebody else's.
        "Condition": {
            "ArnEquals": {"aws:SourceArn": list(arns)},
            "StringEquals": {"aws:SourceAccount": queue.arn.apply(account_of)},
        },
    }
