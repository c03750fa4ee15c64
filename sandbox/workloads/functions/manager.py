"""All functions of the account: who may call them, and what calls them by itself."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from sandbox.workloads.functions import answers
from sandbox.workloads.functions.asynchronous import Waiting
from sandbox.workloads.functions.delivery import Delivery
from sandbox.workloads.functions.function import Function
from sandbox.workloads.functions.mappings import Mappings
from sandbox.workloads.functions.room import Room
from sandbox.workloads.functions.settings import (
    ALIAS,
    FUNCTION,
    INVOKE_CONFIG,
    MAPPING,
    PROVISIONED,
    Alias,
    Asynchronous,
    split,
)
from sandbox.workloads.functions.versions import Versions
from sandbox.workloads.functions.workshop import Workshop
from sandbox.workloads.surfaces import Invocation, Outcome

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.context import Context
    from sandbox.workloads.snapshot import Snapshot

_TICK_SECONDS = 0.25
_PATIENCE_SECONDS = 900.0


class Functions:
    """Runs the functions of the account; calls go on to their end whoever made them is gone."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._room: Room | None = None
        self._workshop = Workshop(context)
        self._versions = Versions(context.folder / "functions" / "versions")
        self._functions: dict[str, Function] = {}
        self._provisioned: dict[str, dict[str, int]] = {}
        self._scaled: dict[tuple[str, str], tuple[int, int]] = {}
        self._calls: set[asyncio.Task[Invocation]] = set()
        self._delivery = Delivery(context, self)
        self._waiting = Waiting(context, self, self._delivery)
        self._mappings = Mappings(context, self, self._delivery)
        self._ticking: asyncio.Task[None] | None = None
        context.faults.on_kill(self._kill)

    async def apply(self, snapshot: Snapshot) -> None:
        """Take what the account says now; what has changed is called with new workers."""
        room = self._room = self._room or Room()
        self._ticking = self._ticking or asyncio.ensure_future(self._tick())
        aliases = _by_function(snapshot.of(ALIAS))
        configs = _by_function(snapshot.of(INVOKE_CONFIG))
        self._provisioned = self._wanted(snapshot)
        found = {str(one.outputs["arn"]): one for one in snapshot.of(FUNCTION)}
        room.reserved = {arn: limit for arn, one in found.items() if (limit := _reserved(one)) >= 0}
        for arn in self._functions.keys() - found.keys():
            await self._functions.pop(arn).close()
        for arn, resource in found.items():
            key = resource.region, str(resource.outputs["name"])
            versions = self._versions.take(resource)
            function = self._functions.get(arn)
            if function is None:
                function = Function(self._context, room, self._workshop, versions["$LATEST"])
                self._functions[arn] = function
            named = {alias.name: alias for alias in map(Alias.of, aliases[key])}
            function.asynchronous = {
                str(one.outputs.get("qualifier") or ""): Asynchronous.of(resource, one) for one in configs[key]
            }
            function.asynchronous.setdefault("", Asynchronous.of(resource, None))
            function.take(versions, named, self._provisioned.get(arn, {}))
            self._versions.drop(function.latest.name, versions, function.used)
        self._versions.forget([one.latest.name for one in self._functions.values()])
        self._workshop.keep(version for one in self._functions.values() for version in one.kept)
        self._mappings.take(snapshot.of(MAPPING))

    def has(self, arn: str) -> bool:
        """Whether there is such a function, by an ARN with or without a qualifier."""
        name, qualifier = split(arn)
        return name in self._functions and self._functions[name].has(qualifier)

    async def invoke(
        self, arn: str, payload: bytes, *, kind: Literal["RequestResponse", "Event"] = "RequestResponse"
    ) -> Invocation:
        """Call a function; what does not work is told as the Invoke API tells it."""
        name, qualifier = split(arn)
        function = self._functions.get(name)
        if function is None or not function.has(qualifier):
            return Invocation(404, answers.not_found(arn))
        limit = answers.MOST_EVENT if kind == "Event" else answers.MOST_REQUEST
        if len(payload) > limit:
            return Invocation(413, answers.too_large(limit))
        payload = payload or b"{}"
        try:
            json.loads(payload)
        except ValueError as error:
            return Invocation(400, answers.not_json(str(error)))
        if kind == "Event":
            self._waiting.add(function, qualifier, arn, payload)
            return Invocation(202)
        call = asyncio.ensure_future(function.call(qualifier, arn, payload))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return await asyncio.shield(call)

    def capacity(self, resource_id: str) -> int | None:
        """Return the provisioned concurrency of `function:NAME:ALIAS`; None if it has none."""
        found = self._named(resource_id)
        return self._provisioned.get(found[0], {}).get(found[1]) if found else None

    def set_capacity(self, resource_id: str, capacity: int, reason: str) -> None:
        """Want another provisioned concurrency, until the account says another."""
        found = self._named(resource_id)
        if found is None:
            return
        arn, qualifier = found
        wanted = self._provisioned.setdefault(arn, {})
        if wanted.get(qualifier) == capacity:
            return
        said = self._scaled.get((arn, qualifier), (wanted.get(qualifier, 0), 0))[0]
        self._scaled[arn, qualifier] = (said, capacity)
        wanted[qualifier] = capacity
        function = self._functions[arn]
        function.provision(wanted)
        text = f"Provisioned concurrency of {qualifier}: {capacity}. {reason}"
        self._context.events.add(function.latest.subject, "scaling", text, stack=function.latest.stack)

    async def settled(self, arn: str) -> Outcome:
        """Return when the provisioned concurrency of an alias or a version is ready, or will not be."""
        name, qualifier = split(arn)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while name in self._functions and self._provisioned.get(name, {}).get(qualifier):
            wanted, ready, problem = self._functions[name].allocated(qualifier)
            if problem or time.monotonic() > deadline:
                return Outcome(ok=False, reason=problem or "Provisioned concurrency was not ready in time.")
            if ready >= wanted:
                break
            await asyncio.sleep(_TICK_SECONDS)
        return Outcome(ok=True)

    def describe(self) -> dict[str, Any]:
        """Return what is."""
        return {
            "functions": [
                {**one.describe(), "asynchronous": self._waiting.count(arn)} for arn, one in self._functions.items()
            ],
            "mappings": self._mappings.describe(),
        }

    async def close(self) -> None:
        """End everything."""
        if self._ticking is not None:
            self._ticking.cancel()
        await self._mappings.close()
        await self._waiting.close()
        await asyncio.gather(*(one.close() for one in self._functions.values()))
        for call in list(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            for function in self._functions.values():
                function.tick()

    def _wanted(self, snapshot: Snapshot) -> dict[str, dict[str, int]]:
        """Return how many workers are to be ready, by function and qualifier; scaling may have said another number."""
        wanted: dict[str, dict[str, int]] = defaultdict(dict)
        for one in snapshot.of(PROVISIONED):
            function = snapshot.find(FUNCTION, name=_name(one))
            if function is None:
                continue
            arn, qualifier = str(function.outputs["arn"]), str(one.outputs["qualifier"])
            said = int(str(one.outputs["provisionedConcurrentExecutions"]))
            before, scaled = self._scaled.get((arn, qualifier), (said, said))
            if before != said:
                del self._scaled[arn, qualifier]
                scaled = said
            wanted[arn][qualifier] = scaled
        return dict(wanted)

    def _named(self, resource_id: str) -> tuple[str, str] | None:
        _, _, rest = resource_id.partition("function:")
        name, _, qualifier = rest.rpartition(":")
        for arn, function in self._functions.items():
            if function.latest.name == name and function.has(qualifier):
                return arn, qualifier
        return None

    def _kill(self, pattern: str) -> bool:
        matching = [one for one in self._functions.values() if fnmatchcase(one.latest.subject, pattern)]
        for function in matching:
            if function.kill_one():
                self._context.events.add(
                    function.latest.subject,
                    "fault",
                    "A worker was killed.",
                    stack=function.latest.stack,
                    level="warning",
                )
                return True
        return False


def _by_function(resources: list[Resource]) -> Mapping[tuple[str, str], list[Resource]]:
    found: dict[tuple[str, str], list[Resource]] = defaultdict(list)
    for one in resources:
        found[one.region, _name(one)].append(one)
    return found


def _name(resource: Resource) -> str:
    """Return the name of the function that something belongs to; it may be given as an ARN."""
    given = str(resource.outputs["functionName"])
    return given.split(":")[6] if given.startswith("arn:") else given


def _reserved(function: Resource) -> int:
    with suppress(KeyError, ValueError, TypeError):
        return int(str(function.outputs["reservedConcurrentExecutions"]))
    return -1
