"""What the OpenAPI document says beyond the routes: the shape of errors, and that a key is needed where it is."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from app.core import problems
from app.core.gate import KEY_HEADER, Paths

_SCHEME = "ApiKey"


def _problem(status: HTTPStatus) -> dict[str, Any]:
    return {str(int(code)): said for code, said in problems.documented(status).items()}


# FastAPI's answer to a body that is not even text; where it is text but no JSON, 422.
_UNREADABLE = _problem(HTTPStatus.BAD_REQUEST)
_KEYLESS = _problem(HTTPStatus.UNAUTHORIZED)


def install(app: FastAPI, paths: Paths, *, needs_key: bool) -> None:
    """Complete the document that an app makes of its routes."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(problems.definitions())
        if needs_key:
            components["securitySchemes"] = {_SCHEME: {"type": "apiKey", "in": "header", "name": KEY_HEADER}}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if "requestBody" in operation:
                    operation["responses"].update(_UNREADABLE)
                if needs_key and paths.need_key(method.upper(), path):
                    operation["security"] = [{_SCHEME: []}]
                    operation["responses"].update(_KEYLESS)
        return document

    app.openapi = openapi
