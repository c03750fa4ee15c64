"""The id of a request: the caller's if it can be used, else the gateway's, else a new one."""

from __future__ import annotations

import os
import re
from typing import cast

from starlette.types import Scope

HEADER = b"x-request-id"

_USABLE = re.compile(rb"[A-Za-z0-9._:=+/@-]{1,128}")
_ROOT = re.compile(rb"(?:^|;)Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?:;|$)")


def request_id(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """Return the id of a request. Only characters that can neither break a header nor a log line pass."""
    given = headers.get(HEADER, b"")
    if not _USABLE.fullmatch(given):
        given = _of_gateway(scope, headers)
    return given.decode("ascii") if _USABLE.fullmatch(given) else os.urandom(16).hex()


def _of_gateway(scope: Scope, headers: dict[bytes, bytes]) -> bytes:
    trace = _ROOT.search(headers.get(b"x-amzn-trace-id", b""))
    if trace:
        return trace[1]
    if b"apigw-requestid" in headers:
        return headers[b"apigw-requestid"]
    event = cast("dict[str, dict[str, object]]", scope.get("aws.event", {}))
    return str(event.get("requestContext", {}).get("requestId", "")).encode()
