"""AWS's calls about what runs: each is answered from what the managers tell, and from logs and measurements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.workloads.api import balancing, events, functions, measurements, scaling, services, sessions
from sandbox.workloads.api.protocol import AwsError, Call, Calls
from sandbox.workloads.api.view import View

if TYPE_CHECKING:
    from sandbox.workloads.http.messages import Request, Response

Answer = Callable[[View, Call], Awaitable[Mapping[str, Any]]]


_ANSWERS: Mapping[tuple[str, str], Answer] = {
    **services.ANSWERS,
    **sessions.ANSWERS,
    **balancing.ANSWERS,
    **functions.ANSWERS,
    **scaling.ANSWERS,
    **measurements.ANSWERS,
    **events.ANSWERS,
}


class Api:
    """Answers AWS's calls over HTTP."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._calls = Calls(list(_ANSWERS))

    async def handle(self, request: Request) -> Response | None:
        """Answer a call; None for one that is not about what runs."""
        call = self._calls.read(request)
        return await self._answered(call) if call else None

    async def _answered(self, call: Call) -> Response:
        answer = _ANSWERS[call.service, call.operation]
        try:
            return call.answer(await answer(self._view, call))
        except AwsError as error:
            return call.refuse(error)
