"""What stands between a caller and the Lambda handler: events as gateways make them, responses as they read them.

Written from AWS's documents ("Create AWS Lambda proxy integrations for HTTP APIs", "Set up Lambda proxy integrations in
API Gateway", "Use Lambda functions as targets of an Application Load Balancer") and from events that others recorded,
not from what an adapter expects.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

HOST = "api.example.com"

_TARGET_GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/netprobe/0123456789abcdef"

Event = dict[str, Any]
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as its caller sends it: `target` is the path with its query, percent-encoded."""

    method: str = "GET"
    target: str = "/"
    headers: Headers = ()
    body: bytes = b""
    peer: str = "203.0.113.9"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True)
class Response:
    """A response as its caller gets it; the order of headers means nothing except among those of one name."""

    status: int
    headers: Headers
    body: bytes

    @property
    def sorted_headers(self) -> Headers:
        return sorted(((name.lower(), value) for name, value in self.headers), key=lambda header: header[0])


class Gateway(Protocol):
    """Turns a request into an event and what the function returns into a response."""

    def event(self, request: Request) -> Event: ...

    def response(self, request: Request, returned: Any) -> Response: ...


class HttpApi:
    """An HTTP API with payload format 2.0: the path decoded, repeated headers joined, cookies apart, nothing null."""

    domain = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"

    def event(self, request: Request) -> Event:
        path = self.path(request.path)
        headers = {name: ",".join(values) for name, values in _grouped(request.headers).items()}
        cookies = headers.pop("cookie", "")
        content_type = headers.get("content-type", "")
        event: Event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": request.query,
            "headers": {
                "host": self.domain,
                "x-amzn-trace-id": "Root=1-6740a1b2-0123456789abcdef01234567",
                **headers,
                "x-forwarded-for": _appended(headers.get("x-forwarded-for"), request.peer),
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
            },
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "a1b2c3d4e5",
                "domainName": self.domain,
                "domainPrefix": "a1b2c3d4e5",
                "http": {
                    "method": request.method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": request.peer,
                    "userAgent": headers.get("user-agent", ""),
                },
                "requestId": "BqXyZhs0IAMEPxw=",
                "routeKey": "$default",
                "stage": "$default",
                "time": "21/Nov/2026:12:00:00 +0000",
                "timeEpoch": 1795262400000,
            },
            "isBase64Encoded": False,
        }
        if cookies:
            event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
        if request.query:
            event["queryStringParameters"] = {
                name: ",".join(values) for name, values in _grouped(_decoded(request.query), fold=False).items()
            }
        if request.body:
            event |= _body(request.body, text=_is_text(content_type))
        return event

    def path(self, path: str) -> str:
        """Return the path as the event has it; what follows a `?` is lost, encoded or not."""
        return unquote(path).partition("?")[0]

    def response(self, request: Request, returned: Any) -> Response:
        headers = [(name, value) for name, value in returned.get("headers", {}).items()]
        headers += [("set-cookie", cookie) for cookie in returned.get("cookies", [])]
        return _answered(request, returned, headers)


class FunctionUrl(HttpApi):
    """A function URL: the events of an HTTP API, but the path as it was sent."""

    domain = "a1b2c3d4e5f6g7h8.lambda-url.us-east-1.on.aws"

    def path(self, path: str) -> str:
        return path


