"""Hands a request to a target, and makes of whatever comes back what a load balancer makes of it."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from sandbox.workloads.balancers import answers, lambdas
from sandbox.workloads.balancers.group import Member
from sandbox.workloads.balancers.measures import Measures
from sandbox.workloads.balancers.model import BalancerSpec, GroupSpec, ListenerSpec
from sandbox.workloads.context import Context
from sandbox.workloads.http.client import Client, ConnectTimeoutError, IdleTimeoutError, RefusedError, UpstreamError
from sandbox.workloads.http.messages import Request, Response, Stream, TooLargeError
from sandbox.workloads.surfaces import Invocation, Invoker

CONNECT_SECONDS = 10
"""How long a load balancer waits for a connection to a target (ELB user guide: troubleshooting, HTTP 504)."""

_VALID_NAME = re.compile(r"[A-Za-z0-9-]+")
_MOST_ADDRESSES = 30
_TOLD_SECONDS = 10


@dataclass(frozen=True)
class Forwarder:
    """What requests to targets go through."""

    context: Context
    client: Client
    invoker: Invoker
    running: set[asyncio.Task[Invocation]] = field(default_factory=set["asyncio.Task[Invocation]"])
    told: dict[str, float] = field(default_factory=dict[str, float])

    async def send(
        self, request: Request, member: Member, group: GroupSpec, balancer: BalancerSpec, measures: Measures
    ) -> Response:
        """Return a target's answer, or what the load balancer says in its place."""
        member.begin()
        began = time.perf_counter()
        try:
            if group.kind == "lambda":
                response = await self._function(request, member, group, measures)
            else:
                await asyncio.sleep(self.context.faults.delay(member.target.subject or group.subject))
                response = await self._address(request, member, balancer)
        except UpstreamError as problem:
            member.end()
            if isinstance(problem, RefusedError | ConnectTimeoutError):
                measures.add("TargetConnectionErrorCount", group=group.suffix)
            status = 504 if isinstance(problem, ConnectTimeoutError | IdleTimeoutError) else 502
            self._tell(group, f"{status} for {request.method} {request.path}: {_reason(problem, member)}")
            return self._own(status, measures)
        except TooLargeError:
            member.end()
            return self._own(413, measures)
        except BaseException:
            member.end()
            raise
        if response is None:
            member.end()
            return self._own(502, measures)
        measures.answered(group.suffix, response.status, time.perf_counter() - began)
        if isinstance(response.body, bytes):
            member.end()
        else:
            response.body = _Counted(response.body, member.end)
        return response

    async def _address(self, request: Request, member: Member, balancer: BalancerSpec) -> Response:
        target = member.target
        if target.zone in self.context.faults.failed_zones():
            await asyncio.sleep(CONNECT_SECONDS)
            message = f"The zone {target.zone} has failed."
            raise ConnectTimeoutError(message)
        return await self.client.send(request, target.host, target.port, connect=CONNECT_SECONDS, idle=balancer.idle)

    async def _function(
        self, request: Request, member: Member, group: GroupSpec, measures: Measures
    ) -> Response | None:
        """Return a function's answer, None when it gave none that can be passed on."""
        whole = await request.whole(lambdas.MOST_BYTES)
        event = lambdas.event(whole, group.arn, multi_value=group.multi_value)
        call = asyncio.create_task(self.invoker.invoke(member.target.id, event))
        # A function goes on when its client has gone.
        self.running.add(call)
        call.add_done_callback(self.running.discard)
        outcome = await asyncio.shield(call)
        if outcome.status >= 400:  # noqa: PLR2004 - not called: throttled, too large, or not there
            measures.add("LambdaInternalError" if outcome.status == 429 else "LambdaUserError", group=group.suffix)  # noqa: PLR2004
            return None
        try:
            if outcome.error:
                raise lambdas.InvalidAnswerError(outcome.error)
            return lambdas.answer(outcome.payload, multi_value=group.multi_value)
        except lambdas.InvalidAnswerError as problem:
            measures.add("LambdaUserError", group=group.suffix)
            if not outcome.error:
                self._tell(group, f"502 for {request.method} {request.path}: {problem}")
            return None

    def _tell(self, group: GroupSpec, text: str) -> None:
        """Note an error that no log of the target has; the same target group is not noted all the time."""
        now = time.monotonic()
        if now - self.told.get(group.arn, -_TOLD_SECONDS) >= _TOLD_SECONDS:
            self.told[group.arn] = now
            self.context.events.add(group.subject, "front", text, stack=group.stack, level="warning")

    @staticmethod
    def _own(status: int, measures: Measures) -> Response:
        measures.own(status)
        return answers.error(status)


def _reason(problem: UpstreamError, member: Member) -> str:
    target = f"the target {member.target.id}:{member.target.port}"
    match problem:
        case RefusedError():
            return f"{target} refused the connection."
        case ConnectTimeoutError():
            return f"{target} took no connection for {CONNECT_SECONDS} seconds."
        case IdleTimeoutError():
            return f"{target} said nothing until the idle timeout."
        case _:
            return f"{target} closed the connection, or what it said is no HTTP ({problem})."


def forwarded(request: Request, balancer: BalancerSpec, listener: ListenerSpec) -> Request:
    """Return the request as a target sees it: with who sent it, and a trace (ELB user guide: X-Forwarded headers)."""
    headers = request.headers
    if balancer.drops_invalid:
        headers = [(name, value) for name, value in headers if _VALID_NAME.fullmatch(name)]
    before = ", ".join(request.values("x-forwarded-for"))
    trace = request.header("x-amzn-trace-id")
    added = [
        ("X-Forwarded-Proto", request.scheme),
        ("X-Forwarded-Port", str(listener.port)),
        ("X-Amzn-Trace-Id", _trace(trace)),
    ]
    match balancer.forwarded_for:
        case "append":
            added.insert(0, ("X-Forwarded-For", f"{before}, {request.client}" if before else request.client))
        case "preserve" if before:
            added.insert(0, ("X-Forwarded-For", before))
        case _:
            pass
    replaced = {"x-forwarded-for", *(name.lower() for name, _ in added)}
    kept = [(name, value) for name, value in headers if name.lower() not in replaced]
    return replace(request, headers=[*kept, *added])


def has_too_many_addresses(request: Request) -> bool:
    """Whether X-Forwarded-For names more addresses than a load balancer reads."""
    named = [word.strip() for value in request.values("x-forwarded-for") for word in value.split(",") if word.strip()]
    return len(named) > _MOST_ADDRESSES


def _trace(given: str) -> str:
    made = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    if "Root=" not in given:
        return f"Root={made};{given}" if given else f"Root={made}"
    kept = ";".join(word for word in given.split(";") if not word.strip().startswith("Self="))
    return f"Self={made};{kept}"


class _Counted:
    """A body that says when nobody wants more of it."""

    def __init__(self, stream: Stream, ended: Callable[[], None]) -> None:
        self._stream = stream
        self._ended = ended
        self._open = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            self._ended()
        await self._stream.aclose()
