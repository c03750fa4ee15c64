"""One function: its versions, who is sent to which, its workers and what was measured of its calls."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.workloads.functions import answers
from sandbox.workloads.functions.call import Done
from sandbox.workloads.functions.pool import Pool
from sandbox.workloads.functions.settings import LATEST, Alias, Asynchronous, Version
from sandbox.workloads.surfaces import Invocation

if TYPE_CHECKING:
    from sandbox.workloads.context import Context
    from sandbox.workloads.functions.room import Room
    from sandbox.workloads.functions.workshop import Workshop

NAMESPACE = "AWS/Lambda"
_IDLE_SECONDS = 300.0


@dataclass
class Counts:
    """What was counted since this process began."""

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    cold_starts: int = 0


class Function:
    """A function of the account."""

    def __init__(self, context: Context, room: Room, workshop: Workshop, latest: Version) -> None:
        self.versions: Mapping[str, Version] = {}
        self.aliases: Mapping[str, Alias] = {}
        self.asynchronous: Mapping[str, Asynchronous] = {}
        """What becomes of events by qualifier; the empty one is that of the function itself."""
        self.latest = latest
        self.counts = Counts()
        self._context = context
        self._room = room
        self._workshop = workshop
        self._pools: dict[str, Pool] = {}
        self._provisioned: Mapping[str, int] = {}
        self._retiring: dict[asyncio.Task[None], Pool] = {}

    @property
    def newest(self) -> str:
        """The version that was published last, or $LATEST."""
        return max((one for one in self.versions if one.isdecimal()), key=int, default=LATEST)

    @property
    def used(self) -> set[str]:
        """The versions that an alias sends calls to."""
        return {number for alias in self.aliases.values() for number in (alias.version, *alias.weights)}

    @property
    def kept(self) -> list[Version]:
        """The versions whose code is needed, by a next call or by one that is under way."""
        return [*self.versions.values(), *(pool.version for pool in self._retiring.values())]

    def take(
        self, versions: Mapping[str, Version], aliases: Mapping[str, Alias], provisioned: Mapping[str, int]
    ) -> None:
        """Become what the account says now: workers of what has changed are replaced, each after its last call."""
        before, self.versions, self.latest = self.versions, versions, versions[LATEST]
        self.aliases = aliases
        for number, pool in list(self._pools.items()):
            version = versions.get(number)
            changed = version is None or version.fingerprint != pool.version.fingerprint
            unused = number != LATEST and number not in self.used
            if changed or unused:
                self._retire(self._pools.pop(number))
        known = before.get(LATEST)
        if known is not None and known.fingerprint != self.latest.fingerprint:
            self._note(f"Updated: version {self.newest}.")
        self.provision(provisioned)
        for number in self.used:
            if number in versions and versions[number].snap_start:
                self._pool(versions[number]).ensure()

    def provision(self, provisioned: Mapping[str, int]) -> None:
        """Have so many workers ready for these qualifiers."""
        self._provisioned = provisioned
        wanted: dict[str, int] = {}
        for qualifier, count in provisioned.items():
            for number, share in self._shares(qualifier).items():
                wanted[number] = wanted.get(number, 0) + round(count * share)
        for number, pool in self._pools.items():
            if number not in wanted and pool.provisioned:
                pool.provisioned = 0
                pool.ensure()
        for number, count in wanted.items():
            if (version := self.versions.get(number)) is not None:
                pool = self._pool(version)
                if pool.provisioned != count or pool.available < count:
                    pool.provisioned = count
                    pool.ensure()

    def has(self, qualifier: str) -> bool:
        """Whether a call with this qualifier reaches a version."""
        return qualifier in {"", LATEST} or qualifier in self.aliases or qualifier in self.versions

    async def call(self, qualifier: str, arn: str, payload: bytes) -> Invocation:
        """Call the version that a qualifier stands for, unless too many calls are under way."""
        alias = self.aliases.get(qualifier)
        number = LATEST if qualifier in {"", LATEST} else qualifier
        if alias is not None:
            number = alias.chosen(random.random())  # noqa: S311 - shares of calls
            if number not in self.versions:
                self._note(f"Version {number} was published before the sandbox ran it; {alias.version} is called.")
                number = alias.version
        version = self.versions.get(number)
        if version is None:
            return Invocation(404, answers.not_found(arn))
        reason = self._refusal()
        if reason:
            self.counts.throttles += 1
            self._measure(qualifier, number, Throttles=1)
            return Invocation(429, answers.throttled(reason), version=number)
        name = self.latest.arn
        self._room.calls[name] += 1
        self._measure_concurrency(qualifier)
        try:
            if delay := self._context.faults.delay(self.latest.subject):
                await asyncio.sleep(delay)
            pool = self._pool(version)
            done = await pool.call(arn, payload)
        finally:
            self._room.calls[name] -= 1
        self._count(qualifier, pool, done)
        return Invocation(
            200, done.payload, "Unhandled" if done.failed else "", number, done.log_tail, done.cold, done.seconds
        )

    def allocated(self, qualifier: str) -> tuple[int, int, str]:
        """Return how many workers are to be ready for a qualifier, how many are, and why not more."""
        pools = [self._pools[number] for number in self._shares(qualifier) if number in self._pools]
        wanted = sum(pool.provisioned for pool in pools)
        return wanted, sum(pool.available for pool in pools), next((one.problem for one in pools if one.problem), "")

    def tick(self) -> None:
        """Measure what works, end what has died or was idle for long."""
        for pool in self._pools.values():
            pool.tick(_IDLE_SECONDS)

    def kill_one(self) -> bool:
        """Kill one worker; return whether there was any."""
        return any(pool.kill_one() for pool in self._pools.values())

    def describe(self) -> dict[str, Any]:
        """Return what is."""
        latest, pools = self.latest, self._pools.values()
        return {
            "subject": latest.subject,
            "stack": latest.stack,
            "name": latest.name,
            "arn": latest.arn,
            "version": self.newest,
            "aliases": {
                alias.name: {"version": alias.version, "weights": dict(alias.weights)}
                for alias in self.aliases.values()
            },
            "memory": latest.memory,
            "timeout": latest.timeout,
            "reserved": self._room.reserved.get(latest.arn),
            "concurrency": self._room.calls[latest.arn],
            "waiting": sum(pool.waiting for pool in pools),
            "invocations": self.counts.invocations,
            "errors": self.counts.errors,
            "throttled": self.counts.throttles,
            "cold_starts": self.counts.cold_starts,
            "workers": [worker.describe(pool.version.number) for pool in pools for worker in pool.workers],
            "provisioned": [self._describe_provisioned(one) for one in self._provisioned],
        }

    async def close(self) -> None:
        """End all workers."""
        pools = [*self._pools.values(), *self._retiring.values()]
        self._pools.clear()
        for task in list(self._retiring):
            task.cancel()
        await asyncio.gather(*(pool.close() for pool in pools))

    def _pool(self, version: Version) -> Pool:
        if version.number not in self._pools:
            prepare = partial(self._workshop.prepare, version)
            self._pools[version.number] = Pool(version, prepare, self._room, self._context.logs)
        return self._pools[version.number]

    def _shares(self, qualifier: str) -> Mapping[str, float]:
        alias = self.aliases.get(qualifier)
        if alias is None:
            return {qualifier: 1.0}
        return {alias.version: 1 - sum(alias.weights.values()), **alias.weights}

    def _refusal(self) -> str:
        if self._context.faults.throttled(self.latest.subject):
            return "ConcurrentInvocationLimitExceeded"
        return self._room.refusal(self.latest.arn)

    def _count(self, qualifier: str, pool: Pool, done: Done) -> None:
        self.counts.invocations += 1
        self.counts.errors += done.failed
        self.counts.cold_starts += done.cold
        measured = {"Invocations": 1.0, "Errors": float(done.failed), "Duration": done.seconds * 1000}
        if pool.provisioned:
            busy = sum(one.kind == "provisioned-concurrency" and one.state == "busy" for one in pool.workers)
            which = (
                "ProvisionedConcurrencyInvocations"
                if done.provisioned
                else "ProvisionedConcurrencySpilloverInvocations"
            )
            measured |= {which: 1.0, "ProvisionedConcurrencyUtilization": busy / pool.provisioned}
        self._measure(qualifier, pool.version.number, **measured)

    def _measure_concurrency(self, qualifier: str) -> None:
        room, latest, add = self._room, self.latest, self._context.metrics.add
        resource = f"{latest.name}:{qualifier}" if qualifier else latest.name
        for dimensions in ({"FunctionName": latest.name}, {"FunctionName": latest.name, "Resource": resource}):
            add(NAMESPACE, "ConcurrentExecutions", dimensions, room.calls[latest.arn])
        add(NAMESPACE, "ConcurrentExecutions", {}, room.calls.total())
        if latest.arn not in room.reserved:
            add(NAMESPACE, "UnreservedConcurrentExecutions", {}, room.unreserved)

    def _measure(self, qualifier: str, number: str, **values: float) -> None:
        name = self.latest.name
        resource = f"{name}:{qualifier}" if qualifier else name
        dimensions = [{}, {"FunctionName": name}, {"FunctionName": name, "Resource": resource}]
        if qualifier in self.aliases:
            dimensions.append({"FunctionName": name, "Resource": resource, "ExecutedVersion": number})
        for metric, value in values.items():
            for each in dimensions:
                self._context.metrics.add(NAMESPACE, metric, each, value)

    def _describe_provisioned(self, qualifier: str) -> dict[str, Any]:
        wanted, ready, problem = self.allocated(qualifier)
        status = "READY" if ready >= wanted else "FAILED" if problem else "IN_PROGRESS"
        count = self._provisioned[qualifier]
        return {
            "qualifier": qualifier,
            "requested": count,
            "allocated": ready,
            "available": ready,
            "status": status,
            "reason": problem,
        }

    def _retire(self, pool: Pool) -> None:
        task = asyncio.get_running_loop().create_task(pool.retire())
        self._retiring[task] = pool
        task.add_done_callback(self._retiring.pop)

    def _note(self, text: str) -> None:
        self._context.events.add(self.latest.subject, "function", text, stack=self.latest.stack)
