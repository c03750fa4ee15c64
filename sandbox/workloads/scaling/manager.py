"""Application Auto Scaling for the account: looks at metrics each minute of the clock, and changes capacities."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from sandbox.workloads.scaling import queues
from sandbox.workloads.scaling.expressions import NotSimulatedError
from sandbox.workloads.scaling.plans import Plan
from sandbox.workloads.scaling.policies import Policy, Tracking, policy_of
from sandbox.workloads.scaling.readings import Readings
from sandbox.workloads.scaling.targets import Change, Target, bounds_of
from sandbox.workloads.scaling.watch import ALARM, Alarm, alarms_of
from sandbox.workloads.snapshot import name_of, stack_of

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.context import Context
    from sandbox.workloads.scaling.alarms import State
    from sandbox.workloads.snapshot import Snapshot
    from sandbox.workloads.surfaces import Scalable

_TARGET = "aws:appautoscaling/target:Target"
_POLICY = "aws:appautoscaling/policy:Policy"
_PLAN = "aws:appautoscaling/scheduledAction:ScheduledAction"
_KEPT = 50
_SETTLED = 0.2
"""Seconds after a period's end until what was measured in it is all there."""


@runtime_checkable
class Deploys(Protocol):
    """Something to scale that may be in the middle of a deployment."""

    def deploying(self, resource_id: str) -> bool:
        """Whether it is."""
        ...


Count = Callable[[Path, Iterable[tuple[str, str]]], queues.Counted]


class Scaling:
    """Scales what the account has scalable targets for, and judges its alarms.

    Each period ends a minute of the clock: whole seconds of this machine, so that speeds above 60 are no faster.
    """

    def __init__(
        self,
        context: Context,
        scalables: Mapping[str, Scalable],
        *,
        count: Count = queues.count,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Scale by `scalables`, which are what can be scaled by the name of their service, `ecs` or `lambda`."""
        self._context = context
        self._scalables = scalables
        self._count = count
        self._now = now
        self._readings = Readings(context.metrics, context.clock)
        self._targets: dict[str, Target] = {}
        self._plans: dict[str, Plan] = {}
        self._alarms: dict[str, Alarm] = {}
        self._documents: dict[str, str] = {}
        self._activities: dict[str, deque[dict[str, Any]]] = {}
        self._regions: dict[str, str] = {}
        self._running: asyncio.Task[None] | None = None

    async def apply(self, snapshot: Snapshot) -> None:
        """Scale by the targets and policies of the account from now on; what did not change keeps its cooldowns."""
        self._alarms = alarms_of(snapshot.of(ALARM), self._alarms)
        policies = [cast("dict[str, Any]", one.outputs) for one in snapshot.of(_POLICY)]
        found = {str(one.outputs["arn"]): one for one in snapshot.of(_TARGET)}
        for arn in self._targets.keys() - found.keys():
            for kept in (self._targets, self._documents, self._activities, self._regions):
                kept.pop(arn, None)
        for arn, resource in found.items():
            try:
                self._take(arn, resource, policies)
            except (KeyError, TypeError, ValueError) as error:
                text = f"The scalable target cannot be read, and is not scaled: {type(error).__name__}: {error}"
                self._context.events.add(name_of(resource), "scaling", text, level="error")
        self._plan(snapshot)
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    async def tick(self) -> None:
        """Look at everything once, as at the end of a period."""
        now = self._now()
        for alarm in self._alarms.values():
            alarm.look(self._readings, now, self._context.events)
        self._fire()
        for target in self._targets.values():
            self._scale(target, now)
        await self._measure()

    def alarm(self, name: str) -> State:
        """Return the state of an alarm of the account; one that is not there is none."""
        found = self._alarms.get(name)
        return found.state if found else "OK"

    def describe(self) -> dict[str, Any]:
        """Return the targets with their policies, plans and last changes, and the alarms."""
        alarms = {name: alarm.describe(self._readings) for name, alarm in self._alarms.items()}
        for target in self._targets.values():
            for policy in target.policies:
                if isinstance(policy, Tracking):
                    states = {policy.alarm_names[name]: state for name, state in policy.states.items()}
                    alarms |= {name: {"state": state, "value": policy.value} for name, state in states.items()}
        targets = [
            {
                **target.describe(self._capacity(target)),
                "schedules": [plan.describe() for plan in self._plans.values() if _is_of(plan, target)],
                "activities": list(self._activities.get(arn, ())),
            }
            for arn, target in self._targets.items()
        ]
        return {"targets": targets, "alarms": alarms, "minute": self._readings.period()}

    async def close(self) -> None:
        """Scale nothing any more."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    async def _run(self) -> None:
        period = self._readings.period()
        while True:
            await asyncio.sleep(period - self._now() % period + min(_SETTLED, period / 4))
            try:
                await self.tick()
            except Exception as error:  # noqa: BLE001 - one failure must not end all scaling
                text = f"Scaling failed for once: {type(error).__name__}: {error}"
                self._context.events.add("scaling", "scaling", text, level="error")

    def _take(self, arn: str, resource: Resource, policies: Iterable[dict[str, Any]]) -> None:
        outputs = cast("dict[str, Any]", resource.outputs)
        own = [one for one in policies if all(one[name] == outputs[name] for name in _KEYS)]
        document = json.dumps([outputs, own], sort_keys=True)
        if self._documents.get(arn) == document:
            return
        before = self._targets.get(arn)
        known: dict[str, Policy] = {policy.arn: policy for policy in before.policies} if before else {}
        taken: list[Policy] = []
        missing = (
            [] if outputs["serviceNamespace"] in self._scalables else [f"scaling of {outputs['serviceNamespace']}"]
        )
        for one in own:
            try:
                policy = policy_of(one)
            except NotSimulatedError as error:
                missing.append(f"policy {one['name']}: {error}")
                continue
            same = known.get(policy.arn)
            if isinstance(policy, Tracking) and isinstance(same, Tracking) and same.query == policy.query:
                policy.states = same.states
            taken.append(policy)
        suspended: Mapping[str, bool] = outputs.get("suspendedState") or {}
        target = Target(
            arn,
            name_of(resource),
            stack_of(resource),
            outputs["serviceNamespace"],
            outputs["resourceId"],
            outputs["scalableDimension"],
            bounds_of(outputs),
            frozenset(name for name, on in suspended.items() if on),
            taken,
        )
        # Bounds that a schedule set hold until the account has others.
        if before and before.bounds == target.bounds:
            target.moved, target.cause = before.moved, before.cause
        if before:
            target.take_cooldowns(before)
        self._targets[arn], self._documents[arn], self._regions[arn] = target, document, resource.region
        self._activities.setdefault(arn, deque(maxlen=_KEPT))
        for what in missing:
            self._lack(target, what)

    def _lack(self, target: Target, what: str) -> None:
        target.missing.append(what)
        text = f"Not simulated, so it scales nothing: {what}."
        self._context.events.add(target.name, "scaling", text, stack=target.stack, level="warning")

    def _plan(self, snapshot: Snapshot) -> None:
        now = self._context.clock.now()
        plans: dict[str, Plan] = {}
        for resource in snapshot.of(_PLAN):
            outputs = cast("dict[str, Any]", resource.outputs)
            key = json.dumps(outputs, sort_keys=True)
            plans[key] = self._plans.get(key) or Plan.of(outputs, now)
        self._plans = plans

    def _fire(self) -> None:
        now = self._context.clock.now()
        for plan in self._plans.values():
            if plan.due is None or plan.due > now:
                continue
            plan.advance(now)
            for target in self._targets.values():
                if _is_of(plan, target) and "scheduledScalingSuspended" not in target.suspended:
                    target.moved = plan.bounds(target.limits)
                    target.cause = f"scheduled action name {plan.name} was triggered; "

    def _scale(self, target: Target, now: float) -> None:
        for policy in list(target.policies):
            if isinstance(policy, Tracking):
                try:
                    policy.look(self._readings, now)
                except (NotSimulatedError, ValueError) as error:
                    target.policies = [one for one in target.policies if one is not policy]
                    self._lack(target, f"policy {policy.name}: {error}")
                continue
            policy.distance = None
            for alarm in self._alarms.values():
                if alarm.state == "ALARM" and alarm.rule and policy.arn in alarm.actions:
                    policy.tell(alarm.name, alarm.rule, alarm.values)
        capacity = self._capacity(target)
        if capacity is None:
            return
        scalable = self._scalables[target.namespace]
        deploying = isinstance(scalable, Deploys) and scalable.deploying(target.resource_id)
        change = target.decide(capacity, now, self._context.clock.speed, deploying=deploying)
        if change is not None:
            scalable.set_capacity(target.resource_id, change.capacity, change.cause)
            self._note(target, capacity, change)

    def _note(self, target: Target, before: int, change: Change) -> None:
        what = "desired count" if target.namespace == "ecs" else "provisioned concurrency"
        text = f"Setting {what} to {change.capacity}."
        activity = {"time": self._now(), "cause": change.cause, "description": text, "status": "Successful"}
        self._activities[target.arn].append({**activity, "from": before, "to": change.capacity})

    def _capacity(self, target: Target) -> int | None:
        scalable = self._scalables.get(target.namespace)
        return scalable.capacity(target.resource_id) if scalable else None

    async def _measure(self) -> None:
        """Tell the metrics of queues that something scales by, as SQS does once a minute."""
        wanted = {
            (self._regions[arn], queue)
            for arn, target in self._targets.items()
            for policy in target.policies
            if isinstance(policy, Tracking)
            for queue in policy.query.queues()
        }
        if not wanted:
            return
        counted = await asyncio.to_thread(self._count, self._context.account, sorted(wanted))
        for queue, values in counted.items():
            for name, value in values.items():
                self._context.metrics.add("AWS/SQS", name, {"QueueName": queue}, value)


_KEYS = ("serviceNamespace", "resourceId", "scalableDimension")


def _is_of(plan: Plan, target: Target) -> bool:
    return (plan.resource_id, plan.dimension) == (target.resource_id, target.dimension)
