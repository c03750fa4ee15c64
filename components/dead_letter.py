"""A queue for what could not be processed, so that it is neither lost nor tried for ever."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.base import Component

RETENTION_SECONDS = 14 * 24 * 3600
"""As long as SQS keeps anything: somebody has to come and look."""


def dead_letter_queue(parent: Component, *, key_arn: pulumi.Input[str] | None) -> aws.sqs.Queue:
    """Create an encrypted queue that only takes TLS, called `{parent}-dead-letter`.

    Cost: 0.40 USD per million requests, the first million of a month free (AWS price list: AWSQueueService).
    """
    suffix = "dead-letter"
    queue = aws.sqs.Queue(
        parent.child_name(suffix),
        message_retention_seconds=RETENTION_SECONDS,
        kms_master_key_id=key_arn,
        # SQS's own encryption; the provider refuses both at once.
        sqs_managed_sse_enabled=True if key_arn is None else None,
        tags=parent.tags(suffix),
        opts=parent.opts(),
    )
    aws.sqs.QueuePolicy(
        parent.child_name(suffix),
        queue_url=queue.url,
        policy=pulumi.Output.json_dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "TlsOnly",
                        "Effect": "Deny",
                        "Principal": {"AWS": "*"},
                        "Action": "sqs:*",
                        "Resource": queue.arn,
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            },
            sort_keys=True,
        ),
        opts=parent.opts(),
    )
    return queue
