"""The outermost middleware: what every response carries, what is counted of it, and its one record in the log.

One pass over the response serves all of it, since each wrapped `send` costs every request.
"""

from __future__ import annotations

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.clients import Proxies
from app.core.exchange import Exchange, current, open_exchange
from app.core.logs import ACCESS, AccessRecord, Fields
from app.core.metrics import UNMATCHED, Recorder, known_method, route_template
from app.core.request_ids import HEADER, request_id
from app.core.state import state_of

# The page at `/` has one script and one style of its own origin; nothing else that is served here loads anything.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DEFAULTS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"private, no-store"),
]
_BY_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
_LEAVING = (b"connection", b"close")
_FAILED = 500
_LONGEST_PATH = 200

_log = logging.getLogger(ACCESS)


class Envelope:
    """Names each request, adds the headers that its response lacks, counts and logs it."""

    def __init__(self, app: ASGIApp, proxies: Proxies, recorder: Recorder | None) -> None:
        self._app = app
        self._proxies = proxies
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        exchange = Exchange(request_id(scope, headers), self._proxies.client(scope), headers)
        open_exchange(scope, exchange)
        if self._proxies.secure(scope, headers):
            scope["scheme"] = "https"
            exchange.response_headers.append(_BY_HTTPS_ONLY)

        async def send_complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = _completed(message.get("headers", []), scope, exchange)
            await send(message)

        if self._recorder is not None:
            self._recorder.began()
        token = current.set(exchange)
        try:
            await self._app(scope, receive, send_complete)
        finally:
            seconds, route, status = perf_counter() - began, route_template(scope), exchange.status or _FAILED
            if self._recorder is not None:
                self._recorder.ended(known_method(scope), route, status, seconds)
            _log_request(scope, exchange, route, status, seconds)
            current.reset(token)


def _completed(own: list[tuple[bytes, bytes]], scope: Scope, exchange: Exchange) -> list[tuple[bytes, bytes]]:
    present = {name for name, _ in own}
    headers = [*own, *exchange.response_headers, (HEADER, exchange.request_id.encode())]
    headers += [header for header in _DEFAULTS if header[0] not in present]
    state = state_of(scope)
    if state is not None and not state["readiness"].ready:
        # A caller that keeps its connection would lose the request that it sends while we close it.
        headers.append(_LEAVING)
    return headers


def _log_request(scope: Scope, exchange: Exchange, route: str, status: int, seconds: float) -> None:
    if not _log.isEnabledFor(logging.INFO):
        return
    fields: Fields = {
        "method": scope["method"],
        "route": route,
        "status": status,
        "milliseconds": round(seconds * 1000, 2),
        "client": exchange.client,
    }
    if route == UNMATCHED:
        fields["path"] = scope["path"][:_LONGEST_PATH]
    _log.handle(AccessRecord(fields))
