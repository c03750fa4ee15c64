"""What the pods of a release have in common: where they run, by whose clock, and who hears of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp

    from sandbox.workloads.containers.containers import Containers
    from sandbox.workloads.context import Context


@dataclass(frozen=True)
class Kubelet:
    """What every pod of a release is started with."""

    context: Context
    containers: Containers
    session: aiohttp.ClientSession
    subject: str
    stack: str
    log_group: str
    localized: Callable[[Mapping[str, str]], Mapping[str, str]]
    """Makes an environment mean this machine; takes its time, and is called in a thread."""
    changed: Callable[[], None]
    """Called when a pod is no longer what it was."""

    def now(self) -> float:
        """Return the time in seconds of Kubernetes, which go by at the clock's speed."""
        return time.monotonic() * self.context.clock.speed

    def note(self, kind: str, text: str, *, warning: bool = False) -> None:
        """Add to the timeline."""
        level = "warning" if warning else "info"
        self.context.events.add(self.subject, kind, text, stack=self.stack, level=level)