class RestApi:
    """A REST API with proxy integration and binary media types `*/*`: names as sent, nothing is absent."""

    def event(self, request: Request) -> Event:
        headers = [("Host", HOST), *request.headers]
        headers = [*(each for each in headers if each[0].lower() != "x-forwarded-for"), *forwarded(request)]
        grouped = _grouped(headers, fold=False)
        parameters = _grouped(_decoded(request.query), fold=False)
        event: Event = {
            "resource": "/{proxy+}",
            "path": request.path,
            "httpMethod": request.method,
            "headers": {name: values[-1] for name, values in grouped.items()},
            "multiValueHeaders": grouped,
            "queryStringParameters": {name: values[-1] for name, values in parameters.items()} or None,
            "multiValueQueryStringParameters": parameters or None,
            "pathParameters": {"proxy": request.path.strip("/")} if request.path != "/" else None,
            "stageVariables": None,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "a1b2c3d4e5",
                "domainName": HOST,
                "domainPrefix": "a1b2c3d4e5",
                "extendedRequestId": "BqXyZhs0IAMEPxw=",
                "httpMethod": request.method,
                "identity": {"accessKey": None, "sourceIp": request.peer, "user": None, "userAgent": "curl/8.5.0"},
                "path": f"/live{request.path}",
                "protocol": "HTTP/1.1",
                "requestId": "0b6c1c1e-1111-2222-3333-444455556666",
                "requestTime": "21/Nov/2026:12:00:00 +0000",
                "requestTimeEpoch": 1795262400000,
                "resourceId": "a1b2c3",
                "resourcePath": "/{proxy+}",
                "stage": "live",
            },
            "body": None,
            "isBase64Encoded": False,
        }
        return event | _body(request.body, text=False) if request.body else event

    def response(self, request: Request, returned: Any) -> Response:
        """Read both kinds of headers: a value that is in both is sent once."""
        assert set(returned) <= {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}, "502 on AWS"
        several = returned.get("multiValueHeaders") or {}
        headers = [(name, value) for name, values in several.items() for value in values]
        headers += [(name, value) for name, value in (returned.get("headers") or {}).items() if name not in several]
        return _answered(request, returned, headers)


class LoadBalancer:
    """An ALB's target group with or without multi-value headers, which stacks switch on."""

    def __init__(self, *, several: bool) -> None:
        self._several = several

    def event(self, request: Request) -> Event:
        sent = [(name.lower(), value) for name, value in request.headers]
        headers = [("host", HOST), *(each for each in sent if each[0] != "x-forwarded-for"), *forwarded(request)]
        content_type = dict(sent).get("content-type", "")
        pairs = [each.partition("=")[::2] for each in request.query.split("&") if each]
        event: Event = {
            "requestContext": {"elb": {"targetGroupArn": _TARGET_GROUP}},
            "httpMethod": request.method,
            "path": request.path,
            **_body(request.body, text=_is_text(content_type) and "content-encoding" not in dict(sent)),
        }
        if self._several:
            event["multiValueHeaders"] = _grouped(headers)
            event["multiValueQueryStringParameters"] = _grouped(pairs, fold=False)
        else:
            event["headers"] = dict(headers)
            event["queryStringParameters"] = dict(pairs)
        return event

    def response(self, request: Request, returned: Any) -> Response:
        if self._several:
            headers = [(name, value) for name, values in returned["multiValueHeaders"].items() for value in values]
        else:
            headers = list(returned["headers"].items())
        assert returned["statusDescription"].split()[0] == str(returned["statusCode"])
        assert len(json.dumps(returned).encode()) <= 1_000_000, "a load balancer takes 1 MB"
        return _answered(request, returned, headers)


GATEWAYS: dict[str, Gateway] = {
    "http-api": HttpApi(),
    "function-url": FunctionUrl(),
    "rest-api": RestApi(),
    "alb": LoadBalancer(several=True),
    "alb-single": LoadBalancer(several=False),
}


def forwarded(request: Request) -> Headers:
    """Return the headers that a load balancer adds, or puts in place of the caller's own."""
    given = {name.lower(): value for name, value in request.headers}.get("x-forwarded-for")
    return [
        ("x-amzn-trace-id", "Root=1-6740a1b2-0123456789abcdef01234567"),
        ("x-forwarded-for", _appended(given, request.peer)),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ]


def _answered(request: Request, returned: Any, headers: Headers) -> Response:
    assert all(isinstance(value, str) for pair in headers for value in pair)
    content = returned.get("body") or ""
    body = base64.b64decode(content, validate=True) if returned["isBase64Encoded"] else content.encode()
    status = returned["statusCode"]
    assert isinstance(status, int)
    # HTTP has no place for a body here; whoever speaks HTTP with the caller leaves it out.
    return Response(status, headers, b"" if request.method == "HEAD" or status in (204, 304) else body)


def _grouped(pairs: Headers, *, fold: bool = True) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name.lower() if fold else name, []).append(value)
    return groups


def _decoded(query: str) -> Headers:
    return parse_qsl(query, keep_blank_values=True)


def _appended(given: str | None, peer: str) -> str:
    return f"{given}, {peer}" if given else peer


def _is_text(content_type: str) -> bool:
    return content_type.startswith(("text/", "application/json", "application/javascript", "application/xml"))


def _body(body: bytes, *, text: bool) -> Event:
    if text:
        try:
            return {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": bool(body)}
