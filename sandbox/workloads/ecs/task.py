"""One task: from being wanted to being stopped, in the words of ECS for where it is."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from sandbox.data.environment import ENTRY_POINT, described, runnable
from sandbox.data.errors import DataError
from sandbox.workloads.containers.health import grace
from sandbox.workloads.containers.spec import CannotStartError, ContainerSpec, Ended
from sandbox.workloads.ecs import words
from sandbox.workloads.surfaces import Health, Target

if TYPE_CHECKING:
    from sandbox.workloads.containers.containers import Containers
    from sandbox.workloads.containers.process import Container
    from sandbox.workloads.context import Context
    from sandbox.workloads.ecs.revision import Revision, Subnet
    from sandbox.workloads.surfaces import Targets

LastStatus = Literal[
    "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"
]
StopCode = Literal[
    "",
    "TaskFailedToStart",
    "EssentialContainerExited",
    "UserInitiated",
    "ServiceSchedulerInitiated",
    "InfrastructureHealth",
]
_UNCHECKED: Final = 40
"""Seconds after which a task counts as healthy that nothing checks (API, minimumHealthyPercent)."""
_STARTS: Final = 2.0
"""Real seconds that are the least of it: programs start no faster here."""
_WAITING: Final = frozenset({"PROVISIONING", "PENDING", "ACTIVATING"})
_HURRIED_SECONDS: Final = 2
_INIT_ERROR: Final = "ResourceInitializationError: unable to pull secrets or registry auth: "


@dataclass(frozen=True)
class Surroundings:
    """What a task is run with; `say` adds an event to its service, `wake` lets the service look again."""

    context: Context
    containers: Containers
    targets: Targets
    subject: str
    cluster_arn: str
    say: Callable[[str], None]
    wake: Callable[[], None]


class Task:
    """A task of a deployment."""

    def __init__(
        self,
        around: Surroundings,
        revision: Revision,
        *,
        deployment: str,
        subnet: Subnet,
        address: str,
        group: str = "",
        container_port: int = 0,
    ) -> None:
        self.id = uuid.uuid4().hex
        self.arn = f"{around.cluster_arn.replace(':cluster/', ':task/')}/{self.id}"
        self.revision = revision
        self.deployment = deployment
        self.subnet = subnet
        self.address = address
        self.group = group
        self.container_port = container_port
        self.last_status: LastStatus = "PROVISIONING"
        self.desired_status: Literal["RUNNING", "STOPPED"] = "RUNNING"
        self.created = time.time()
        self.started = self.stopped = 0.0
        self.stop_code: StopCode = ""
        self.stopped_reason = ""
        self.ended: Ended | None = None
        self.container: Container | None = None
        self.was_healthy = False
        self.replaced = False
        """Whether another was started for it because it is unhealthy."""
        self._around = around
        self._asked, self._hurried = asyncio.Event(), asyncio.Event()
        self._life = asyncio.create_task(self._live(), name=f"task {self.id}")

    @property
    def live(self) -> bool:
        """Whether it is to go on."""
        return self.desired_status == "RUNNING"

    @property
    def waiting(self) -> bool:
        """Whether it does not run yet."""
        return self.last_status in _WAITING

    @property
    def failed(self) -> bool:
        """Whether it ended without anybody having wanted that."""
        return self.stop_code in {"TaskFailedToStart", "EssentialContainerExited"} or self.stopped_reason.startswith(
            "Task failed "
        )

    def healthy(self, targets: Mapping[str, Health]) -> bool:
        """Whether it counts as healthy: by what checks it, or by having run for a while where nothing does."""
        container = self.container
        if not self.live or self.last_status != "RUNNING" or container is None:
            return False
        checked = container.spec.health_check is not None
        if checked and container.health != "HEALTHY":
            return False
        if self.group:
            found = targets.get(self.address)
            healthy = found is not None and found.state == "healthy"
        else:
            healthy = checked or time.time() - self.started >= max(self._around.context.clock.real(_UNCHECKED), _STARTS)
        self.was_healthy = self.was_healthy or healthy
        return healthy

    def sick(self, targets: Mapping[str, Health], grace_seconds: float) -> str:
        """Return why it must be replaced; empty while its checks pass, or do not count yet."""
        container = self.container
        if not self.live or self.last_status != "RUNNING" or container is None:
            return ""
        if time.time() - self.started < grace(self._around.context.clock, grace_seconds):
            return ""
        if container.health == "UNHEALTHY":
            return words.FAILED_CONTAINER_CHECKS
        found = targets.get(self.address) if self.group else None
        return words.elb_checks_failed(self.group) if found and found.state == "unhealthy" else ""

    def stop(self, code: StopCode, reason: str) -> None:
        """Let it end: no new requests, then SIGTERM, then SIGKILL."""
        if self.live:
            self.desired_status = "STOPPED"
            self.stop_code, self.stopped_reason = code, reason
            self._asked.set()

    def lose(self, reason: str) -> None:
        """End it at once, as when what it runs on fails."""
        if self.live:
            self.stop("InfrastructureHealth", reason)
        if self.container is not None:
            self.container.kill()

    def hurry(self) -> None:
        """Let it end without waiting for requests that are under way."""
        self._hurried.set()

    async def over(self) -> None:
        """Wait until it is stopped."""
        await asyncio.shield(self._life)

    def document(self, targets: Mapping[str, Health]) -> dict[str, Any]:
        """Return it as JSON."""
        container, found = self.container, targets.get(self.address)
        usage = container.usage if container else None
        return {
            "id": self.id,
            "arn": self.arn,
            "taskDefinition": self.revision.arn,
            "deployment": self.deployment,
            "lastStatus": self.last_status,
            "state": self.last_status,
            "desiredStatus": self.desired_status,
            "health": container.health if container else "UNKNOWN",
            "target": found.state if found else "",
            "targetReason": found.description if found else "",
            "zone": self.subnet.zone,
            "address": self.address,
            "port": container.port if container else 0,
            "pid": container.pid if container else 0,
            "cpu": round(usage.cpu, 3) if usage else 0.0,
            "memory": round(usage.memory, 1) if usage else 0.0,
            "created": self.created,
            "started": self.started,
            "stopped": self.stopped,
            "stopCode": self.stop_code,
            "stoppedReason": self.stopped_reason,
            "exitCode": self.ended.exit_code if self.ended else None,
            "reason": self.ended.reason if self.ended else "",
        }

    async def _live(self) -> None:
        try:
            self._to("PENDING")
            container = await self._start()
            if container is not None:
                await self._run(container)
        except Exception as problem:  # noqa: BLE001 - one task must not end its service
            self._fail("TaskFailedToStart", f"{type(problem).__name__}: {problem}")
        finally:
            self.desired_status = "STOPPED"
            self.stopped = time.time()
            self._to("STOPPED")

    async def _start(self) -> Container | None:
        around, definition = self._around, self.revision.container
        try:
            work = await asyncio.to_thread(described, around.context.account, self.revision.definition)
            if not self.live:
                return None
            check = definition.health_check
            spec = ContainerSpec(
                id=self.id,
                subject=around.subject,
                command=work.command or runnable(ENTRY_POINT),
                environment=work.environment,
                serves=bool(self.container_port),
                scratch=definition.scratch,
                memory=self.revision.memory,
                stop_timeout=definition.stop_timeout,
                log_group=definition.log_group,
                log_stream=f"{definition.log_prefix}/{definition.name}/{self.id}",
                health_check=check if check is None or check.shell else replace(check, command=runnable(check.command)),
            )
            self.container = await around.containers.start(spec)
        except CannotStartError as error:
            self.ended = Ended(127, str(error))
            self._fail("TaskFailedToStart", f"{words.FAILED_TO_START}: {error}")
        except DataError as error:
            self._fail("TaskFailedToStart", f"{_INIT_ERROR}{error}")
        return self.container

    async def _run(self, container: Container) -> None:
        around = self._around
        self._to("ACTIVATING")
        if self.group and self.live:
            target = Target(self.address, container.host, container.port, self.subnet.zone, around.subject)
            around.targets.register(self.group, target)
            around.say(words.registered(1, self.group))
        if self.live:
            self.started = time.time()
            self._to("RUNNING")
        ending = asyncio.ensure_future(container.wait())
        asked = asyncio.ensure_future(self._asked.wait())
        await asyncio.wait([ending, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if self.live:
            self.ended = await ending
            self._fail("EssentialContainerExited", words.ESSENTIAL_EXITED)
        self._to("DEACTIVATING")
        if self.group:
            await self._drain()
            around.say(words.deregistered(1, self.group))
        if self.ended is None:
            self._to("STOPPING")
            around.say(words.stopped([self.id]))
            self.ended = await container.stop(_HURRIED_SECONDS if self._hurried.is_set() else None)
        self._to("DEPROVISIONING")

    async def _drain(self) -> None:
        draining = asyncio.ensure_future(self._around.targets.deregister(self.group, self.address))
        hurried = asyncio.ensure_future(self._hurried.wait())
        await asyncio.wait([draining, hurried], return_when=asyncio.FIRST_COMPLETED)
        for one in (draining, hurried):
            one.cancel()
        with suppress(asyncio.CancelledError, LookupError):
            await draining

    def _fail(self, code: StopCode, reason: str) -> None:
        if not self.stop_code:
            self.stop_code, self.stopped_reason = code, reason
        self.desired_status = "STOPPED"

    def _to(self, status: LastStatus) -> None:
        self.last_status = status
        self._around.wake()
