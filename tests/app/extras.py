"""What is asked where answers are compared, and routes that show what an app sees of it, or answer as a service may."""

from __future__ import annotations

import gzip
import hashlib

from fastapi import APIRouter, Response
from fastapi import Request as Received
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse

from app.core.clients import client_of
from tests.app.gateways import Request

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_SHOWN = ("accept", "content-type", "cookie", "x-many", "x-one")

JSON = ("Content-Type", "application/json")
PREFLIGHT = (("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "content-type"))
REQUESTS = {
    "json": Request(target="/version"),
    "openapi": Request(target="/openapi.json"),
    "documents": Request(target="/docs"),
    "page": Request(target="/"),
    "page, head": Request(method="HEAD", target="/"),
    "style": Request(target="/static/some/page.css"),
    "icon": Request(target="/static/some/icon.svg"),
    "image": Request(target="/pixel"),
    "image, head": Request(method="HEAD", target="/pixel"),
    "compressed": Request(target="/zipped", headers=[("Accept-Encoding", "gzip")]),
    "text that is not UTF-8": Request(target="/latin"),
    "unicode": Request(target="/unicode"),
    "no content type": Request(target="/untyped"),
    "streamed": Request(target="/streamed"),
    "redirect": Request(target="/moved"),
    "no content": Request(method="DELETE", target="/gone"),
    "status without a name": Request(target="/odd"),
    "two cookies set": Request(target="/cookies"),
    "a header twice in the answer": Request(target="/headers"),
    "a mistake of ours": Request(target="/broken"),
    "unknown path": Request(target="/nope"),
    "unknown path, head": Request(method="HEAD", target="/nope"),
    "unknown file": Request(target="/static/some/nothing.css"),
    "trailing slash": Request(target="/health/"),
    "no path": Request(target="//"),
    "wrong method": Request(method="DELETE", target="/health"),
    "method nobody knows": Request(method="BREW", target="/health"),
    "head where there is none": Request(method="HEAD", target="/version"),
    "options": Request(method="OPTIONS", target="/health"),
    "no body": Request(method="POST", target="/v1/probes/tcp"),
    "no JSON": Request(method="POST", target="/v1/probes/tcp", headers=[JSON], body=b"{"),
    "not UTF-8": Request(method="POST", target="/v1/probes/tcp", headers=[JSON], body=b'{"host": "\xff"}'),
    "wrong fields": Request(method="POST", target="/v1/probes/tcp", headers=[JSON], body=b'{"port": 0, "x": 1}'),
    "wrong query": Request(target="/v1/probes/tcp?host=%C3%BC&port=x&y"),
    "too long": Request(method="POST", target="/v1/probes/tcp", headers=[JSON], body=b" " * 2001),
    "a probe of a probe": Request(
        target="/v1/probes/tcp?host=a&port=1", headers=[("User-Agent", "modeshift-netprobe/1")]
    ),
    "preflight": Request(
        method="OPTIONS", target="/version", headers=[("Origin", "https://pages.example"), *PREFLIGHT]
    ),
    "preflight from elsewhere": Request(
        method="OPTIONS", target="/version", headers=[("Origin", "https://x.example"), *PREFLIGHT]
    ),
    "another origin": Request(target="/version", headers=[("Origin", "https://pages.example")]),
    "echo": Request(target="/echo", headers=[("Accept", "text/html, */*"), ("X-One", "1")]),
    "echo with slash": Request(target="/echo/"),
    "echo with slashes": Request(target="/echo//a//"),
    "echo with space": Request(target="/echo/a%20b+c"),
    "echo with unicode": Request(target="/echo/gr%C3%BCn/%E6%97%A5"),
    "echo with encoded slash": Request(target="/echo/a%2Fb"),
    "echo with encoded percent": Request(target="/echo/100%2525/%2541"),
    "echo with encoded question mark": Request(target="/echo/a%3Fb"),
    "echo with query": Request(target="/echo?a=1&b=%26%3D%2B&c=a+b&d=%C3%BC&e=%2525"),
    "echo with empty query": Request(target="/echo?a=&b"),
    "echo with repeated query": Request(target="/echo?a=1&a=2&b=3&a=1"),
    "echo with comma in query": Request(target="/echo?a=1,2"),
    "echo with cookies": Request(target="/echo", headers=[("Cookie", 'a=1; b="x y"; a=2')]),
    "echo with repeated header": Request(target="/echo", headers=[("X-Many", "1"), ("X-Many", "2, 3")]),
    "echo with JSON": Request(method="POST", target="/echo", headers=[JSON], body='{"a": "ü"}'.encode()),
    "echo with text": Request(method="PUT", target="/echo", headers=[("Content-Type", "text/plain")], body=b"a\r\nb"),
    "echo with binary": Request(method="PATCH", target="/echo", headers=[("Content-Type", "image/png")], body=PIXEL),
    "echo with form": Request(
        method="POST",
        target="/echo",
        headers=[("Content-Type", "application/x-www-form-urlencoded")],
        body=b"a=%C3%BC&b=1+2",
    ),
    "echo with claimed address": Request(target="/echo", headers=[("X-Forwarded-For", "198.51.100.1")]),
    "echo over IPv6": Request(target="/echo", peer="2001:db8:1:2:3::4"),
    "host with address": Request(target="/version", headers=[("Host", "[2001:db8::1]:443")]),
    "host with nonsense": Request(target="/version", headers=[("Host", "a:b:c")]),
}

routes = APIRouter(include_in_schema=False)


@routes.api_route("/echo{rest:path}", methods=_METHODS)
async def echo(request: Received, rest: str) -> JSONResponse:
    body = await request.body()
    seen = {
        "method": request.method,
        "path": request.scope["path"],
        "rest": rest,
        "query": request.query_params.multi_items(),
        "headers": {name: ", ".join(request.headers.getlist(name)) for name in _SHOWN},
        "cookies": request.cookies,
        "client": client_of(request.scope),
        "scheme": request.url.scheme,
        "body": [len(body), hashlib.sha256(body).hexdigest()],
    }
    return JSONResponse(seen)


@routes.get("/cookies")
async def cookies() -> Response:
    response = Response("two", media_type="text/plain")
    response.set_cookie("first", "1", expires="Wed, 21 Oct 2026 07:28:00 GMT")
    response.set_cookie("second", "2")
    return response


@routes.get("/headers")
async def headers() -> Response:
    response = Response("two", media_type="text/plain")
    response.headers.append("link", "</a>; rel=prev")
    response.headers.append("link", "</b>; rel=next")
    return response


@routes.api_route("/pixel", methods=["GET", "HEAD"])
async def pixel() -> Response:
    return Response(PIXEL, media_type="image/png")


@routes.get("/zipped")
async def zipped() -> Response:
    packed = gzip.compress(b'{"zipped": true}', mtime=0)
    return Response(packed, media_type="application/json", headers={"Content-Encoding": "gzip"})


@routes.get("/latin")
async def latin() -> Response:
    return Response("grün".encode("latin-1"), media_type="text/plain; charset=latin-1")


@routes.get("/unicode")
async def unicode() -> JSONResponse:
    return JSONResponse({"text": "grün 日本 \U0001f600 \u2028"})


@routes.get("/untyped")
async def untyped() -> Response:
    return Response(b"what is this")


@routes.get("/streamed")
async def streamed() -> StreamingResponse:
    return StreamingResponse(iter(["in ", "three ", "parts"]), media_type="text/plain")


@routes.get("/moved")
async def moved() -> RedirectResponse:
    return RedirectResponse("/echo?x=1", 307)


@routes.get("/odd")
async def odd() -> Response:
    return Response("odd", 299, media_type="text/plain")


@routes.delete("/gone", status_code=204)
async def gone() -> None:
    return None


@routes.get("/broken")
async def broken() -> None:
    raise RuntimeError("password=hunter2")
