"""What was found of services and their parts: values that are shown, or written as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from automation.operate.deployed import Part, Service


@dataclass(frozen=True)
class Rollout:
    """A deployment of an ECS service, or what a version of a function gets."""

    version: str
    state: str
    running: int | None = None
    desired: int | None = None
    failed: int = 0
    reason: str = ""
    share: int | None = None


@dataclass(kw_only=True)
class PartStatus:
    """How one part is. What AWS does not tell is None or empty, never guessed."""

    part: Part
    running: int | None = None
    desired: int | None = None
    pending: int | None = None
    version: str = ""
    rollouts: list[Rollout] = field(default_factory=list[Rollout])
    targets: dict[str, int] = field(default_factory=dict[str, int])
    limits: tuple[int | None, int | None] | None = None
    """Fewest and most that run; of a function, those that are kept ready and those that are reserved."""
    facts: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    """What went wrong a moment ago and is well again."""
    events: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Time and words, the newest first."""

    @property
    def changing(self) -> bool:
        """Whether a rollout is under way, or tasks start."""
        return any(one.state == "IN_PROGRESS" for one in self.rollouts) or bool(self.pending)

    def document(self) -> dict[str, Any]:
        """Return it as JSON's plain types."""
        part = self.part
        return {
            "name": part.name,
            "kind": part.kind,
            "compute": part.compute.value,
            "identity": part.identity,
            "version": self.version,
            "running": self.running,
            "desired": self.desired,
            "pending": self.pending,
            "limits": list(self.limits) if self.limits else None,
            "rollouts": [asdict(one) for one in self.rollouts],
            "targets": dict(self.targets),
            "facts": list(self.facts),
            "problems": list(self.problems),
            "warnings": list(self.warnings),
            "events": [{"time": time, "text": text} for time, text in self.events],
        }


@dataclass(frozen=True)
class ServiceStatus:
    """How a service is."""

    service: Service
    parts: Sequence[PartStatus]

    @property
    def state(self) -> str:
        """Return `trouble`, `changing` or `steady`."""
        if any(one.problems for one in self.parts):
            return "trouble"
        return "changing" if any(one.changing for one in self.parts) else "steady"

    def document(self) -> dict[str, Any]:
        """Return it as JSON's plain types."""
        service = self.service
        return {
            "state": self.state,
            "compute": service.compute.value,
            "url": service.url,
            "traffic": dict(service.traffic),
            "parts": [one.document() for one in self.parts],
        }
