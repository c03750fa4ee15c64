"""The process that runs what an account says: it reads the account whenever that changes, and makes it so."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import secrets
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.address import CONTROL, Address
from sandbox.control.account import Account
from sandbox.control.errors import AccountError
from sandbox.control.faults import Rule, count
from sandbox.control.store import FILE_NAME
from sandbox.data import client as data
from sandbox.data.errors import DataError
from sandbox.data.ports import HOST
from sandbox.workloads.balancers.manager import BalancerManager
from sandbox.workloads.containers.containers import Containers
from sandbox.workloads.context import Context
from sandbox.workloads.ecs.manager import Ecs
from sandbox.workloads.firewall.manager import Firewalls
from sandbox.workloads.fronts.manager import Fronts
from sandbox.workloads.functions.manager import Functions
from sandbox.workloads.http.messages import Request, Response
from sandbox.workloads.http.server import serve
from sandbox.workloads.kubernetes.manager import Kubernetes
from sandbox.workloads.page import Page
from sandbox.workloads.scaling.manager import Scaling
from sandbox.workloads.snapshot import Snapshot, stack_of

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.api import Api
    from sandbox.workloads.surfaces import Manager, Outcome

TOKEN = "x-sandbox-token"  # noqa: S105 - where it is, not what it is
_LOOK_SECONDS = 0.2
# What a stack has whose workloads are of use; without any there is no reason to stay.
_REASONS = {
    "aws:apigateway/restApi:RestApi",
    "aws:apigatewayv2/api:Api",
    "aws:ecs/service:Service",
    "aws:lambda/function:Function",
    "aws:lb/loadBalancer:LoadBalancer",
    "kubernetes:helm.sh/v3:Release",
}
_LOG = logging.getLogger(__name__)


class Supervisor:
    """Runs the workloads of one account until told to stop, or until the account has gone or has none any more."""

    def __init__(self, account: Path, checkout: Path, speed: float) -> None:
        self.context = Context.of(account, checkout, speed)
        self.snapshot = Snapshot(())
        self._functions = functions = Functions(self.context)
        firewall = Firewalls(self.context)
        self._containers = containers = Containers(self.context)
        self._balancers = balancers = BalancerManager(self.context, functions, firewall)
        self._fronts = Fronts(self.context, functions, balancers, firewall)
        self._ecs = ecs = Ecs(self.context, containers, balancers)
        self._kubernetes = Kubernetes(self.context, containers, balancers)
        scaling = Scaling(self.context, {"ecs": ecs, "lambda": functions})
        ecs.alarm = scaling.alarm
        # In the order in which they are begun; each needs those before it.
        self.managers: Mapping[str, Manager] = {
            "functions": functions,
            "firewall": firewall,
            "balancers": balancers,
            "fronts": self._fronts,
            "ecs": ecs,
            "kubernetes": self._kubernetes,
            "scaling": scaling,
        }
        self._page = Page(self)
        self._token = secrets.token_urlsafe(24)
        self._calls: Api | None = None
        self._stop = asyncio.Event()
        self._applying = asyncio.Lock()
        self._commands: Mapping[str, Callable[[Request], Awaitable[dict[str, Any]]]] = {
            "ping": self._ping,
            "changed": self._changed,
            "describe": self._describe,
            "settled": self._settled,
            "stop": self._stopped,
        }

    async def run(self) -> None:
        """Serve until there is no reason to any more."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        store, folder = self.context.account / FILE_NAME, self.context.folder
        former = Address.read(folder)
        server = await serve(self._answer, former.port if former else 0)
        runner = web.ServerRunner(web.Server(self._page.handle))
        await runner.setup()
        self._page_url = f"http://{HOST}:{self.context.ports.named('page')}"
        await web.TCPSite(runner, HOST, int(self._page_url.rpartition(":")[2])).start()
        address = Address(os.getpid(), server.port, self._token)
        # Whatever runs is told where they are; the first to ask should not have to wait until they have started.
        services = asyncio.create_task(asyncio.to_thread(self._start_services))
        try:
            await self._apply()
            address.write(folder)
            await self._follow(store)
        finally:
            await services
            await self._page.close()
            await runner.cleanup()
            # The last is ended first: what hands requests on, before what answers them.
            for name, manager in reversed(list(self.managers.items())):
                await self._guarded(name, manager.close())
            await self._containers.close()
            await server.close()
            self.context.logs.close()
            if store.exists():
                address.leave(folder)

    def _start_services(self) -> None:
        try:
            data.start(self.context.account)
        except DataError as problem:
            self.context.events.add("account", "data", str(problem), level="error")

    def described(self) -> Mapping[str, Any]:
        """Return what each manager tells of what it runs."""
        return {name: manager.describe() for name, manager in self.managers.items()}

    async def _follow(self, store: Path) -> None:
        """Look again and again whether the account has changed, until it is time to end."""
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            seen: object = None
            while not self._stop.is_set() and store.exists():  # noqa: ASYNC240 - microseconds, on this machine's disk
                try:
                    version = connection.execute("PRAGMA data_version").fetchone()[0]
                except sqlite3.Error:
                    version = seen
                if version != seen:
                    seen = version
                    await self._apply()
                try:
                    await asyncio.wait_for(self._stop.wait(), _LOOK_SECONDS)
                except TimeoutError:
                    continue

    async def _apply(self) -> None:
        async with self._applying:
            try:
                resources = await asyncio.to_thread(self._read)
            except (AccountError, sqlite3.Error) as problem:
                self.context.events.add("account", "account", str(problem), level="error")
                return
            self.snapshot = Snapshot(resources)
            for name, manager in self.managers.items():
                await self._guarded(name, manager.apply(self.snapshot))
            await self._guarded("faults", self._kill())

    async def _kill(self) -> None:
        """Kill what faults ask for. Those who run it are asked here, where they run, and not beside."""
        done: list[Rule] = []
        self.context.faults.kill(done.append)
        if done:
            await asyncio.to_thread(self._count, done)

    def _count(self, rules: Sequence[Rule]) -> None:
        with closing(Account(self.context.account)) as account:
            for rule in rules:
                count(account, rule)

    def _read(self) -> list[Any]:
        if not (self.context.account / FILE_NAME).exists():
            # Opening it would make a new one.
            return []
        account = Account(self.context.account)
        try:
            self.context.faults.read(account)
            return account.list_resources()
        finally:
            account.close()

    async def _guarded(self, name: str, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as problem:  # noqa: BLE001 - one manager must not end the others
            _LOG.exception("%s did not do what it had to", name)
            self.context.events.add(name, "sandbox", f"{type(problem).__name__}: {problem}", level="error")

    async def _answer(self, request: Request) -> Response:
        if not request.path.startswith(CONTROL):
            return await self._api().handle(request) or _json(
                404, {"problem": "The sandbox does not answer this call."}
            )
        if not hmac.compare_digest(request.header(TOKEN), self._token):
            return _json(403, {"problem": "This is for the sandbox's own commands."})
        command = self._commands.get(request.path.removeprefix(CONTROL))
        if command is None:
            return _json(404, {"problem": f"There is no {request.path}."})
        try:
            return _json(200, await command(request))
        except Exception as problem:  # noqa: BLE001 - said to whoever asked
            _LOG.exception("A command failed")
            return _json(500, {"problem": str(problem)})

    def _api(self) -> Api:
        """Return what answers calls of AWS; it loads AWS's models, for which nothing else should wait."""
        if self._calls is None:
            from sandbox.workloads.api import Api  # noqa: PLC0415

            self._calls = Api(self)
        return self._calls

    async def _ping(self, request: Request) -> dict[str, Any]:
        del request
        return {}

    async def _changed(self, request: Request) -> dict[str, Any]:
        """Follow a change of the account, which may have taken the last reason to stay."""
        del request
        await self._apply()
        ends = not any(self.snapshot.of(kind) for kind in _REASONS)
        if ends:
            self._stop.set()
        return {"ends": ends}

    async def _describe(self, request: Request) -> dict[str, Any]:
        del request
        return {
            "pid": os.getpid(),
            "speed": self.context.clock.speed,
            "page": self._page_url,
            "urls": self._urls(),
            "managers": self.described(),
            "events": [event.document() for event in self.context.events.since()],
        }

    def _urls(self) -> dict[str, str]:
        """Return where the front door of each stack is, by the stack's name."""
        balancers = self.snapshot.of("aws:lb/loadBalancer:LoadBalancer")
        public = {stack_of(one): one for one in balancers if not one.outputs.get("internal")}
        urls = {stack: self._balancers.url(str(one.outputs["arn"])) for stack, one in public.items()}
        stacks = {stack_of(one) for one in self.snapshot.resources}
        return {stack: url for stack, url in (urls | self._fronts.urls()).items() if url and stack in stacks}

    async def _settled(self, request: Request) -> dict[str, Any]:
        """Wait until what a release waits for is steady or has failed."""
        await self._apply()
        urn = request.header("x-sandbox-subject")
        resource = next((one for one in self.snapshot.resources if one.urn == urn), None)
        outcome = await self._outcome(resource) if resource else None
        return {} if outcome is None else asdict(outcome)

    async def _outcome(self, resource: Resource) -> Outcome | None:
        if resource.type == "aws:ecs/service:Service":
            return await self._ecs.settled(str(resource.outputs["arn"]))
        if resource.type == "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig":
            name, qualifier = str(resource.outputs["functionName"]).rpartition(":")[2], resource.outputs["qualifier"]
            function = self.snapshot.find("aws:lambda/function:Function", name=name)
            return await self._functions.settled(f"{function.outputs['arn']}:{qualifier}") if function else None
        return await self._kubernetes.settled(resource.urn)

    async def _stopped(self, request: Request) -> dict[str, Any]:
        del request
        self._stop.set()
        return {}


def _json(status: int, document: Mapping[str, Any]) -> Response:
    return Response(status, [("content-type", "application/json")], json.dumps(document).encode())
