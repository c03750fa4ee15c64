"""One pod: a container that is started, asked, started again and ended as a kubelet does it.

Sources: Kubernetes' documentation (pod lifecycle, container lifecycle hooks) and the kubelet's constants: a container
that ended is started again at once, then after 10 s, each time after twice as long up to 300 s, and at once again when
it ran for ten minutes (`pkg/kubelet`: backOffPeriod, MaxContainerBackOff).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sandbox.data.environment import ENTRY_POINT, runnable
from sandbox.workloads.containers.spec import CannotStartError, ContainerSpec, Ended
from sandbox.workloads.kubernetes.prober import Prober, Reports

if TYPE_CHECKING:
    from sandbox.workloads.containers.process import Container
    from sandbox.workloads.kubernetes.kubelet import Kubelet
    from sandbox.workloads.kubernetes.objects import Template

_FIRST_BACK_OFF = 10.0
_LONGEST_BACK_OFF = 300.0
_FORGIVEN_AFTER = 600.0
_UNREACHABLE_AFTER = 50.0
"""Seconds without a sign of life after which a node counts as gone (node-monitor-grace-period)."""
_TOLERATED = 300.0
"""Seconds that pods stay on a node that is gone (default tolerations of not-ready and unreachable)."""
_MIB = 1024 * 1024


class Pod(Reports):
    """A pod from its making to its end."""

    def __init__(self, kubelet: Kubelet, template: Template, name: str, *, gated: bool) -> None:
        self.template = template
        self.name = name
        self.ip = ""
        self.zone = ""
        self.created = time.time()
        self.gate: bool | None = False if gated else None
        """Whether the load balancer has found it healthy; None where nobody waits for that."""
        self.container: Container | None = None
        self.restarts = 0
        self.reason = "Pending"
        self.message = ""
        self.last_state: dict[str, Any] | None = None
        self.deleted = False
        self.gone = False
        self.changed = kubelet.now()
        """When it last got ready or ceased to be, in seconds of Kubernetes."""
        self._kubelet = kubelet
        self._started_at: float | None = None
        self._passed_startup = False
        self._passes_readiness = False
        self._was_ready = False
        self._lost: float | None = None
        self._woken = asyncio.Event()
        self._back_off = 0.0
        self._tasks = [asyncio.create_task(self._live())]

    @property
    def running(self) -> bool:
        """Whether its container is a process now."""
        return self.container is not None and self.container.ended is None

    @property
    def starting(self) -> bool:
        """Whether its container has begun and may still take its time to start."""
        return self.running and not self._passed_startup

    @property
    def containers_ready(self) -> bool:
        """Whether its container is ready for requests."""
        unreachable = self._lost is not None and self._kubelet.now() - self._lost > _UNREACHABLE_AFTER
        known = self.running or self._lost is not None
        return known and self._passed_startup and self._passes_readiness and not unreachable

    @property
    def ready(self) -> bool:
        """Whether it counts as ready, which a readiness gate can keep it from."""
        return self.containers_ready and self.gate is not False

    @property
    def started_at(self) -> float | None:
        """When its container began, in seconds of Kubernetes; None while it has none."""
        return self._started_at

    @property
    def overdue(self) -> bool:
        """Whether its node has been gone for longer than pods stay."""
        return self._lost is not None and self._kubelet.now() - self._lost > _UNREACHABLE_AFTER + _TOLERATED

    def observe(self) -> None:
        """Remember when it got ready or ceased to be."""
        if self.ready != self._was_ready:
            self._was_ready = self.ready
            self.changed = self._kubelet.now()

    def available(self, min_ready: float) -> bool:
        """Whether it has been ready for so long, and stays."""
        return self.ready and self._was_ready and self._kubelet.now() - self.changed >= min_ready

    def kill(self) -> None:
        """End its container by force, as a fault does."""
        if self.container is not None:
            self.container.kill()

    def lose(self) -> None:
        """Take its node away; Kubernetes learns of that later."""
        if self._lost is None:
            self._lost = self._kubelet.now()
        self.kill()

    def find(self) -> None:
        """Bring its node back."""
        if self._lost is not None:
            self._lost = None
            self._woken.set()

    def place(self, zone: str, ip: str) -> None:
        """Let it run, in a zone and under an address."""
        self.zone, self.ip, self.reason, self.message = zone, ip, "ContainerCreating", ""
        self._woken.set()

    def wait_for_place(self, message: str) -> None:
        """Take note that there is nowhere to run yet."""
        self.message = message

    def delete(self) -> None:
        """End it in its own time; `gone` says when it has."""
        if not self.deleted:
            self.deleted = True
            self._woken.set()
            self._tasks.append(asyncio.create_task(self._end()))
            self._kubelet.changed()

    async def close(self) -> None:
        """End it without its hook."""
        self.deleted = True
        self._woken.set()
        if self.container is not None:
            await self.container.stop()
        await self._tasks[0]
        for task in self._tasks[1:]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def status(self) -> str:
        """Return its state as `kubectl get pods` shows it."""
        if self.deleted:
            return "Terminating"
        return self.reason or "Running"

    def describe(self) -> dict[str, Any]:
        """Return what it is, as JSON."""
        usage = self.container.usage if self.container is not None and self.running else None
        return {
            "name": self.name,
            "phase": "Running" if self._started_at is not None else "Pending",
            "status": self.status(),
            "ready": self.ready,
            "restarts": self.restarts,
            "ip": self.ip,
            "zone": self.zone,
            "port": self.container.port if self.container is not None and self.running else 0,
            "pid": self.container.pid if self.container is not None and self.running else 0,
            "created": self.created,
            "cpu": round(usage.cpu, 3) if usage else 0.0,
            "memory": round(usage.memory * _MIB) if usage else 0,
            "cpu_limit": self.template.cpu_limit,
            "memory_limit": round(self.template.memory_limit),
            "message": self.message,
            "last_state": self.last_state,
        }

    # What probes report.

    def started(self) -> None:
        """Take note that the container has started, from when on it is asked whether it lives and is ready."""
        self._passed_startup = True
        self._passes_readiness = self.template.readiness is None
        self._kubelet.changed()

    def readiness(self, *, passing: bool, message: str) -> None:
        """Take note that the container got ready, or ceased to be."""
        self._passes_readiness = passing
        self.message = "" if passing else message
        if not passing and not self.deleted:
            self._kubelet.note("pod", f"{self.name}: Readiness probe failed: {message}", warning=True)
        self._kubelet.changed()

    def failed(self, kind: str, message: str) -> None:
        """End the container because a probe says that it will not do; it is started again."""
        if self.deleted:
            return
        self.message = f"{kind} probe failed: {message}"
        text = f"{self.name}: {self.message}. Container {self.template.container} failed {kind.lower()} probe"
        self._kubelet.note("pod", f"{text}, will be restarted", warning=True)
        self._tasks.append(asyncio.create_task(self._stop()))

    # Its life.

    async def _live(self) -> None:
        await self._until(lambda: bool(self.zone))
        while not self.deleted:
            began = self._kubelet.now()
            try:
                container = await self._start()
            except CannotStartError as error:
                self._waits("RunContainerError", str(error))
            except Exception as error:  # noqa: BLE001 - whatever keeps it from starting is the reason, and is tried again
                self._waits("CreateContainerConfigError", str(error) or type(error).__name__)
            else:
                await self._tend(container)
                await self._until(lambda: self._lost is None)
            if self._kubelet.now() - began > _FORGIVEN_AFTER:
                self._back_off = 0.0
            if not self.deleted:
                await self._wait_to_restart()
                self.restarts += 1

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, or the pod is to end."""
        while not holds() and not self.deleted:
            self._woken.clear()
            await self._woken.wait()

    async def _start(self) -> Container:
        template, kubelet = self.template, self._kubelet
        environment = await asyncio.to_thread(kubelet.localized, template.environment)
        command = runnable([*(template.command or ENTRY_POINT), *template.args])
        spec = ContainerSpec(
            id=f"{self.name}-{self.restarts}",
            subject=kubelet.subject,
            command=command,
            environment=environment,
            serves=template.port > 0,
            memory=round(template.memory_limit / _MIB) or None,
            stop_timeout=max(template.grace - template.pre_stop, 1),
            log_group=kubelet.log_group,
            log_stream=f"{template.namespace}/{self.name}/{template.container}",
        )
        return await kubelet.containers.start(spec)

    async def _tend(self, container: Container) -> None:
        """Stay with a container until it has ended."""
        if self.deleted:
            # It was to end before it had begun.
            await container.stop()
            return
        self._passed_startup = self._passes_readiness = False
        self.container, self.reason, self.message = container, "", ""
        self._started_at = self._kubelet.now()
        self._kubelet.changed()
        prober = Prober(self._kubelet.session, container, self.template, self._kubelet.context.clock, self)
        asking = asyncio.create_task(prober.run())
        try:
            ended = await container.wait()
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
        self._passed_startup = self._passed_startup and self._lost is not None
        self._note_end(ended)

    def _note_end(self, ended: Ended) -> None:
        word = "OOMKilled" if ended.out_of_memory else "Completed" if ended.exit_code == 0 else "Error"
        self.last_state = {
            "reason": word,
            "exit_code": ended.exit_code,
            "message": self.message,
            "finished": time.time(),
        }
        if not self.deleted and self._lost is None:
            self.reason = word
            self._passes_readiness = False
            text = f"{self.name}: Container {self.template.container} terminated: {word}, exit code {ended.exit_code}"
            self._kubelet.note("pod", text, warning=True)
        self._kubelet.changed()

    def _waits(self, reason: str, message: str) -> None:
        self.reason, self.message = reason, message
        self._kubelet.note("pod", f"{self.name}: {reason}: {message}", warning=True)
        self._kubelet.changed()

    async def _wait_to_restart(self) -> None:
        seconds, self._back_off = self._back_off, min(max(self._back_off * 2, _FIRST_BACK_OFF), _LONGEST_BACK_OFF)
        if seconds:
            self.reason = "CrashLoopBackOff"
            back_off = f"back-off {seconds:.0f}s restarting failed container={self.template.container} pod={self.name}"
            self.message = f"{self.message}; {back_off}" if self.message else back_off
            self._kubelet.note("pod", f"{self.name}: Back-off restarting failed container", warning=True)
            self._kubelet.changed()
            again = self._kubelet.now() + seconds
            clock = self._kubelet.context.clock
            asyncio.get_running_loop().call_later(clock.real(seconds), self._woken.set)
            await self._until(lambda: self._kubelet.now() >= again)

    async def _stop(self) -> None:
        """End the container as its hook and its grace period say; the hook waits as long as the clock has it."""
        container = self.container
        if container is not None and container.ended is None and self._lost is None:
            await self._kubelet.context.clock.sleep(self.template.pre_stop)
            await container.stop()

    async def _end(self) -> None:
        await self._stop()
        await self._tasks[0]
        self.gone = True
        self._kubelet.changed()
