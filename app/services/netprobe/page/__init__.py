"""NetProbe's web page: a few files, read once, served with what caches need to know.

Versions are told apart by content. Starlette's StaticFiles goes by date and size, and in a Lambda package every file
has the same date.
"""

from __future__ import annotations

import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path
from posixpath import dirname, relpath
from string import Template
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response

from app.core.problems import ProblemError

PATHS = ("/", "/static/*")
"""Where the page and its files are, below the service's route; a browser needs no key for them."""

_FOLDER = Path(__file__).parent
_PAGE_TYPE = "text/html; charset=utf-8"
_FILE_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_METHODS = ["GET", "HEAD"]
_ASK_AGAIN = "no-cache"
_KEEP = "public, max-age=31536000, immutable"


def add_page(routes: APIRouter) -> None:
    """Add the page and its files to a service's routes; none of them is part of the API."""

    @routes.api_route("/", methods=_METHODS, include_in_schema=False)
    async def page(request: Request) -> Response:
        app: FastAPI = request.app
        content = _page(request.scope["path"], app.openapi_url or "/")
        return _answer(request, content, _PAGE_TYPE, _ASK_AGAIN)

    @routes.api_route("/static/{version}/{name}", methods=_METHODS, include_in_schema=False)
    async def file(request: Request, version: str, name: str) -> Response:
        content = _files().get(name)
        if content is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "The page has no such file.")
        # During a deployment the page may come from a new instance and its files from an old one.
        caching = _KEEP if version == _version() else _ASK_AGAIN
        return _answer(request, content, _FILE_TYPES[Path(name).suffix], caching)


@cache
def _files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.suffix in _FILE_TYPES}


@cache
def _version() -> str:
    digests = (f"{name} {_digest(content)}\n" for name, content in _files().items())
    return _digest("".join(digests).encode())


@cache
def _page(path: str, openapi_url: str) -> bytes:
    """Return the page as it is served at a path, its links relative: a gateway may have taken the path's beginning."""
    prefix = path.rstrip("/")
    targets = {
        "static": f"{prefix}/static/{_version()}",
        "probes": f"{prefix}/v1/probes",
        "docs": f"{dirname(openapi_url).rstrip('/')}/docs",
    }
    links = {name: f"./{quote(relpath(target, dirname(path)))}" for name, target in targets.items()}
    return Template((_FOLDER / "index.html").read_text(encoding="utf-8")).substitute(links).encode()


def _answer(request: Request, content: bytes, media_type: str, caching: str) -> Response:
    tag = f'"{_digest(content)}"'
    headers = {"Cache-Control": caching, "ETag": tag}
    # Proxies that compress mark the tag as weak; the page is the same to them and to us.
    if tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Length"] = str(len(content))
    return Response(b"" if request.method == "HEAD" else content, headers=headers, media_type=media_type)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
