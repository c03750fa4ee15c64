"""Settings of how much runs: what one instance gets, how many there are, and when."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stacks.block import Settings


class SizeSettings(Settings):
    cpu: int = 512
    """Units of 1/1024 vCPU (containers only; Lambda derives its share from the memory)."""
    memory: int = 1024
    """MiB. Lambda 128 to 10240; Fargate what its table allows for the cpu."""


class ScheduleSettings(Settings):
    cron: str
    """`cron(0 8 ? * MON-FRI *)` or `at(2030-01-31T08:00:00)`."""
    min: Annotated[int, Field(ge=0)]
    """Fewest tasks from that moment on."""
    max: Annotated[int, Field(ge=0)]
    """Most tasks from that moment on."""
    timezone: str = "UTC"
    """Name in the time zone database, as in `Europe/Berlin`."""


class StepSettings(Settings):
    cpu_percent: Annotated[int, Field(ge=1, le=100)]
    """CPU from which the step applies, percent."""
    change: Annotated[int, Field(ge=1)]
    """Tasks to add."""


class ScalingSettings(Settings):
    min: Annotated[int, Field(ge=0)] = 1
    """Fewest tasks."""
    max: Annotated[int, Field(ge=1)] = 3
    """Most tasks."""
    cpu_percent: Annotated[int, Field(ge=1, le=100)] | None = 70
    """CPU that target tracking holds, percent; null turns it off."""
    memory_percent: Annotated[int, Field(ge=1, le=100)] | None = 80
    """Memory that target tracking holds, percent; null turns it off."""
    requests_per_target: Annotated[int, Field(ge=1)] | None = 100
    """Requests per task and minute that target tracking holds; null turns it off. Not on EKS."""
    scale_out_cooldown: Annotated[int, Field(ge=0)] = 60
    """Seconds between two scale-outs."""
    scale_in_cooldown: Annotated[int, Field(ge=0)] = 300
    """Seconds between two scale-ins."""
    schedules: dict[str, ScheduleSettings] = Field(default_factory=dict)
    """Bounds that change with the clock, by name."""
    steps: tuple[StepSettings, ...] = ()
    """Step scaling on CPU, in rising order."""
    spot_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of tasks on Fargate Spot beyond the first `min`."""
