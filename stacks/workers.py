"""Work without HTTP: what feeds a service's worker, and what the worker gets.

Whatever the kind, a trigger's messages wait in a queue of its own; a change of mode moves only who takes them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.linking import variable
from stacks.block import OF_CODE, Settings
from stacks.sizes import SizeSettings

IDEMPOTENCY = "idempotency"
"""Name of the table in which a service's workers remember what is done."""
LONGEST = 890
"""Seconds that a message can have: a function has 900, of which it needs ten to give back what it could not do."""


class QueueTriggerSettings(Settings):
    """Messages that the service sends itself."""

    kind: Annotated[Literal["queue"], OF_CODE]
    """What it is."""


class BucketTriggerSettings(Settings):
    """Objects that arrive in a bucket."""

    kind: Annotated[Literal["bucket"], OF_CODE]
    """What it is."""
    link: Annotated[str, OF_CODE]
    """The service's link of kind bucket."""
    prefix: Annotated[str, OF_CODE] = ""
    """What the key of an object begins with."""
    suffix: Annotated[str, OF_CODE] = ""
    """What it ends with, as in `.sol`."""


class ScheduleTriggerSettings(Settings):
    """Moments."""

    kind: Annotated[Literal["schedule"], OF_CODE]
    """What it is."""
    rate: str | None = None
    """`rate(1 hour)`; either this or `cron`."""
    cron: str | None = None
    """`cron(0 8 ? * MON-FRI *)` or `at(2030-01-31T08:00:00)`; either this or `rate`."""
    timezone: str = "UTC"
    """Name in the time zone database, as in `Europe/Berlin`."""

    @property
    def expression(self) -> str:
        """Return when it is, as Scheduler writes it; valid settings have exactly one of the two."""
        return self.rate or self.cron or ""


class StreamTriggerSettings(Settings):
    """Changes of a table's items, in no order that code may rely on."""

    kind: Annotated[Literal["stream"], OF_CODE]
    """What it is."""
    link: Annotated[str, OF_CODE]
    """The service's link of kind table, with `stream = true`."""


TriggerSettings = Annotated[
    QueueTriggerSettings | BucketTriggerSettings | ScheduleTriggerSettings | StreamTriggerSettings,
    Field(discriminator="kind"),
]
"""A trigger of any kind."""


class WorkerScalingSettings(Settings):
    min: Annotated[int, Field(ge=0)] = 1
    """Fewest tasks."""
    max: Annotated[int, Field(ge=1)] = 3
    """Most tasks."""
    backlog: Annotated[int, Field(ge=1)] = 100
    """Messages that wait for each task before there is one more (Fargate)."""
    cpu_percent: Annotated[int, Field(ge=1, le=100)] = 70
    """CPU from which there is one more, percent (pods)."""
    scale_out_cooldown: Annotated[int, Field(ge=0)] = 60
    """Seconds between two scale-outs."""
    scale_in_cooldown: Annotated[int, Field(ge=0)] = 300
    """Seconds between two scale-ins."""
    spot_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of tasks on Fargate Spot beyond the first `min`."""


class WorkerSettings(Settings):
    """The part of a service that takes messages; it runs on what the service runs on."""

    timeout: Annotated[int, Field(ge=1, le=LONGEST)] = 300
    """Longest work on one message, seconds; what takes longer comes again."""
    batch: Annotated[int, Field(ge=1, le=10)] = 10
    """Most messages taken at once."""
    concurrency: Annotated[int, Field(ge=2, le=1000)] = 5
    """Most functions at work for each trigger at once (Lambda)."""
    size: SizeSettings = Field(default_factory=SizeSettings)
    """What one instance gets."""
    scaling: WorkerScalingSettings = Field(default_factory=WorkerScalingSettings)
    """How many tasks or pods take messages (containers; Lambda scales by itself)."""


def trigger_variables(name: str, trigger: TriggerSettings) -> tuple[str, ...]:
    """Return the environment variables in which the service finds what it sends to."""
    return (variable(name, "QUEUE"),) if isinstance(trigger, QueueTriggerSettings) else ()
