"""What the OpenAPI document says beyond the routes: the shape of errors, and that a key is needed where it is."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from app.core import problems
from app.core.gate import KEY_HEADER, Paths

_SCHEME = "ApiKey"


def install(app: FastAPI, paths: Paths, *, needs_key: bool) -> None:
    """Complete the document that an app makes of its routes."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(problems.definitions())
        if needs_key:
            components["securitySchemes"] = {_SCHEME: {"type": "apiKey", "in": "header", "name": KEY_HEADER}}
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    if paths.need_key(method.upper(), path):
                        operation["security"] = [{_SCHEME: []}]
        return document

    app.openapi = openapi
