"""All ECS services of an account."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.workloads.ecs import measures, state
from sandbox.workloads.ecs.addresses import Addresses
from sandbox.workloads.ecs.revision import SERVICE, Wanted, wanted
from sandbox.workloads.ecs.service import Service, World
from sandbox.workloads.snapshot import name_of
from sandbox.workloads.surfaces import Outcome

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.containers.containers import Containers
    from sandbox.workloads.containers.process import Container
    from sandbox.workloads.context import Context
    from sandbox.workloads.snapshot import Snapshot
    from sandbox.workloads.surfaces import Targets


class Ecs:
    """Keeps the services of the account running. It is a `Manager`, and `Scalable`."""

    def __init__(
        self,
        context: Context,
        containers: Containers,
        targets: Targets,
        alarm: Callable[[str], str] = lambda _: "OK",
    ) -> None:
        """Begin with what an earlier process kept.

        Args:
            context: The account.
            containers: What starts tasks.
            targets: What sends them requests.
            alarm: Tells the state of an alarm by its name, for those that take a deployment back.

        """
        self.alarm = alarm
        self._file = context.folder / "ecs.json"
        self._kept = state.read(self._file)
        self._context = context
        self._services: dict[str, Service] = {}
        self._refused: dict[str, str] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._measuring: asyncio.Task[None] | None = None
        self._world = World(context, containers, targets, Addresses(), self._alarm, self._save)
        context.faults.on_kill(self.kill)

    async def apply(self, snapshot: Snapshot) -> None:
        """Begin to make services as the account has them."""
        found = {str(one.outputs["arn"]): one for one in snapshot.of(SERVICE)}
        for arn, resource in found.items():
            given = self._read(resource, snapshot)
            if given is None:
                continue
            if arn in self._services:
                self._services[arn].update(given)
            else:
                self._services[arn] = Service(self._world, given, self._kept.get(arn))
                self._save()
        for arn in [arn for arn in self._services if arn not in found]:
            self._leave(self._services.pop(arn))
        if self._services and self._measuring is None:
            self._measuring = asyncio.create_task(measures.emit(self._context, self._services), name="ecs metrics")

    def describe(self) -> dict[str, Any]:
        """Return the services, their deployments, tasks and events."""
        return {"services": [service.describe() for service in self._services.values()]}

    async def settled(self, service_arn: str) -> Outcome:
        """Wait until a service is steady with what the account has, or its deployment has failed.

        It is what an update waits for: asked again after a failure it deploys again, as an update that forces a new
        deployment does. Without a circuit breaker a deployment may fail for ever; whoever waits sets the limit.
        """
        service = self._services.get(service_arn)
        if service is None:
            return Outcome(ok=False, reason=self._refused.get(service_arn) or f"There is no service {service_arn}.")
        return await service.settled()

    def set_desired(self, service_arn: str, desired: int, reason: str = "Asked for") -> None:
        """Want another number of tasks of a service.

        Raises:
            LookupError: There is no such service.

        """
        self._service(service_arn).scale(max(0, desired), reason)

    def capacity(self, resource_id: str) -> int | None:
        """Return how many tasks a service should have, by `service/CLUSTER/NAME`."""
        service = self._scaled(resource_id)
        return None if service is None else service.desired

    def set_capacity(self, resource_id: str, capacity: int, reason: str) -> None:
        """Want another number of tasks."""
        service = self._scaled(resource_id)
        if service is not None:
            service.scale(max(0, capacity), reason.rstrip("."))

    def deploying(self, resource_id: str) -> bool:
        """Whether a service is in the middle of a deployment, by `service/CLUSTER/NAME`."""
        service = self._scaled(resource_id)
        return service is not None and bool(service.deployments) and service.deployments[0].rollout == "IN_PROGRESS"

    def redeploy(self, service_arn: str) -> None:
        """Replace all tasks by new ones of what the account has, by the service's own strategy.

        Raises:
            LookupError: There is no such service.

        """
        service = self._service(service_arn)
        service.deploy(service.wanted.revision)

    def container(self, task: str) -> Container | None:
        """Return the container of a task that runs, by the task's id or ARN."""
        name = task.rpartition("/")[2]
        tasks = (one for service in self._services.values() for one in service.tasks)
        return next((one.container for one in tasks if one.id == name and one.last_status == "RUNNING"), None)

    def kill(self, subject: str) -> bool:
        """Kill the container of one task of what a glob of logical names matches, if there is any."""
        for service in self._services.values():
            if not fnmatch.fnmatchcase(service.wanted.subject, subject):
                continue
            for task in service.tasks:
                if task.live and task.last_status == "RUNNING" and task.container is not None:
                    task.container.kill()
                    return True
        return False

    async def close(self) -> None:
        """End all tasks at once; what is kept says how to go on."""
        self._save()
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)
        await asyncio.gather(*(service.close(drain=False) for service in self._services.values()), *self._leaving)
        self._services.clear()

    def _read(self, resource: Resource, snapshot: Snapshot) -> Wanted | None:
        arn = str(resource.outputs["arn"])
        try:
            given = wanted(resource, snapshot)
        except (LookupError, ValueError) as problem:
            text = str(problem)
            if self._refused.get(arn) != text:
                self._context.events.add(name_of(resource), "service", text, level="error")
            self._refused[arn] = text
            return None
        self._refused.pop(arn, None)
        return given

    def _leave(self, service: Service) -> None:
        """Stop what a service runs that is deleted."""
        task = asyncio.create_task(service.close())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        self._kept.pop(service.wanted.arn, None)
        self._save()

    def _service(self, arn: str) -> Service:
        if arn not in self._services:
            message = f"ServiceNotFoundException: There is no service {arn}."
            raise LookupError(message)
        return self._services[arn]

    def _scaled(self, resource_id: str) -> Service | None:
        return next(
            (
                service
                for service in self._services.values()
                if resource_id == f"service/{service.wanted.cluster}/{service.wanted.name}"
            ),
            None,
        )

    def _alarm(self, name: str) -> str:
        return self.alarm(name)

    def _save(self) -> None:
        self._kept |= {arn: service.kept() for arn, service in self._services.items()}
        try:
            state.write(self._file, self._kept)
        except OSError as problem:
            text = f"What ECS has to remember could not be written: {problem.strerror}."
            self._context.events.add("ecs", "sandbox", text, level="error")
