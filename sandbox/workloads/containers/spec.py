"""What a container is to be, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

HealthStatus = Literal["UNKNOWN", "HEALTHY", "UNHEALTHY"]

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
"""What ECS says of a container that had more memory than it may (developer guide, stopped task error messages)."""


class CannotStartError(Exception):
    """A container that never ran; the message is the reason, in the words of AWS."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A command that fails when the container no longer works; seconds as the task definition has them.

    `shell` hands the one word of the command to a shell, as `CMD-SHELL` does.
    """

    command: tuple[str, ...]
    interval: float = 30
    timeout: float = 5
    retries: int = 3
    start_period: float = 0
    shell: bool = False


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """What is to run."""

    id: str
    """Nobody else's, such as a task's; letters, digits and dashes."""
    subject: str
    """Logical name of what it is a part of, as in `dev-netprobe`."""
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it is told; HOST, PORT and METRICS_PORT are replaced by what is free here."""
    folder: Path | None = None
    """Where it runs; the checkout unless said."""
    serves: bool = True
    """Whether it listens, and so needs a port."""
    scratch: tuple[str, ...] = ("/tmp",)  # noqa: S108 - a path in a container, which gets a folder of its own
    """Folders of an image that each container has for itself; variables that begin with them are made to mean it."""
    memory: int | None = None
    """MiB that it may have."""
    processes: int = 256
    """How many processes it may have. AWS sets no such limit: this one keeps a fork bomb from taking the machine."""
    stop_timeout: float = 30
    """Real seconds from SIGTERM to SIGKILL."""
    log_group: str = ""
    log_stream: str = ""
    health_check: HealthCheck | None = None


@dataclass(frozen=True)
class Ended:
    """How a container ended: `reason` is empty where it ended by itself or because it was asked to."""

    exit_code: int
    reason: str = ""

    @property
    def out_of_memory(self) -> bool:
        """Whether it was killed because of its memory."""
        return self.reason == OUT_OF_MEMORY


@dataclass(frozen=True)
class Usage:
    """What was measured of all processes of a container: CPUs in use (1.0 is one of them), and memory in MiB."""

    cpu: float = 0.0
    memory: float = 0.0
    processes: int = 0


@dataclass(frozen=True)
class Finished:
    """What a command that ran beside a container came to; `exit_code` is None when it took too long."""

    exit_code: int | None
    output: str
