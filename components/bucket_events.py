"""Objects that arrive in a bucket, as messages in queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.bucket import Bucket
from components.queue import Queue


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """The objects whose key begins and ends so, and the queue that hears of each; the queue names the bucket."""

    queue: Queue
    prefix: str = ""
    suffix: str = ""

    def overlaps(self, other: Arrival) -> bool:
        """Whether one object may be meant by both."""
        return _extends(self.prefix, other.prefix) and _extends(self.suffix[::-1], other.suffix[::-1])


class BucketEvents(Component):
    """All that a bucket tells: S3 keeps one configuration of it per bucket, and a second one replaces the first.

    Each object that is created, by an upload of any kind, makes one message, rarely two. Setting it up makes one more,
    `s3:TestEvent`.

    Free; what the queues take is paid there.

    Example:
        >>> BucketEvents("dev-contracts-uploads", bucket=uploads, arrivals=[Arrival(queue=queue, suffix=".sol")])

    """

    def __init__(
        self,
        name: str,
        *,
        bucket: Bucket,
        arrivals: Sequence[Arrival],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the configuration.

        Args:
            name: Logical name.
            bucket: Where objects arrive.
            arrivals: Which objects, and who hears of them; no object may be meant twice.
            opts: Options of the component.

        """
        super().__init__("BucketEvents", name, opts)
        _check(name, arrivals)
        aws.s3.BucketNotification(
            self.child_name(),
            bucket=bucket.bucket_name,
            eventbridge=False,
            queues=[
                aws.s3.BucketNotificationQueueArgs(
                    queue_arn=arrival.queue.arn,
                    events=["s3:ObjectCreated:*"],
                    filter_prefix=arrival.prefix,
                    filter_suffix=arrival.suffix,
                )
                for arrival in arrivals
            ],
            # S3 sends to each queue before it takes the configuration.
            opts=self.opts(depends_on=[arrival.queue.policy for arrival in arrivals]),
        )
        self.register_outputs({})


def _extends(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _check(name: str, arrivals: Sequence[Arrival]) -> None:
    """Refuse what S3 would refuse half-way through.

    Raises:
        ValueError: An object may be meant by two of them.

    """
    for one, other in combinations(arrivals, 2):
        if one.overlaps(other):
            msg = (
                f"{name}: an object may begin with {one.prefix!r} and end with {one.suffix!r} and also begin with "
                f"{other.prefix!r} and end with {other.suffix!r}; S3 tells one queue of each object. Make them differ."
            )
            raise ValueError(msg)
