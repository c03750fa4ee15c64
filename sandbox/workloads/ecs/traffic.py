"""Strategies that move traffic from one version to the next: blue/green, canary and linear."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.control.account import Account
from sandbox.control.errors import Refusal

if TYPE_CHECKING:
    from sandbox.control.wire import Value
    from sandbox.workloads.ecs.deployment import Deployment
    from sandbox.workloads.ecs.service import Service

_ALL = 100
_MINUTE = 60
_RULE = "aws:lb/listenerRule:ListenerRule"
_SEEN = 1.5
"""Real seconds until who listens has taken over a changed rule."""


def steps(strategy: str, configuration: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    """Yield the shares of the traffic that a new version gets, and the minutes that each is watched.

    The last share is all of it, which is watched for the bake time (API, CanaryConfiguration, LinearConfiguration).
    """
    if strategy == "CANARY":
        given = configuration.get("canaryConfiguration") or {}
        yield float(given.get("canaryPercent") or 5), _minutes(given.get("canaryBakeTimeInMinutes"), 10)
    if strategy == "LINEAR":
        given = configuration.get("linearConfiguration") or {}
        step, share = float(given.get("stepPercent") or 10), 0.0
        while (share := share + step) < _ALL:
            yield share, _minutes(given.get("stepBakeTimeInMinutes"), 6)
    yield _ALL, _minutes(configuration.get("bakeTimeInMinutes"), 0)


def _minutes(given: object, default: float) -> float:
    return default if given is None else float(str(given))


class Move:
    """Moves the traffic of a service from its last completed deployment to the next; back when it is cancelled."""

    def __init__(self, service: Service, to: Deployment, back: Deployment) -> None:
        self.holds = True
        """Whether what ran before must stay, so that traffic can go back at once."""
        self._begun = False
        self._service = service
        self._to, self._back = to, back
        self._done = False
        self._moving = asyncio.create_task(self._run(), name=f"traffic of {service.wanted.name}")
        self._returning: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Move no more; unless all of it is done, the traffic goes back to where it came from."""
        if self._done or self._returning is not None:
            return
        self._returning = asyncio.create_task(self._return(), name=f"traffic of {self._service.wanted.name} goes back")

    @property
    def crossing(self) -> bool:
        """Whether requests may go to neither of its deployments, or to one that is given up."""
        return self.holds and (not self._begun or self._returning is not None)

    @property
    def between(self) -> tuple[Deployment, Deployment]:
        """Return the deployments that it moves traffic between."""
        return self._to, self._back

    async def close(self) -> None:
        """Let it move no more, wherever it is."""
        for task in (self._moving, self._returning):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _return(self) -> None:
        if self._moving is not asyncio.current_task():
            self._moving.cancel()
        try:
            await self._share(0)
        except (Refusal, OSError) as problem:
            self._service.note("deployment", f"The traffic could not be moved back: {problem}")
        self.holds = False

    async def _run(self) -> None:
        service, deployment = self._service, self._to
        balancing, clock = service.wanted.balancing, service.world.context.clock
        assert balancing is not None
        try:
            # An earlier move may have been cut off by the end of this process.
            await self._share(0)
            self._begun = True
            deployment.stage = "SCALE_UP"
            while not self._ready():  # noqa: ASYNC110 - it depends on processes and on checks
                await asyncio.sleep(0.1)
            if balancing.test_rule:
                deployment.stage = "TEST_TRAFFIC_SHIFT"
                await self._rule(balancing.test_rule, _ALL)
            for share, minutes in steps(service.wanted.strategy, service.wanted.configuration):
                deployment.stage = "PRODUCTION_TRAFFIC_SHIFT"
                await self._share(share)
                service.note("deployment", f"{share:g} % of the traffic goes to deployment {deployment.id}.")
                if share >= _ALL:
                    deployment.stage = "BAKE_TIME"
                await clock.sleep(minutes * _MINUTE)
            deployment.stage = "CLEAN_UP"
            self._done, self.holds = True, False
        except (Refusal, OSError) as problem:
            service.fail("ECS deployment failed", str(problem).rstrip("."))

    def _ready(self) -> bool:
        service, health = self._service, self._service.health()
        mine = [task for task in service.tasks if task.deployment == self._to.id and task.healthy(health)]
        return len(mine) >= service.desired

    async def _share(self, share: float) -> None:
        balancing = self._service.wanted.balancing
        assert balancing is not None
        if balancing.production_rule:
            await self._rule(balancing.production_rule, share)

    async def _rule(self, arn: str, share: float) -> None:
        """Modify a rule of the account, as ECS does with the role that it is given for that."""
        weights = {self._back.group: _ALL - share, self._to.group: share}
        await asyncio.to_thread(modify_rule, self._service.world.context.account, arn, weights)
        await asyncio.sleep(_SEEN)


def modify_rule(folder: Path, arn: str, weights: Mapping[str, float]) -> None:
    """Give target groups of a listener rule other weights.

    Raises:
        Refusal: There is no such rule.

    """
    account = Account(folder)
    try:
        rule = next((one for one in account.list_resources() if one.outputs.get("arn") == arn), None)
        if rule is None or rule.type != _RULE:
            message = f"RuleNotFound: {arn} is not in the account."
            raise Refusal(message)
        groups: list[Value] = [{"arn": group, "weight": round(weight)} for group, weight in weights.items()]
        account.touch(rule.urn, {"actions": [{"type": "forward", "forward": {"targetGroups": groups}}]})
    finally:
        account.close()
