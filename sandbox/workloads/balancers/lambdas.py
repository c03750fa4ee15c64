"""What a load balancer says to a function, and what it takes from it (ELB user guide: Lambda functions as targets)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from sandbox.workloads.http.messages import Headers, Request, Response

MOST_BYTES = 1024 * 1024
"""Largest body of a request, and largest answer as JSON."""

_TEXT = ("text/", "application/json", "application/javascript", "application/xml")


class InvalidAnswerError(Exception):
    """What a function returned is nothing that a load balancer can pass on."""


def event(request: Request, group_arn: str, *, multi_value: bool) -> bytes:
    """Return the event of a request; nothing in it is decoded."""
    pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in request.query.split("&") if pair)]
    headers = [(name.lower(), value) for name, value in request.headers]
    as_text = not request.body or (
        request.header("content-type").lower().startswith(_TEXT) and not request.header("content-encoding")
    )
    document: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": group_arn}},
        "httpMethod": request.method,
        "path": request.path,
    }
    if multi_value:
        document |= {"multiValueQueryStringParameters": _lists(pairs), "multiValueHeaders": _lists(headers)}
    else:
        # Of what is repeated only the last reaches a function.
        document |= {"queryStringParameters": dict(pairs), "headers": dict(headers)}
    try:
        body = request.body.decode() if as_text else base64.b64encode(request.body).decode()
    except UnicodeDecodeError:
        body, as_text = base64.b64encode(request.body).decode(), False
    return json.dumps(document | {"body": body, "isBase64Encoded": not as_text}).encode()


def answer(payload: bytes, *, multi_value: bool) -> Response:
    """Return the response that a function's answer stands for.

    Raises:
        InvalidAnswerError: It stands for none; the message says why.

    """
    if len(payload) > MOST_BYTES:
        message = f"The answer has {len(payload)} bytes; a load balancer takes {MOST_BYTES}."
        raise InvalidAnswerError(message)
    try:
        document = json.loads(payload)
        status = int(document["statusCode"])
    except (ValueError, TypeError, KeyError):
        message = "The answer is no JSON object with a statusCode."
        raise InvalidAnswerError(message) from None
    description = str(document.get("statusDescription") or "")
    return Response(
        status,
        _headers(document, multi_value=multi_value),
        _body(document),
        description.removeprefix(str(status)).strip(),
    )


def _headers(document: dict[str, Any], *, multi_value: bool) -> Headers:
    given = document.get("multiValueHeaders" if multi_value else "headers") or {}
    if not isinstance(given, dict):
        message = "The headers of the answer are no object."
        raise InvalidAnswerError(message)
    return [
        (str(name), _text(value))
        for name, values in given.items()
        for value in (values if multi_value and isinstance(values, list) else [values])
    ]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _body(document: dict[str, Any]) -> bytes:
    body = document.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        message = "The body of the answer is no text."
        raise InvalidAnswerError(message)
    if not document.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        message = "The body of the answer is said to be base64, and is not."
        raise InvalidAnswerError(message) from None


def _lists(pairs: Headers) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists
