"""What feeds a service's worker. Like the links it belongs to the stack: a change of mode moves only who takes it.

Each trigger has a queue of its own, whatever sends to it, so that a worker takes messages the same way everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from components.service import Link
from stacks.base import Base
from stacks.data import Linked
from stacks.settings import ServiceSettings
from stacks.workers import (
    IDEMPOTENCY,
    BucketTriggerSettings,
    QueueTriggerSettings,
    ScheduleTriggerSettings,
    StreamTriggerSettings,
    WorkerSettings,
)

if TYPE_CHECKING:
    from components.bucket import Bucket
    from components.queue import Queue
    from components.table import Table

_REMEMBERING: Final = ("DeleteItem", "PutItem", "UpdateItem")


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The queues of a service by trigger, and where its workers remember what is done."""

    queues: Mapping[str, Queue]
    done: Link

    def links(self, settings: ServiceSettings) -> list[Link]:
        """Return what the half that answers requests gets: the queues that the service sends to itself."""
        return [
            queue.link(name)
            for name, queue in self.queues.items()
            if isinstance(settings.triggers[name], QueueTriggerSettings)
        ]


def make_sources(base: Base, service: str, made: Mapping[str, Linked]) -> Sources | None:
    """Create what feeds a service's worker, if anything does."""
    settings = base.settings.services[service]
    if not settings.triggers:
        return None
    from components.queue import Queue  # noqa: PLC0415
    from components.table import Table  # noqa: PLC0415
    from components.worker import visibility_seconds  # noqa: PLC0415

    worker = settings.worker or WorkerSettings()
    queues: dict[str, Queue] = {}
    for name, trigger in sorted(settings.triggers.items()):
        senders = [_bucket(made, trigger).arn] if isinstance(trigger, BucketTriggerSettings) else []
        queues[name] = Queue(
            base.name(service, name),
            visibility_seconds=visibility_seconds(worker.timeout),
            bucket_arns=senders,
            key_arn=base.key_arn,
            opts=base.opts,
        )
    _connect(base, service, made, queues)
    done = Table(
        base.name(service, IDEMPOTENCY),
        key=["id"],
        attributes={"id": "S"},
        ttl="expiration",
        key_arn=base.key_arn,
        guarded=base.guarded,
        opts=base.opts,
    )
    return Sources(queues=queues, done=done.link(IDEMPOTENCY, actions=_REMEMBERING))


def _connect(base: Base, service: str, made: Mapping[str, Linked], queues: Mapping[str, Queue]) -> None:
    """Have buckets, schedules and streams send to their queues."""
    triggers = sorted(base.settings.services[service].triggers.items())
    for bucket in sorted({trigger.link for _, trigger in triggers if isinstance(trigger, BucketTriggerSettings)}):
        _arrivals(base, service, bucket, made, queues)
    for name, trigger in triggers:
        if isinstance(trigger, ScheduleTriggerSettings):
            from components.schedule import Schedule  # noqa: PLC0415

            Schedule(
                base.name(service, name),
                queue=queues[name],
                expression=trigger.expression,
                timezone=trigger.timezone,
                opts=base.opts,
            )
        elif isinstance(trigger, StreamTriggerSettings):
            from components.table_stream import TableStream  # noqa: PLC0415

            table = cast("Table", made[trigger.link].component)
            TableStream(base.name(service, name), table=table, queue=queues[name], opts=base.opts)


def _arrivals(base: Base, service: str, link: str, made: Mapping[str, Linked], queues: Mapping[str, Queue]) -> None:
    """Have a bucket tell of its new objects: one configuration for all of its triggers, as S3 keeps one."""
    from components.bucket_events import Arrival, BucketEvents  # noqa: PLC0415

    triggers = sorted(base.settings.services[service].triggers.items())
    BucketEvents(
        base.name(service, link),
        bucket=cast("Bucket", made[link].component),
        arrivals=[
            Arrival(queue=queues[name], prefix=trigger.prefix, suffix=trigger.suffix)
            for name, trigger in triggers
            if isinstance(trigger, BucketTriggerSettings) and trigger.link == link
        ],
        opts=base.opts,
    )


def _bucket(made: Mapping[str, Linked], trigger: BucketTriggerSettings) -> Bucket:
    return cast("Bucket", made[trigger.link].component)
