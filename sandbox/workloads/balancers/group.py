"""A target group: who is registered, how they are, and who gets the next request."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sandbox.workloads.balancers.checks import CheckFailedError, Probe, Watch
from sandbox.workloads.balancers.model import GroupSpec
from sandbox.workloads.containers.health import grace
from sandbox.workloads.context import Context
from sandbox.workloads.surfaces import Health, Target

_DRAINING = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
_REGISTERING = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
_CHECKING = ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
_UNUSED = ("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
_UNCHECKED = ("unavailable", "Target.HealthCheckDisabled", "Health checks are disabled for this target")
_HEALTHY = ("healthy", "", "")
_TAKES_REQUESTS = {"healthy", "unavailable"}


@dataclass(eq=False)
class Member:
    """A registered target."""

    target: Target
    status: tuple[str, str, str] = _REGISTERING
    outstanding: int = 0
    requests: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    watch: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """Return the state in AWS's word."""
        return self.status[0]

    def begin(self) -> None:
        """Count a request that is sent to it."""
        self.requests += 1
        self.outstanding += 1

    def end(self) -> None:
        """Count a request that has ended."""
        self.outstanding -= 1
        if self.outstanding == 0:
            self.idle.set()

    async def stop(self) -> None:
        """End its checks."""
        if self.watch is not None:
            self.watch.cancel()
            await asyncio.gather(self.watch, return_exceptions=True)
            self.watch = None


class Group:
    """The targets of one group. It may have some before the account tells what group it is."""

    def __init__(
        self,
        context: Context,
        probe: Callable[[Member, GroupSpec], Awaitable[int]],
        noticed: Callable[[Member, GroupSpec], None],
    ) -> None:
        self.spec: GroupSpec | None = None
        self.used = False
        self.members: list[Member] = []
        self._context = context
        self._probe = probe
        self._noticed = noticed
        self._turn = 0

    async def apply(self, spec: GroupSpec, *, used: bool) -> None:
        """Be as the account says; who is checked otherwise than before is checked anew."""
        changed = self.spec is None or self.spec.check != spec.check or self.used != used
        self.spec, self.used = spec, used
        if spec.kind == "lambda":
            await self._functions(spec)
        if changed:
            for member in self.members:
                await self._begin(member)

    def register(self, target: Target) -> Member:
        """Add a target; one that was leaving stays."""
        known = next(
            (one for one in self.members if (one.target.id, one.target.port) == (target.id, target.port)), None
        )
        if known is not None and known.state != _DRAINING[0]:
            known.target = target
            return known
        if known is not None:
            self.members.remove(known)
        member = Member(target)
        self.members.append(member)
        self._start(member)
        return member

    async def deregister(self, target_id: str) -> None:
        """Send a target nothing new; return when what it works on has ended, or after the group's delay."""
        leaving = [one for one in self.members if one.target.id == target_id]
        for member in leaving:
            self._set(member, _DRAINING)
            await member.stop()
        await asyncio.gather(*map(self._drained, leaving))
        self.members = [one for one in self.members if one not in leaving]

    def choose(self, keep: Callable[[Member], bool] | None = None) -> Member | None:
        """Return who gets the next request: somebody healthy, or anybody when nobody is; None when there is nobody.

        Args:
            keep: Says whose turn it is because a client has been there before.

        """
        present = [one for one in self.members if one.state not in {_DRAINING[0], _UNUSED[0]}]
        able = [one for one in present if one.state in _TAKES_REQUESTS] or present
        if not able:
            return None
        kept = next(filter(keep, able), None) if keep is not None else None
        if kept is not None:
            return kept
        algorithm = self.spec.algorithm if self.spec else "round_robin"
        if algorithm == "least_outstanding_requests":
            fewest = min(one.outstanding for one in able)
            able = [one for one in able if one.outstanding == fewest]
        if algorithm == "weighted_random":
            return random.choice(able)  # noqa: S311 - a share, not a secret
        self._turn += 1
        return able[self._turn % len(able)]

    @property
    def healthy(self) -> int:
        """Return how many are healthy."""
        return sum(one.state in _TAKES_REQUESTS for one in self.members)

    @property
    def unhealthy(self) -> int:
        """Return how many are not healthy, new ones among them."""
        return sum(one.state in {"unhealthy", "initial"} for one in self.members)

    def health(self) -> list[Health]:
        """Return how each target is."""
        return [Health(one.target, *one.status) for one in self.members]

    async def close(self) -> None:
        """End all checks."""
        await asyncio.gather(*(one.stop() for one in self.members))

    async def _functions(self, spec: GroupSpec) -> None:
        """Have the functions that the account attaches, and no others."""
        for gone in [one for one in self.members if one.target.id not in spec.functions]:
            await gone.stop()
            self.members.remove(gone)
        known = {one.target.id for one in self.members}
        for arn in spec.functions:
            if arn not in known:
                self.register(Target(arn, "", 0, subject=spec.subject))

    async def _begin(self, member: Member) -> None:
        if member.state == _DRAINING[0]:
            return
        await member.stop()
        self._start(member)

    def _start(self, member: Member) -> None:
        spec = self.spec
        if spec is None:
            return
        if not self.used:
            self._set(member, _UNUSED)
        elif not spec.check.enabled:
            self._set(member, _UNCHECKED)
        else:
            if member.state in {_UNUSED[0], _UNCHECKED[0]}:
                self._set(member, _REGISTERING)
            member.watch = asyncio.create_task(self._watch(member, spec), name=f"health of {member.target.id}")

    async def _watch(self, member: Member, spec: GroupSpec) -> None:
        probe: Probe = lambda: self._probe(member, spec)  # noqa: E731 - a name for what the type says
        check, clock = spec.check, self._context.clock
        starts = grace(clock, (check.unhealthy - 1) * check.interval)
        watch = Watch(check, new=member.state == "initial", healthy=member.state == "healthy", starts=starts)
        while True:
            began = asyncio.get_running_loop().time()
            verdict = watch.passed() if (problem := await _tried(watch, probe)) is None else watch.failed()
            if verdict == "healthy":
                self._set(member, _HEALTHY)
                self._noticed(member, spec)
            elif verdict == "unhealthy" and problem is not None:
                self._set(member, ("unhealthy", problem.reason, str(problem)))
            elif member.status == _REGISTERING:
                self._set(member, _CHECKING)
            spent = asyncio.get_running_loop().time() - began
            await asyncio.sleep(max(0.0, clock.real(check.interval) - spent))

    def _set(self, member: Member, status: tuple[str, str, str]) -> None:
        before, member.status = member.state, status
        if before == status[0]:
            return
        target, spec = member.target, self.spec
        subject = target.subject or (spec.subject if spec else target.id)
        place = f"{target.id}:{target.port}" if target.port else target.id
        text = f"Target {place} is {status[0]}" + (f": {status[2]} ({status[1]})." if status[1] else ".")
        level = "warning" if status[0] == "unhealthy" else "info"
        self._context.events.add(subject, "health", text, stack=spec.stack if spec else "", level=level)

    async def _drained(self, member: Member) -> None:
        if member.outstanding == 0:
            return
        member.idle.clear()
        delay = self._context.clock.real(self.spec.delay if self.spec else 0)
        try:
            async with asyncio.timeout(delay):
                await member.idle.wait()
        except TimeoutError:
            return


async def _tried(watch: Watch, probe: Probe) -> CheckFailedError | None:
    try:
        await watch.judge(probe)
    except CheckFailedError as problem:
        return problem
    return None
