"""Faults on request in front of AWS's data services: calls that are late, too many, or signed by keys that expired."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from sandbox.control.account import Account
from sandbox.control.errors import AccountError
from sandbox.workloads.faults import Faults

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_SIGNED = re.compile(r"Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/aws4_request")
_LOOK_SECONDS = 0.5
_THROTTLED = {
    "dynamodb": ("ProvisionedThroughputExceededException", "The level of configured throughput was exceeded."),
    "s3": ("SlowDown", "Please reduce your request rate."),
}
_TOO_MANY = ("ThrottlingException", "Rate exceeded")
_EXPIRED = {"s3": ("ExpiredToken", "The provided token has expired.")}
_TOO_OLD = ("ExpiredTokenException", "The security token included in the request is expired")


class Disturbance:
    """Stands before the services; what no fault speaks of passes."""

    def __init__(self, account: Path) -> None:
        self._account = account
        self._faults = Faults()
        self._read = -_LOOK_SECONDS

    def answer(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes] | None:
        """Answer a request that is to fail; None for one that goes on, later if need be."""
        signed = _SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None:
            return None
        self._look()
        key, service = signed[1], signed[2]
        if delay := self._faults.delay(service):
            time.sleep(delay)
        if self._faults.expired(key):
            return _error(respond, service, 403 if service == "s3" else 400, *_EXPIRED.get(service, _TOO_OLD))
        if self._faults.throttled(service):
            return _error(respond, service, 503 if service == "s3" else 400, *_THROTTLED.get(service, _TOO_MANY))
        return None

    def _look(self) -> None:
        """Read the faults again, now and then."""
        now = time.monotonic()
        if now - self._read < _LOOK_SECONDS:
            return
        self._read = now
        try:
            account = Account(self._account)
        except AccountError:
            return
        try:
            self._faults.read(account)
        finally:
            account.close()


def _error(respond: StartResponse, service: str, status: int, code: str, message: str) -> Iterable[bytes]:
    """Answer as a service does, whose clients read the code by its protocol."""
    if service == "s3":
        body, kind = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>", "application/xml"
    elif service == "sns":
        inner = f"<Type>Sender</Type><Code>{code.removesuffix('Exception')}</Code><Message>{escape(message)}</Message>"
        body, kind = f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>", "text/xml"
    else:
        body, kind = json.dumps({"__type": code, "message": message}), "application/x-amz-json-1.0"
    payload = body.encode()
    words = {400: "400 Bad Request", 403: "403 Forbidden", 503: "503 Slow Down"}[status]
    respond(words, [("Content-Type", kind), ("Content-Length", str(len(payload)))])
    return [payload]
