"""One shape for every error: problem+json (RFC 9457), whoever raises it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.exchange import current, exchange_of

MEDIA_TYPE = "application/problem+json"

_SCHEMAS = "#/components/schemas/{model}"
# Python renamed these two in 3.13; what callers read should not depend on it.
_TITLES = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_log = logging.getLogger("app.errors")


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
    request_id: str | None = None


class ProblemError(Exception):
    """Raise to answer with a problem."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        errors: list[InvalidField] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers


class CatchErrors:
    """Answers with a problem where the app raised what nobody expected, and logs it once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            if scope["type"] != "http" or exchange_of(scope).status:
                # Half an answer cannot be taken back: the server logs this and cuts the connection.
                raise
            _log.exception("The app made a mistake")
            await _mistake()(scope, receive, send)


def problem(
    status: HTTPStatus,
    detail: str,
    errors: list[InvalidField] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return the response that says why there is no result; every error of the app comes from here."""
    exchange = current.get()
    content = Problem(
        title=_title(status),
        status=status,
        detail=detail,
        errors=errors,
        request_id=exchange and exchange.request_id,
    )
    return JSONResponse(content.model_dump(exclude_none=True), int(status), headers=headers, media_type=MEDIA_TYPE)


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these problems."""
    return {int(status): _described(_title(status)) for status in statuses}


def any_problem() -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of every route: some errors have nothing to do with what a route does."""
    return {"default": _described("Any other error")}


def install(app: FastAPI) -> None:
    """Make every error of an app a problem."""
    app.add_exception_handler(ProblemError, _of_problem)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    # For mistakes in middleware; those of routes end in `CatchErrors`.
    app.add_exception_handler(Exception, _of_mistake)


def definitions() -> dict[str, Any]:
    """Return the schemas that `documented` refers to."""
    _, document = models_json_schema([(Problem, "serialization")], ref_template=_SCHEMAS)
    return document["$defs"]


def _title(status: HTTPStatus) -> str:
    return _TITLES.get(status, status.phrase)


def _described(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS.format(model="Problem")}}},
    }


def _of_problem(_: Request, error: Exception) -> JSONResponse:
    raised = cast("ProblemError", error)
    return problem(raised.status, raised.detail, raised.errors, raised.headers)


def _of_http(request: Request, error: Exception) -> JSONResponse:
    raised = cast("HTTPException", error)
    status = HTTPStatus(raised.status_code)
    detail = raised.detail if raised.detail != status.phrase else status.description or status.phrase
    headers = {"Allow": _allowed(request)} if status == HTTPStatus.METHOD_NOT_ALLOWED else raised.headers
    return problem(status, detail, headers=headers)


def _allowed(request: Request) -> str:
    # Where a path has a route per method, Starlette names the methods of the first alone.
    def answers(method: str) -> bool:
        scope = dict(request.scope, method=method)
        return any(route.matches(scope)[0] is Match.FULL for route in cast("FastAPI", request.app).routes)

    return ", ".join(method for method in _METHODS if answers(method))


def _of_validation(_: Request, error: Exception) -> JSONResponse:
    found = cast("RequestValidationError", error).errors()
    errors = [
        InvalidField(
            field=".".join(str(part) for part in item["loc"]), message=str(item["msg"]).removeprefix("Value error, ")
        )
        for item in found
    ]
    detail = f"{len(errors)} part{'s' if len(errors) > 1 else ''} of the request cannot be used."
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors)


def _of_mistake(_: Request, __: Exception) -> JSONResponse:
    return _mistake()


def _mistake() -> JSONResponse:
    # The caller learns nothing of the inside; the request id leads whoever may see it to the log.
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The mistake is ours and has been logged.")
