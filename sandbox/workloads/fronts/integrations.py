"""What an API hands requests on to: functions, and load balancers behind links."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.workloads.http.messages import Response

if TYPE_CHECKING:
    from sandbox.workloads.fronts.exchange import Exchange
    from sandbox.workloads.http.messages import Request
    from sandbox.workloads.surfaces import Balancers, Invocation, Invoker

MOST_BYTES = 10 * 1024 * 1024
"""Payload of a request or an answer (quotas of HTTP APIs and REST APIs)."""
HEAD_BYTES = 10_240
"""Request line and headers together (the same quotas)."""
LINK_CLIENT = "10.0.0.4"
"""Address in the network from which a link calls; nobody sees it but in X-Forwarded-For."""

TIMED_OUT = "Endpoint request timed out"
_FUNCTION = re.compile(r":lambda:path/2015-03-31/functions/(arn:[^/]+)/invocations$")
Result = TypeVar("Result")


class TimedOutError(Exception):
    """The integration took longer than it may."""


class UnreachableError(Exception):
    """Nobody answers behind the link."""


def function_of(uri: str) -> str:
    """Return the function that the URI of an integration invokes; empty if it is none."""
    found = _FUNCTION.search(uri)
    return found[1] if found else ""


def head_bytes(request: Request) -> int:
    """Return how long a request's first line and headers are together."""
    line = len(request.method) + len(request.target) + len("  HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + len(": \r\n") for name, value in request.headers)


class Integrations:
    """Calls what is behind an API, for as long as the API waits; a function goes on to its end even so."""

    def __init__(self, invoker: Invoker, balancers: Balancers) -> None:
        self._invoker = invoker
        self._balancers = balancers
        self._late: set[asyncio.Future[Any]] = set()

    async def invoke(self, exchange: Exchange, arn: str, event: Mapping[str, Any], seconds: float) -> Invocation:
        """Call a function.

        Raises:
            TimedOutError: It takes longer.

        """
        payload = json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogateescape")
        invocation = await self._within(exchange, self._invoker.invoke(arn, payload), seconds)
        exchange.invoke_status = invocation.status
        return invocation

    async def forward(self, exchange: Exchange, listener: str, request: Request, seconds: float) -> Response:
        """Hand a request to a load balancer, and read its answer.

        Raises:
            TimedOutError: It takes longer.
            UnreachableError: There is no such load balancer, or its answer ends in the middle.

        """
        try:
            response = await self._within(exchange, self._forward(listener, request), seconds, goes_on=False)
        except (LookupError, OSError) as problem:
            exchange.error = "Network error communicating with endpoint"
            raise UnreachableError from problem
        exchange.integration_status = response.status
        return response

    async def close(self) -> None:
        """End what nobody waits for any more."""
        late = list(self._late)
        for each in late:
            each.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _forward(self, listener: str, request: Request) -> Response:
        response = await self._balancers.forward(listener, request)
        if isinstance(response.body, bytes):
            return response
        # An API sends an answer on when it has all of it; its length is that of what it has.
        body = await _read(response)
        return Response(response.status, response.headers, body, response.reason)

    async def _within(
        self, exchange: Exchange, work: Coroutine[Any, Any, Result], seconds: float, *, goes_on: bool = True
    ) -> Result:
        exchange.integrate()
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait((task,), timeout=seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            exchange.integrated()
        if done:
            return task.result()
        self._late.add(task)
        task.add_done_callback(self._forget)
        if not goes_on:
            task.cancel()
        exchange.error = TIMED_OUT
        raise TimedOutError

    def _forget(self, task: asyncio.Future[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()


async def _read(response: Response) -> bytes:
    body = bytearray()
    assert not isinstance(response.body, bytes)
    try:
        async for piece in response.body:
            body += piece
            if len(body) > MOST_BYTES:
                message = "The answer is larger than an API passes on."
                raise OSError(message)
    finally:
        await response.close()
    return bytes(body)
