"""Payload format 2.0: what an HTTP API makes of a request for a function, and of what the function returns.

Source: "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote

from sandbox.workloads.http.messages import Headers, Response, end_to_end

if TYPE_CHECKING:
    from sandbox.workloads.fronts.exchange import Exchange
    from sandbox.workloads.http.messages import Request

_TEXT = ("text/", "application/json", "application/javascript", "application/xml")
_SECURE = "443"


class ReplyError(Exception):
    """What a function returned is no answer; the text says why, as AWS's log does."""


@dataclass(frozen=True)
class Identity:
    """What events say of the API itself."""

    account: str
    api_id: str
    stage: str
    variables: Mapping[str, str] = field(default_factory=dict)


def event(
    exchange: Exchange, identity: Identity, route_key: str, parameters: Mapping[str, str], port: int
) -> dict[str, Any]:
    """Return the event of a request; what it has nothing for is absent."""
    request = exchange.request
    path = decoded(request.path)
    headers, cookies = _headers(request, exchange.trace, port)
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": request.query,
    }
    if cookies:
        made["cookies"] = cookies
    made["headers"] = headers
    if request.query:
        made["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    made["requestContext"] = {
        "accountId": identity.account,
        "apiId": identity.api_id,
        "domainName": exchange.domain,
        "domainPrefix": exchange.domain.split(".", 1)[0],
        "http": {
            "method": request.method,
            "path": path,
            "protocol": f"HTTP/{request.version}",
            "sourceIp": request.client,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": exchange.request_id,
        "routeKey": route_key,
        "stage": identity.stage,
        "time": exchange.time,
        "timeEpoch": exchange.milliseconds,
    }
    if request.body:
        made["body"], coded = _body(request.body, headers.get("content-type", ""))
    else:
        coded = False
    if parameters:
        made["pathParameters"] = {name: unquote(value) for name, value in parameters.items()}
    made["isBase64Encoded"] = coded
    if identity.variables:
        made["stageVariables"] = dict(identity.variables)
    return made


def answer(payload: bytes) -> Response:
    """Return what a client gets for what a function returned.

    Raises:
        ReplyError: The function returned what is no answer.

    """
    try:
        returned: Any = json.loads(payload)
    except ValueError:
        message = "The Lambda function returned what is no JSON."
        raise ReplyError(message) from None
    if not isinstance(returned, dict) or "statusCode" not in returned:
        body = returned.encode() if isinstance(returned, str) else payload
        return Response(200, [("content-type", "application/json")], body)
    return _answered(cast("dict[str, Any]", returned))


def decoded(path: str) -> str:
    """Return a path as events have it; what follows a question mark is lost, encoded or not."""
    return unquote(path).partition("?")[0]


def body_of(content: object, *, coded: bool) -> bytes:
    """Return the bytes of a body that a function returned.

    Raises:
        ReplyError: It is no text, or not base64 where it should be.

    """
    if content is None:
        return b""
    if not isinstance(content, str):
        message = 'Lambda body contains the wrong type for field "body"'
        raise ReplyError(message)
    if not coded:
        return content.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        message = "The body of the Lambda function's response is no base64."
        raise ReplyError(message) from None


def status_of(returned: Mapping[str, Any]) -> int:
    """Return the status of what a function returned.

    Raises:
        ReplyError: There is none that HTTP has.

    """
    status = returned.get("statusCode")
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:  # noqa: PLR2004 - HTTP's
        message = 'Lambda body contains the wrong type for field "statusCode"'
        raise ReplyError(message)
    return status


def text_of(value: object) -> str:
    """Return a header's value as functions may return it.

    Raises:
        ReplyError: It is none.

    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return "".join(str(value).splitlines())
    message = 'Lambda body contains the wrong type for field "headers"'
    raise ReplyError(message)


def mapping_of(returned: Mapping[str, Any], field_name: str) -> Mapping[str, Any]:
    """Return a part of what a function returned that has names and values; null is none.

    Raises:
        ReplyError: It has none.

    """
    found: Any = returned.get(field_name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        message = f'Lambda body contains the wrong type for field "{field_name}"'
        raise ReplyError(message)
    return cast("dict[str, Any]", found)


def _answered(returned: Mapping[str, Any]) -> Response:
    headers: Headers = [(name, text_of(value)) for name, value in mapping_of(returned, "headers").items()]
    cookies: Any = returned.get("cookies") or ()
    if not isinstance(cookies, list | tuple):
        message = 'Lambda body contains the wrong type for field "cookies"'
        raise ReplyError(message)
    headers += [("set-cookie", text_of(cookie)) for cookie in cast("list[object]", cookies)]
    body = body_of(returned.get("body"), coded=returned.get("isBase64Encoded") is True)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    return Response(status_of(returned), headers, body)


def _headers(request: Request, trace: str, port: int) -> tuple[dict[str, str], list[str]]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in end_to_end(request.headers):
        key = name.lower()
        if key == "cookie":
            cookies += [each for cookie in value.split(";") if (each := cookie.strip())]
        else:
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    given = headers.get("x-forwarded-for")
    headers["content-length"] = str(len(request.body))
    headers["x-amzn-trace-id"] = trace
    headers["x-forwarded-for"] = f"{given}, {request.client}" if given else request.client
    headers["x-forwarded-port"] = str(port) if request.scheme == "http" else _SECURE
    headers["x-forwarded-proto"] = request.scheme
    return headers, cookies


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    if content_type.startswith(_TEXT):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
