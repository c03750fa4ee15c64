"""What ECS's service scheduler does: start, replace and stop tasks until a service is as it is wanted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sandbox.workloads.ecs import arithmetic, words

if TYPE_CHECKING:
    from sandbox.workloads.ecs.deployment import Deployment
    from sandbox.workloads.ecs.service import Service
    from sandbox.workloads.ecs.task import Task
    from sandbox.workloads.surfaces import Health

_AGAIN = 60
"""Seconds of AWS after which what still holds is said again."""
_MOST_AT_ONCE = 10
"""Tasks that start at once, so that a great number of them does not take the machine."""


class Scheduler:
    """Looks at a service again and again; each look does what can be done now."""

    def __init__(self, service: Service) -> None:
        self.steady = False
        self._service = service
        self._streak = 0
        self._not_before = 0.0
        self._counted: set[str] = set()
        self._known: set[str] = set()
        self._said: dict[str, float] = {}
        self._health: dict[str, Health] = {}
        self._rebalancing = ""
        self._alarmed: frozenset[str] = frozenset()

    def begin(self) -> None:
        """Begin anew with a deployment: earlier failures are not its own, nor are alarms that are on already."""
        self.steady = False
        self._streak, self._not_before = 0, 0.0
        self._alarmed = frozenset(self._alarms())

    def look(self) -> None:
        """Bring the service nearer to what is wanted."""
        service = self._service
        self._health = service.health()
        self._zones()
        primary = service.deployments[0]
        self._count(primary)
        if primary.rollout == "IN_PROGRESS" and self._breaks(primary):
            primary = service.deployments[0]
        if primary.rollout != "FAILED":
            for deployment in service.staying:
                if deployment.rollout != "FAILED":
                    self._replace(deployment)
                    self._fill(deployment)
                    self._trim(deployment)
            if not service.crossing:
                self._retire(primary)
        service.forget()
        self._complete(primary)

    def _mine(self, deployment: Deployment) -> list[Task]:
        return [task for task in self._service.tasks if task.live and task.deployment == deployment.id]

    def _live(self) -> list[Task]:
        return [task for task in self._service.tasks if task.live]

    def _healthy(self, tasks: Iterable[Task]) -> list[Task]:
        return [task for task in tasks if task.healthy(self._health)]

    def _bounds(self) -> arithmetic.Bounds:
        wanted, desired = self._service.wanted, self._service.desired
        if (versions := len(self._service.staying)) > 1:
            # Both versions are there in full; the percentages are for rolling updates.
            return arithmetic.Bounds(desired, versions * desired)
        return arithmetic.Bounds.of(desired, wanted.minimum_percent, wanted.maximum_percent)

    def _zones(self) -> None:
        """Lose what runs in a zone that fails."""
        failed = self._service.world.context.faults.failed_zones()
        for task in self._live():
            if task.subnet.zone in failed:
                task.lose(f"The Availability Zone {task.subnet.zone} is impaired")

    def _count(self, primary: Deployment) -> None:
        """Count the tasks in a row that failed before they were healthy."""
        service = self._service
        healthy = {task.id for task in self._healthy(service.tasks)}
        if any(task.deployment == primary.id for task in service.tasks if task.id in healthy - self._known):
            primary.failed_tasks, self._streak, self._not_before = 0, 0, 0.0
        self._known = healthy
        for task in service.tasks:
            if task.live or not task.failed or task.id in self._counted:
                continue
            self._counted.add(task.id)
            code = f", exit code {task.ended.exit_code}" if task.ended else ""
            service.note("task", f"Task {task.id}: {task.stopped_reason}{code}.")
            if task.was_healthy:
                continue
            self._streak += 1
            self._not_before = time.time() + service.world.context.clock.real(arithmetic.wait(self._streak))
            for deployment in service.deployments:
                deployment.failed_tasks += deployment.id == task.deployment
            if arithmetic.wait(self._streak):
                self._say(words.IMPAIRED)
        self._counted &= {task.id for task in service.tasks}

    def _breaks(self, primary: Deployment) -> bool:
        """End a deployment whose tasks fail too often, or that sets off an alarm."""
        service = self._service
        wanted = service.wanted
        breaker = wanted.breaker and wanted.strategy == "ROLLING"
        if breaker and primary.failed_tasks >= arithmetic.failures_allowed(service.desired):
            service.fail("ECS deployment circuit breaker", "tasks failed to start")
            return True
        if self._alarms() - self._alarmed:
            service.fail("ECS deployment failed", "alarm detected")
            return True
        return False

    def _alarms(self) -> frozenset[str]:
        """Return which of the alarms that take a deployment back are on."""
        service = self._service
        return frozenset(name for name in service.wanted.alarms if service.world.alarm(name) == "ALARM")

    def _replace(self, deployment: Deployment) -> None:
        """Mark what is unhealthy, so that others are started for it; stop it when they are there, or have no room."""
        service, mine = self._service, self._mine(deployment)
        for task in mine:
            reason = task.sick(self._health, service.wanted.grace_seconds)
            if reason and not task.replaced:
                found = self._health.get(task.address)
                why = found.description if found and found.state == "unhealthy" else ""
                text = words.unhealthy(task.id, task.container_port, task.group, why) if why else ""
                service.say(text or f"(task {task.id}) failed container health checks.", level="warning")
            task.replaced = bool(reason)
        sick = [task for task in mine if task.replaced]
        missing = service.desired - (len(mine) - len(sick))
        room = max(self._bounds().most, service.desired) - len(self._live())
        if sick and (missing > room or len(self._healthy(mine)) >= service.desired):
            gone = sick[: missing - max(room, 0)] if missing > 0 else sick
            for task in gone:
                self._stop([task], task.sick(self._health, service.wanted.grace_seconds))

    def _fill(self, deployment: Deployment) -> None:
        """Start the tasks that a deployment has too few of, where there are fewest."""
        service = self._service
        mine = self._mine(deployment)
        counted = [task for task in mine if not task.replaced and not self._only_moves(task)]
        bounds, total = self._bounds(), len(self._live())
        number = arithmetic.startable(service.desired, bounds, total=total, mine=len(counted))
        number = min(number, _MOST_AT_ONCE - sum(task.waiting for task in mine))
        if time.time() < self._not_before or number <= 0:
            if len(counted) < service.desired and total >= max(bounds.most, service.desired) and self._is_stuck(total):
                self._say(words.STUCK)
            return
        started: list[str] = []
        for _ in range(number):
            zone = self._emptiest(deployment)
            if zone is None:
                self._say(words.NO_CAPACITY)
                break
            started.append(service.start(deployment, zone).id)
        if started:
            self.steady = False
            replaced = sum(task.replaced for task in mine)
            more = words.UNHEALTHY_STATUS.format(count=min(replaced, len(started))) if replaced else ""
            service.say(words.started(started) + more)

    def _emptiest(self, deployment: Deployment) -> str | None:
        zones = list(dict.fromkeys(subnet.zone for subnet in deployment.revision.subnets))
        counts = Counter(task.subnet.zone for task in self._mine(deployment))
        return arithmetic.emptiest(zones, counts, self._service.world.context.faults.failed_zones())

    def _is_stuck(self, total: int) -> bool:
        """Whether all that is there must stay, so that nothing can start either."""
        live = self._live()
        return len(self._healthy(live)) == total and self._bounds().least >= total and not self._leaving()

    def _trim(self, deployment: Deployment) -> None:
        """Stop the tasks that a deployment has too many of: those that are not healthy first, then in full zones."""
        service = self._service
        mine = self._mine(deployment)
        healthy = {task.id for task in self._healthy(mine)}
        if self._rebalancing in healthy:
            self._rebalancing = ""
        counted = [task for task in mine if not task.replaced and not self._only_moves(task)]
        zones = Counter(task.subnet.zone for task in counted)
        for _ in range(len(counted) - service.desired):
            task = max(counted, key=lambda one: (one.id not in healthy, zones[one.subnet.zone], one.created))
            counted.remove(task)
            zones[task.subnet.zone] -= 1
            self._stop([task], words.scaling(deployment.id))

    def _retire(self, primary: Deployment) -> None:
        """Stop tasks of earlier deployments, as far as enough healthy ones stay."""
        service = self._service
        mine = self._mine(primary)
        staying = {one.id for one in service.staying if one.rollout != "FAILED"}
        old = [task for task in self._live() if task.deployment not in staying]
        if not old:
            return
        healthy, old_healthy = self._healthy(self._live()), self._healthy(old)
        failed = {one.id for one in service.deployments if one.rollout == "FAILED"}
        if len(self._healthy(mine)) >= service.desired:
            gone = old
        else:
            number = arithmetic.stoppable(self._bounds(), healthy=len(healthy), old_healthy=len(old_healthy))
            grace = service.wanted.grace_seconds
            unfit = [
                task
                for task in old
                if task not in old_healthy
                and (not task.was_healthy or task.deployment in failed or task.sick(self._health, grace))
            ]
            gone = [*unfit, *old_healthy[:number]]
        if gone:
            self._stop(gone, words.scaling(primary.id))

    def _complete(self, primary: Deployment) -> None:
        """Tell when a service is steady, and its deployment completed; balance it over zones while it is."""
        service = self._service
        mine = self._mine(primary)
        there = len(mine) == len(self._healthy(mine)) == service.desired
        if not there or primary.rollout == "FAILED" or len(service.staying) > 1 or self._leaving():
            self.steady = self.steady and there
            return
        if primary.rollout == "IN_PROGRESS":
            service.finish()
        if not self.steady:
            self.steady = True
            service.say(words.STEADY)
        if service.wanted.rebalances:
            self._rebalance(primary, mine)

    def _rebalance(self, primary: Deployment, mine: Sequence[Task]) -> None:
        """Start a task in the emptiest zone when another has two more; the one too many is then stopped."""
        service = self._service
        failed = service.world.context.faults.failed_zones()
        zones = {subnet.zone: 0 for subnet in primary.revision.subnets if subnet.zone not in failed}
        zones |= Counter(task.subnet.zone for task in mine)
        emptiest = self._emptiest(primary)
        if emptiest is None or max(zones.values()) - zones[emptiest] <= 1 or self._bounds().most <= len(mine):
            return
        service.say(words.not_balanced(zones))
        task = service.start(primary, emptiest)
        self._rebalancing = task.id
        service.say(f"has started 1 tasks in {emptiest} to AZ Rebalance: (task {task.id}).")

    def _only_moves(self, task: Task) -> bool:
        """Whether a task was started to balance zones, and is not healthy yet: nothing is stopped for it before."""
        return task.id == self._rebalancing

    def _leaving(self) -> bool:
        return any(not task.live and task.last_status != "STOPPED" for task in self._service.tasks)

    def _stop(self, tasks: Sequence[Task], reason: str) -> None:
        drained = [task for task in tasks if task.group and task.last_status == "RUNNING"]
        if drained:
            self._service.say(words.draining(len(drained)))
        for task in tasks:
            task.stop("ServiceSchedulerInitiated", reason)

    def _say(self, text: str) -> None:
        """Say something, and say it again only after a while."""
        now, service = time.time(), self._service
        if now - self._said.get(text, 0.0) >= service.world.context.clock.real(_AGAIN):
            self._said[text] = now
            service.say(text, level="warning")
