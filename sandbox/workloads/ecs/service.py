"""One service: what is wanted of it, its deployments and tasks, and what it tells."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.workloads.ecs import words
from sandbox.workloads.ecs.addresses import Addresses
from sandbox.workloads.ecs.deployment import Deployment
from sandbox.workloads.ecs.revision import Revision, Wanted
from sandbox.workloads.ecs.scheduler import Scheduler
from sandbox.workloads.ecs.task import Surroundings, Task
from sandbox.workloads.ecs.traffic import Move
from sandbox.workloads.surfaces import Health, Outcome

if TYPE_CHECKING:
    from sandbox.workloads.containers.containers import Containers
    from sandbox.workloads.context import Context
    from sandbox.workloads.events import Level
    from sandbox.workloads.surfaces import Targets

_LOOK_SECONDS = 0.25
_EVENTS = 100
_STOPPED_KEPT = 50
_LAST_WORDS = 300


@dataclass(frozen=True)
class World:
    """What all services share; `alarm` tells the state of an alarm by its name, `save` keeps what outlives this."""

    context: Context
    containers: Containers
    targets: Targets
    addresses: Addresses
    alarm: Callable[[str], str]
    save: Callable[[], None]


class Service:
    """A service that is kept as the account has it."""

    def __init__(self, world: World, wanted: Wanted, kept: Mapping[str, Any] | None = None) -> None:
        self.world = world
        self.wanted = wanted
        self.desired = wanted.desired
        self.deployments: list[Deployment] = []
        self.completed: Deployment | None = None
        self.tasks: list[Task] = []
        self.failure = ""
        """Why the last deployment failed; empty when it did not."""
        self.closing = False
        self._told = True
        self._signatures: set[str] = set()
        """What was deployed last; also what is left of it in the account once it has been taken back."""
        self._account_desired = wanted.desired
        self._events: deque[dict[str, Any]] = deque(maxlen=_EVENTS)
        self._wake = asyncio.Event()
        self._around = Surroundings(
            context=world.context,
            containers=world.containers,
            targets=world.targets,
            subject=wanted.subject,
            cluster_arn=str(wanted.resource.outputs.get("cluster")),
            say=self.say,
            wake=self._wake.set,
        )
        if kept is not None:
            self._restore(kept)
        self._scheduler = Scheduler(self)
        self._move: Move | None = None
        self._moves: list[Move] = []
        self.update(wanted)
        self._following = asyncio.create_task(self._follow(), name=f"service {wanted.name}")

    def update(self, wanted: Wanted) -> None:
        """Take over what the account has now, and deploy it if that is not what was deployed last."""
        self.wanted = wanted
        if wanted.desired != self._account_desired:
            self._account_desired = wanted.desired
            self.scale(wanted.desired, "The service was updated")
        if wanted.signature() not in self._signatures:
            self._signatures = {wanted.signature()}
            self.deploy(wanted.revision)
        elif self._move is None and self.deployments[0].rollout == "IN_PROGRESS":
            self._begin_move(self.deployments[0])

    def deploy(self, revision: Revision) -> None:
        """Begin a deployment; one that is under way is replaced by it."""
        self._end_move()
        deployment = Deployment(revision, self._group())
        self.deployments.insert(0, deployment)
        self.failure, self._told = "", False
        self._scheduler.begin()
        text = "the tasks of the revision" if len(self.deployments) > 1 else "the first tasks"
        self.note("deployment", f"Deployment {deployment.id} of {revision.arn.rpartition('/')[2]} starts {text}.")
        self._begin_move(deployment)
        self.world.save()
        self._wake.set()

    def scale(self, desired: int, reason: str) -> None:
        """Want another number of tasks."""
        if desired == self.desired:
            return
        self.note("scaling", f"From {self.desired} to {desired} tasks. {reason}.")
        self.desired = desired
        self.world.save()
        self._wake.set()

    def fail(self, why: str, what: str) -> None:
        """End the deployment that is under way, and go back to the last that was completed if that is wanted."""
        self._end_move()
        failed, back = self.deployments[0], self.completed
        failed.to("FAILED", f"{why}: {what}.")
        self.failure = self._explained(failed)
        self.say(f"(deployment {failed.id}) deployment failed: {what}.", level="error")
        if self.wanted.breaker_rolls_back and back is not None and back is not failed:
            back.to("IN_PROGRESS", words.rolling_back(why, back.id))
            back.failed_tasks = 0
            self._signatures.add(self.wanted.signature(back.revision.arn))
            self.deployments = [back, *(one for one in self.deployments if one is not back)]
            self.say(f"rolling back to deployment {back.id}.", level="warning")
            self._scheduler.begin()
        self.world.save()
        self._wake.set()

    def finish(self) -> None:
        """Say that the newest deployment is all that the service runs."""
        deployment = self.deployments[0]
        self._end_move()
        deployment.stage = ""
        deployment.to("COMPLETED", words.completed(deployment.id))
        self.completed = deployment
        self.deployments = [deployment]
        self.say(f"(deployment {deployment.id}) deployment completed.")
        self.world.save()

    async def settled(self) -> Outcome:
        """Wait until the newest deployment is completed, or has failed and been taken back.

        A failure that was told already is tried again.
        """
        if self.failure and self._told:
            self.deploy(self.wanted.revision)
        while not self.closing:
            deployment = self.deployments[0]
            if deployment.rollout == "FAILED" or (deployment.rollout == "COMPLETED" and self._scheduler.steady):
                self._told = True
                outputs = {"taskDefinition": deployment.revision.arn} if self.failure else {}
                return Outcome(ok=not self.failure, reason=self.failure, outputs=outputs)
            await asyncio.sleep(0.05)
        return Outcome(ok=False, reason=f"The service {self.wanted.name} was deleted.")

    def start(self, deployment: Deployment, zone: str) -> Task:
        """Start a task of a deployment in a zone."""
        subnet = next(one for one in deployment.revision.subnets if one.zone == zone)
        balancing = self.wanted.balancing
        task = Task(
            self._around,
            deployment.revision,
            deployment=deployment.id,
            subnet=subnet,
            address=self.world.addresses.next(subnet),
            group=deployment.group,
            container_port=balancing.container_port if balancing else 0,
        )
        self.tasks.append(task)
        return task

    def health(self) -> dict[str, Health]:
        """Return how the load balancer finds the tasks, by address."""
        groups = self.wanted.balancing.groups if self.wanted.balancing else ()
        return {one.target.id: one for group in groups for one in self.world.targets.health(group)}

    def say(self, text: str, level: Level = "info") -> None:
        """Add an event, as ECS words it."""
        message = f"(service {self.wanted.name}) {text}"
        event = self.world.context.events.add(
            self.wanted.subject, "service", message, stack=self.wanted.stack, level=level
        )
        self._events.appendleft({"id": str(event.number), "time": event.time, "message": message})

    def note(self, kind: str, text: str) -> None:
        """Add to the timeline what ECS has no event for."""
        self.world.context.events.add(self.wanted.subject, kind, text, stack=self.wanted.stack)

    def forget(self) -> None:
        """Drop the oldest tasks that are stopped, and deployments whose tasks all are."""
        stopped = [task for task in self.tasks if task.last_status == "STOPPED"]
        for task in stopped[:-_STOPPED_KEPT]:
            self.tasks.remove(task)
        holders = {task.deployment for task in self.tasks if task.last_status != "STOPPED"}
        self.deployments = self.deployments[:1] + [one for one in self.deployments[1:] if one.id in holders]

    def describe(self) -> dict[str, Any]:
        """Return the service as JSON."""
        wanted, health = self.wanted, self.health()
        live, staying = [task for task in self.tasks if task.live], self.staying
        return {
            "subject": wanted.subject,
            "stack": wanted.stack,
            "arn": wanted.arn,
            "name": wanted.name,
            "cluster": wanted.cluster,
            "desired": self.desired,
            "running": sum(task.last_status == "RUNNING" for task in live),
            "pending": sum(task.waiting for task in live),
            "healthy": sum(task.healthy(health) for task in live),
            "steady": self._scheduler.steady,
            "failure": self.failure,
            "taskDefinition": self.deployments[0].revision.arn,
            "zones": dict(Counter(task.subnet.zone for task in live)),
            "deployments": [
                one.document(
                    "PRIMARY" if number == 0 else "ACTIVE",
                    self.desired if one in staying else 0,
                    [task for task in self.tasks if task.deployment == one.id],
                )
                for number, one in enumerate(self.deployments)
            ],
            "tasks": [task.document(health) for task in reversed(self.tasks)],
            "events": list(self._events),
            "not_simulated": self._not_simulated(),
        }

    def kept(self) -> dict[str, Any]:
        """Return what is to outlive this process, as JSON."""
        return {
            "desired": self.desired,
            "accountDesired": self._account_desired,
            "signatures": sorted(self._signatures),
            "failure": self.failure,
            "primary": self.deployments[0].kept() if self.deployments else None,
            "completed": self.completed.kept() if self.completed else None,
        }

    async def close(self, *, drain: bool = True) -> None:
        """Stop all tasks, without waiting for requests under way unless they are to be drained."""
        self.closing = True
        if drain:
            self._end_move()
        await asyncio.gather(*(move.close() for move in self._moves))
        self._following.cancel()
        with suppress(asyncio.CancelledError):
            await self._following
        for task in self.tasks:
            task.stop("ServiceSchedulerInitiated", words.scaling(self.deployments[0].id))
            if not drain:
                task.hurry()
        await asyncio.gather(*(task.over() for task in self.tasks))

    @property
    def staying(self) -> list[Deployment]:
        """Return the deployments whose tasks stay: more than the newest while traffic moves between two."""
        primary, move = self.deployments[0], self._move
        if move is None or not move.holds:
            return [primary]
        return list(dict.fromkeys([primary, *(one for one in self.deployments if one in move.between)]))

    @property
    def crossing(self) -> bool:
        """Whether requests may still go to what does not stay."""
        return self._move is not None and self._move.crossing

    def _restore(self, kept: Mapping[str, Any]) -> None:
        self.desired, self._account_desired = kept["desired"], kept["accountDesired"]
        self._signatures, self.failure = set(kept["signatures"]), kept["failure"]
        self.completed = Deployment.read(kept["completed"]) if kept["completed"] else None
        if kept["primary"]:
            same = self.completed is not None and kept["primary"]["id"] == self.completed.id
            primary = self.completed if same and self.completed else Deployment.read(kept["primary"])
            self.deployments = [primary]
            if not same and self.completed is not None and primary.rollout == "IN_PROGRESS":
                self.deployments.append(self.completed)

    def _group(self) -> str:
        """Return the target group of the next deployment: the other one where traffic is moved between two."""
        balancing = self.wanted.balancing
        if balancing is None:
            return ""
        if self.wanted.strategy == "ROLLING" or self.completed is None or not balancing.second:
            return balancing.group
        return balancing.second if self.completed.group == balancing.group else balancing.group

    def _begin_move(self, deployment: Deployment) -> None:
        """Move traffic to a deployment, if that is how new ones take over and there is one to move it from."""
        back = self.completed
        if self.wanted.strategy != "ROLLING" and back is not None and back.group != deployment.group:
            self._move = Move(self, deployment, back)
            self._moves = [*(move for move in self._moves if move.holds), self._move]

    def _end_move(self) -> None:
        if self._move is not None:
            self._move.cancel()

    def _explained(self, deployment: Deployment) -> str:
        """Return why a deployment failed, by what became of its last task and what that wrote last."""
        failed = [task for task in self.tasks if task.deployment == deployment.id and task.failed]
        if not failed:
            return deployment.reason
        task, definition = failed[-1], deployment.revision.container
        stream = f"{definition.log_prefix}/{definition.name}/{task.id}"
        code = f" (exit code {task.ended.exit_code})" if task.ended else ""
        reason = f": {task.ended.reason}" if task.ended and task.ended.reason not in task.stopped_reason else ""
        lines = self.world.context.logs.read(definition.log_group, stream=stream) if definition.log_group else []
        wrote = [line.text.strip() for line in lines if line.text.strip()]
        last = f" Its log {definition.log_group} ends with: {wrote[-1][:_LAST_WORDS]}" if wrote else ""
        return f"{deployment.reason} Task {task.id}: {task.stopped_reason}{code}{reason}.{last}"

    def _not_simulated(self) -> list[str]:
        others = self.deployments[0].revision.container.others
        return [f"{others} more containers of the task definition"] if others else []

    async def _follow(self) -> None:
        # Being cancelled may be lost in `wait_for` when it comes together with what is waited for (Python 3.11).
        while not self.closing:
            self._wake.clear()
            try:
                self._scheduler.look()
            except Exception as problem:  # noqa: BLE001 - said, and tried again
                self.say(f"could not be looked after: {type(problem).__name__}: {problem}", level="error")
                await asyncio.sleep(1)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _LOOK_SECONDS)
