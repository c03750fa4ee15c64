"""Scheduled actions: bounds that change at a time of the clock.

Source: Application Auto Scaling user guide (scheduled scaling).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.data.schedules import next_time
from sandbox.workloads.scaling.arithmetic import Bounds


@dataclass
class Plan:
    """One scheduled action of a target."""

    name: str
    resource_id: str
    dimension: str
    schedule: str
    timezone: str
    least: int | None
    most: int | None
    starts: datetime | None
    ends: datetime | None
    began: datetime
    due: datetime | None = None

    @classmethod
    def of(cls, outputs: Mapping[str, Any], now: datetime) -> Plan:
        """Return a scheduled action of the account, which counts from now on."""
        action = outputs["scalableTargetAction"]
        least, most = (action.get(name) for name in ("minCapacity", "maxCapacity"))
        starts, ends = (outputs.get(name) for name in ("startTime", "endTime"))
        plan = cls(
            outputs["name"],
            outputs["resourceId"],
            outputs["scalableDimension"],
            outputs["schedule"],
            outputs.get("timezone") or "UTC",
            None if least is None else int(least),
            None if most is None else int(most),
            _moment(starts),
            _moment(ends),
            now,
        )
        plan.advance(now)
        return plan

    def advance(self, now: datetime) -> None:
        """Find the next time that is due after a moment."""
        after = max(now, self.starts) if self.starts else now
        self.due = next_time(self.schedule, self.timezone, after, self.began)
        if self.due and self.ends and self.due > self.ends:
            self.due = None

    def bounds(self, before: Bounds) -> Bounds:
        """Return the bounds from now on."""
        return Bounds(
            before.least if self.least is None else self.least, before.most if self.most is None else self.most
        )

    def describe(self) -> dict[str, Any]:
        """Return what it does, and when next."""
        return {
            "name": self.name,
            "schedule": self.schedule,
            "timezone": self.timezone,
            "min": self.least,
            "max": self.most,
            "next": self.due.isoformat() if self.due else None,
        }


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
