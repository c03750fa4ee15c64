"""A deployment: a revision of a service on its way to be all that the service runs."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sandbox.workloads.ecs import words
from sandbox.workloads.ecs.revision import Revision

if TYPE_CHECKING:
    from sandbox.workloads.ecs.task import Task

RolloutState = Literal["IN_PROGRESS", "COMPLETED", "FAILED"]


def _new_id() -> str:
    return f"ecs-svc/{random.randrange(10**18, 10**19)}"  # noqa: S311 - a name, not a secret


@dataclass(eq=False)
class Deployment:
    """A deployment; `group` is the target group of its tasks."""

    revision: Revision
    group: str = ""
    id: str = field(default_factory=_new_id)
    rollout: RolloutState = "IN_PROGRESS"
    reason: str = ""
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    failed_tasks: int = 0
    """Tasks in a row that failed before they were healthy."""
    stage: str = ""
    """Where a strategy is that moves traffic, as ECS calls it."""

    def __post_init__(self) -> None:
        self.reason = self.reason or words.in_progress(self.id)

    def to(self, rollout: RolloutState, reason: str) -> None:
        """Go on to another state of the rollout."""
        self.rollout, self.reason, self.updated = rollout, reason, time.time()

    def document(self, status: str, desired: int, tasks: Sequence[Task]) -> dict[str, Any]:
        """Return it as JSON, with the tasks that are its own."""
        return {
            "id": self.id,
            "status": status,
            "taskDefinition": self.revision.arn,
            "desired": desired,
            "running": sum(task.last_status == "RUNNING" for task in tasks),
            "pending": sum(task.waiting and task.live for task in tasks),
            "failed": self.failed_tasks,
            "rolloutState": self.rollout,
            "reason": self.reason,
            "stage": self.stage,
            "created": self.created,
            "updated": self.updated,
        }

    def kept(self) -> dict[str, Any]:
        """Return what is kept of it in files."""
        names = ("group", "id", "rollout", "reason", "created", "updated")
        return {"revision": self.revision.document(), **{name: getattr(self, name) for name in names}}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Deployment:
        """Return what was kept."""
        rest = {name: value for name, value in document.items() if name != "revision"}
        return cls(Revision.read(document["revision"]), **rest)
