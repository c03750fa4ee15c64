"""Moments, as messages in a queue."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import grant, source_trust_policy
from components.queue import Queue

# EventBridge Scheduler writes these into each message (Scheduler user guide: managing-schedule-context-attributes). The
# time is the planned one, the same however often delivery is tried.
_MESSAGE = {"schedule": "<aws.scheduler.schedule-arn>", "time": "<aws.scheduler.scheduled-time>"}

_RETRIES = 185
_RETRIED_SECONDS = 24 * 3600


class Schedule(Component):
    """A schedule that puts a message into a queue each time, at the second it says.

    The message is `{"schedule": ARN, "time": "2026-03-01T08:00:00Z"}`. What cannot be delivered for a day goes to the
    queue's dead letters.

    Cost: 1.00 USD per million messages, the first 14 million of a month free (AWS price list: AWSEvents).

    Example:
        >>> Schedule("dev-contracts-hourly", queue=queue, expression="rate(1 hour)")

    """

    def __init__(
        self,
        name: str,
        *,
        queue: Queue,
        expression: str,
        timezone: str = "UTC",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the schedule.

        Args:
            name: Logical name (`naming.py` has its limit).
            queue: Where the messages go.
            expression: `rate(1 hour)`, `cron(0 8 ? * MON-FRI *)` or `at(2030-01-31T08:00:00)`.
            timezone: Where it is that time, as in `Europe/Berlin`.
            opts: Options of the component.

        """
        super().__init__("Schedule", name, opts)
        allowed = grant(
            self,
            "schedule",
            trust=source_trust_policy(
                "scheduler.amazonaws.com",
                # Scheduler says of itself which group a schedule is in, not which it is (Scheduler user guide:
                # cross-service-confused-deputy-prevention).
                queue.arn.apply(_default_group),
            ),
            description=f"Puts messages of {name} into its queue.",
            statements=queue.allow_feeding(),
        )
        aws.scheduler.Schedule(
            self.child_name(),
            description=f"Feeds the queue {name}.",
            schedule_expression=expression,
            schedule_expression_timezone=timezone,
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=queue.arn,
                role_arn=allowed.role.arn,
                input=json.dumps(_MESSAGE, sort_keys=True),
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_event_age_in_seconds=_RETRIED_SECONDS, maximum_retry_attempts=_RETRIES
                ),
                dead_letter_config=aws.scheduler.ScheduleTargetDeadLetterConfigArgs(arn=queue.dead_letter_arn),
            ),
            opts=self.opts(depends_on=allowed.resources),
        )
        self.register_outputs({})


def _default_group(queue_arn: str) -> str:
    _, partition, _, region, account, _ = queue_arn.split(":")
    return f"arn:{partition}:scheduler:{region}:{account}:schedule-group/default"
