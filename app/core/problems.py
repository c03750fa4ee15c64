"""One shape for every error: problem+json (RFC 9457), whoever raises it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"

_SCHEMAS = "#/components/schemas/{model}"


class InvalidField(BaseModel):
    """One part of a request that cannot be used. What was sent is not repeated."""

    field: str
    message: str


class Problem(BaseModel):
    """Why a request got no result."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[InvalidField] | None = None


class ProblemError(Exception):
    """Raise to answer with a problem."""

    def __init__(self, status: HTTPStatus, detail: str, errors: list[InvalidField] | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(title=status.phrase, status=status, detail=detail, errors=errors)


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS.format(model="Problem")}}}
    return {int(status): {"description": status.phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Make every error of an app a problem, and say so in its OpenAPI document."""
    app.add_exception_handler(ProblemError, _of_problem)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(Exception, _of_mistake)
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        document.setdefault("components", {}).setdefault("schemas", {}).update(_definitions())
        return document

    app.openapi = openapi


def _definitions() -> dict[str, Any]:
    _, document = models_json_schema([(Problem, "serialization")], ref_template=_SCHEMAS)
    return document["$defs"]


def _response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, headers=headers, media_type=MEDIA_TYPE)


def _of_problem(_: Request, error: Exception) -> JSONResponse:
    return _response(cast("ProblemError", error).problem)


def _of_http(_: Request, error: Exception) -> JSONResponse:
    raised = cast("HTTPException", error)
    status = HTTPStatus(raised.status_code)
    detail = raised.detail if raised.detail != status.phrase else status.description or status.phrase
    return _response(Problem(title=status.phrase, status=status, detail=detail), raised.headers)


def _of_validation(_: Request, error: Exception) -> JSONResponse:
    found = cast("RequestValidationError", error).errors()
    errors = [
        InvalidField(
            field=".".join(str(part) for part in item["loc"]), message=str(item["msg"]).removeprefix("Value error, ")
        )
        for item in found
    ]
    detail = f"{len(errors)} part{'s' if len(errors) > 1 else ''} of the request cannot be used."
    return _response(ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors).problem)


def _of_mistake(_: Request, __: Exception) -> JSONResponse:
    # The server that runs the app logs the exception; the caller learns nothing of the inside.
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _response(Problem(title=status.phrase, status=status, detail="The mistake is ours and has been logged."))
