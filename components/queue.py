"""A queue that feeds a worker, and the one for what the worker cannot do."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.alarms import Severity, Watch, alarm
from components.base import Component
from components.iam import use_key
from components.linking import checked_actions, variable
from components.private_queue import dead_letter_queue, private_queue
from components.service import Link, Statement

MOST_ATTEMPTS = 5
"""How often a message is given to a worker before it is parked as a dead letter."""

_SHORTEST_LATE = 900

_SENDING = ("Decrypt", "GenerateDataKey")
_TAKING = ("Decrypt",)


class Queue(Component):
    """A queue whose messages wait for 7 days, and go to a dead-letter queue for another 7 when they failed five times.

    A message has 1 MiB at most, and means the same in any order and however often it comes: it is a standard queue. An
    alarm tells of dead letters, one of messages that wait for more than 15 minutes, or twice the visibility timeout.

    It may go with its stack: messages are work under way, not data.

    Cost in us-east-1: nothing when idle. 0.40 USD per million requests of 64 KB, the first million of a month free;
    alarms 0.10 a month each (AWS price list: AWSQueueService, AmazonCloudWatch).

    Example:
        >>> Queue("dev-contracts-jobs", visibility_seconds=6 * 300)

    """

    def __init__(
        self,
        name: str,
        *,
        visibility_seconds: int = 30,
        bucket_arns: Sequence[pulumi.Input[str]] = (),
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create both queues.

        Args:
            name: Logical name; the queues' own names are made from it.
            visibility_seconds: How long a message that a worker took is hidden from others; six times its timeout.
            bucket_arns: Buckets that may send to it.
            key_arn: KMS key that encrypts messages; SQS's own keys when unset.
            opts: Options of the component.

        """
        super().__init__("Queue", name, opts)
        self._key_arn = key_arn
        dead_letters = dead_letter_queue(self, key_arn=key_arn)
        made = private_queue(
            self,
            key_arn=key_arn,
            visibility_seconds=visibility_seconds,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": MOST_ATTEMPTS}, sort_keys=True
            ),
            bucket_arns=bucket_arns,
        )
        aws.sqs.RedriveAllowPolicy(
            self.child_name("dead-letter"),
            queue_url=dead_letters.url,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [made.queue.arn]}, sort_keys=True
            ),
            opts=self.opts(),
        )
        self.arn: pulumi.Output[str] = made.queue.arn
        self.url: pulumi.Output[str] = made.queue.url
        self.queue_name: pulumi.Output[str] = made.queue.name
        self.policy: aws.sqs.QueuePolicy = made.policy
        self.dead_letter_arn: pulumi.Output[str] = dead_letters.arn
        self.dead_letter_url: pulumi.Output[str] = dead_letters.url
        self.alarms = (
            alarm(self, _PARKED, {"QueueName": dead_letters.name}),
            alarm(self, _late(visibility_seconds), {"QueueName": made.queue.name}),
        )
        self.register_outputs({"url": self.url, "arn": self.arn, "deadLetterUrl": self.dead_letter_url})

    def link(self, name: str, *, actions: Sequence[str] = ("SendMessage",)) -> Link:
        """Return what a service gets that sends to the queue: its URL in `{NAME}_QUEUE`, and these actions.

        Raises:
            ValueError: An action is none of a queue's.

        """
        return Link(
            name=name,
            environment={variable(name, "QUEUE"): self.url},
            statements=self.allow(*checked_actions("queue", name, actions)),
        )

    def allow(self, *actions: str) -> list[Statement]:
        """Return the statements that allow actions on the queue, and what its key has to be used for."""
        return self._allow(actions, self.arn)

    def allow_parking(self) -> list[Statement]:
        """Return the statements that allow to park a message as a dead letter."""
        return self._allow(["SendMessage"], self.dead_letter_arn)

    def allow_feeding(self) -> list[Statement]:
        """Return the statements that a source needs: to send, and to park what cannot be delivered."""
        return self._allow(["SendMessage"], self.arn, self.dead_letter_arn)

    def _allow(self, actions: Sequence[str], *arns: pulumi.Input[str]) -> list[Statement]:
        uses = [
            use
            for action, needed in (("SendMessage", _SENDING), ("ReceiveMessage", _TAKING))
            if action in actions
            for use in needed
        ]
        return [
            Statement(actions=[f"sqs:{action}" for action in actions], resources=arns),
            *(use_key(self._key_arn, *uses, service="sqs") if uses else []),
        ]


_PARKED = Watch(
    suffix="parked",
    says="messages failed for good and wait in the dead-letter queue.",
    namespace="AWS/SQS",
    metric="ApproximateNumberOfMessagesVisible",
    statistic="Maximum",
    above=0,
    severity=Severity.CRITICAL,
)


def _late(visibility_seconds: int) -> Watch:
    """Return the watch over messages nobody takes; one that a worker lost comes again when its time is over."""
    seconds = max(_SHORTEST_LATE, 2 * visibility_seconds)
    return Watch(
        suffix="late",
        says=f"the oldest message has waited for more than {seconds // 60} minutes.",
        namespace="AWS/SQS",
        metric="ApproximateAgeOfOldestMessage",
        statistic="Maximum",
        above=seconds,
        severity=Severity.WARNING,
    )
