"""What a load balancer says itself, in the words of AWS's."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from sandbox.workloads.http.connection import Fault
from sandbox.workloads.http.messages import Request, Response

SERVER = ("Server", "awselb/2.0")
CLIENT_GONE = 460
TOO_MANY_ADDRESSES = 463
_WORDS = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Request Entity Too Large",
    HTTPStatus.REQUEST_URI_TOO_LONG: "Request-URI Too Large",
    HTTPStatus.SERVICE_UNAVAILABLE: "Service Temporarily Unavailable",
    HTTPStatus.GATEWAY_TIMEOUT: "Gateway Time-out",
}
# Too large headers are a malformed request to a load balancer (ELB user guide: troubleshooting, HTTP 400 and 414).
_FAULTS: Mapping[Fault, int] = {
    "malformed": 400,
    "headers-too-large": 400,
    "timeout": 408,
    "body-too-large": 413,
    "target-too-long": 414,
    "failed": 500,
}
_LOOPBACK = {"127.0.0.1", "localhost"}


def error(status: int) -> Response:
    """Return the page that comes with a status."""
    words = f"{status} {_phrase(status)}".rstrip()
    lines = [
        "<html>",
        f"<head><title>{words}</title></head>",
        "<body>",
        f"<center><h1>{words}</h1></center>",
        "</body>",
        "</html>",
        "",
    ]
    return Response(status, [SERVER, ("Content-Type", "text/html")], "\r\n".join(lines).encode(), _phrase(status))


def refusal(fault: Fault) -> Response:
    """Return what a client is told that may not do what it does."""
    return error(_FAULTS[fault])


def fixed(detail: Mapping[str, Any]) -> Response:
    """Return the response that a rule gives by itself."""
    body = str(detail.get("messageBody") or "").encode()
    headers = [SERVER, ("Content-Type", str(detail.get("contentType") or "text/plain"))]
    return Response(int(detail.get("statusCode") or 200), headers, body)


def redirect(detail: Mapping[str, Any], request: Request, port: int, local: Mapping[int, int]) -> Response:
    """Send a client elsewhere; what is unset stays as it was asked.

    `local` are the ports of this machine that the balancer's ports are reached by: who came by a name of this machine
    is sent to one of those.
    """
    host = urlsplit(f"//{request.header('host')}").hostname or ""
    known = {
        "protocol": request.scheme,
        "host": host,
        "port": str(port),
        "path": request.path.removeprefix("/"),
        "query": request.query,
    }

    def filled(name: str, default: str) -> str:
        text = str(detail.get(name) or default)
        for word, value in known.items():
            text = text.replace(f"#{{{word}}}", value)
        return text

    scheme, place = filled("protocol", "#{protocol}").lower(), filled("port", "#{port}")
    target = filled("host", "#{host}")
    if target in _LOOPBACK and place.isdecimal():
        place = str(local.get(int(place), int(place)))
    path, query = filled("path", "/#{path}"), filled("query", "#{query}")
    location = f"{scheme}://{target}:{place}{path}" + (f"?{query}" if query else "")
    status = int(str(detail.get("statusCode", "HTTP_302")).removeprefix("HTTP_"))
    answer = error(status)
    answer.headers.append(("Location", location))
    return answer


def _phrase(status: int) -> str:
    try:
        known = HTTPStatus(status)
    except ValueError:
        return ""
    return _WORDS.get(known, known.phrase)
