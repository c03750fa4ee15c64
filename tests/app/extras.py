"""Routes that show what an app sees of a request, and that answer in every way a service may."""

from __future__ import annotations

import gzip
import hashlib

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse

from app.core.clients import client_of

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_SHOWN = ("accept", "content-type", "cookie", "x-many", "x-one")

routes = APIRouter(include_in_schema=False)


@routes.api_route("/echo{rest:path}", methods=_METHODS)
async def echo(request: Request, rest: str) -> JSONResponse:
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
