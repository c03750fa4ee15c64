"""What a REST API makes of a request for a function, and of what the function returns.

Source: "Lambda proxy integrations in API Gateway"; "Return binary media from a Lambda proxy integration".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote

from sandbox.workloads.fronts.http_event import ReplyError, body_of, mapping_of, status_of, text_of
from sandbox.workloads.http.messages import Headers, Response, end_to_end

if TYPE_CHECKING:
    from sandbox.workloads.fronts.exchange import Exchange
    from sandbox.workloads.fronts.rest_definition import Method
    from sandbox.workloads.http.messages import Request

_RETURNED = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
_ADDED = {"content-length", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}
_REMAPPED = {"connection", "content-length", "date", "server", "www-authenticate"}
_REMAP = "x-amzn-Remapped-"
_JSON = "application/json"


@dataclass(frozen=True)
class RestIdentity:
    """What events say of the API itself."""

    account: str
    api_id: str
    stage: str
    deployment: str = ""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Taken:
    """A request with what it takes, where it asked for it, and the parts of its path that have names."""

    method: Method
    path: str
    parameters: Mapping[str, str]
    port: int


def event(exchange: Exchange, identity: RestIdentity, taken: Taken, binary: Sequence[str]) -> dict[str, Any]:
    """Return the event of a request; what it has nothing for is null."""
    request = exchange.request
    headers = _grouped(added(exchange, taken.port))
    query = _grouped(parse_qsl(request.query, keep_blank_values=True))
    body, coded = _body(request, binary)
    return {
        "resource": taken.method.resource,
        "path": taken.path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {name: unquote(value) for name, value in taken.parameters.items()} or None,
        "stageVariables": dict(identity.variables) or None,
        "requestContext": _context(exchange, identity, taken),
        "body": body,
        "isBase64Encoded": coded,
    }


def answer(payload: bytes, request: Request, binary: Sequence[str]) -> Response:
    """Return what a client gets for what a function returned.

    Raises:
        ReplyError: The function returned what is no answer.

    """
    try:
        returned: Any = json.loads(payload)
    except ValueError:
        returned = None
    if not isinstance(returned, dict) or not set(cast("dict[str, Any]", returned)) <= _RETURNED:
        message = "Malformed Lambda proxy response"
        raise ReplyError(message)
    values = cast("dict[str, Any]", returned)
    headers = _headers(values)
    # What a client gets as bytes is said by what it accepts first.
    accepted = request.header("accept").split(",", 1)[0].split(";", 1)[0].strip()
    coded = values.get("isBase64Encoded") is True and _is_binary(accepted, binary)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", _JSON))
    return Response(status_of(values), headers, body_of(values.get("body"), coded=coded))


def remapped(headers: Headers) -> Headers:
    """Return the headers of an integration's answer as clients get them; some come under another name."""
    return [(f"{_REMAP}{name}" if name.lower() in _REMAPPED else name, value) for name, value in end_to_end(headers)]


def added(exchange: Exchange, port: int) -> Headers:
    """Return a request's headers with those by which it says who called."""
    request = exchange.request
    given = ", ".join(request.values("x-forwarded-for"))
    return [
        *((name, value) for name, value in end_to_end(request.headers) if name.lower() not in _ADDED),
        ("X-Amzn-Trace-Id", exchange.trace),
        ("X-Forwarded-For", f"{given}, {request.client}" if given else request.client),
        ("X-Forwarded-Port", str(port)),
        ("X-Forwarded-Proto", request.scheme),
    ]


def _context(exchange: Exchange, identity: RestIdentity, taken: Taken) -> dict[str, Any]:
    request = exchange.request
    caller = {
        "accessKey": None,
        "accountId": None,
        "caller": None,
        "cognitoAuthenticationProvider": None,
        "cognitoAuthenticationType": None,
        "cognitoIdentityId": None,
        "cognitoIdentityPoolId": None,
        "principalOrgId": None,
        "sourceIp": request.client,
        "user": None,
        "userAgent": request.header("user-agent") or None,
        "userArn": None,
        **({"apiKey": exchange.key, "apiKeyId": exchange.key_id} if exchange.key_id else {}),
    }
    return {
        "accountId": identity.account,
        "apiId": identity.api_id,
        "deploymentId": identity.deployment,
        "domainName": exchange.domain,
        "domainPrefix": exchange.domain.split(".", 1)[0],
        "extendedRequestId": exchange.extended_id,
        "httpMethod": request.method,
        "identity": caller,
        "path": request.path,
        "protocol": f"HTTP/{request.version}",
        "requestId": exchange.request_id,
        "requestTime": exchange.time,
        "requestTimeEpoch": exchange.milliseconds,
        "resourceId": taken.method.resource_id,
        "resourcePath": taken.method.resource,
        "stage": identity.stage,
    }


def _headers(returned: Mapping[str, Any]) -> Headers:
    headers: Headers = []
    for name, values in mapping_of(returned, "multiValueHeaders").items():
        if not isinstance(values, list):
            message = 'Lambda body contains the wrong type for field "multiValueHeaders"'
            raise ReplyError(message)
        headers += [(name, text_of(value)) for value in cast("list[object]", values)]
    # A pair that is in both is sent once.
    single = [(name, text_of(value)) for name, value in mapping_of(returned, "headers").items()]
    return remapped([*headers, *(pair for pair in single if pair not in headers)])


def _body(request: Request, binary: Sequence[str]) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    content_type = request.header("content-type", _JSON).split(";", 1)[0].strip()
    if _is_binary(content_type, binary):
        return base64.b64encode(request.body).decode(), True
    return request.body.decode("utf-8", "replace"), False


def _is_binary(media_type: str, binary: Sequence[str]) -> bool:
    return "*/*" in binary or media_type.lower() in binary


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups
