"""Routes that services have alike: a result by its hash, the latest results, a job."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.ask.desk import Desk
from app.ask.results import CURSOR, HASH, Listed, Result, digest
from app.core.problems import ProblemError, documented

R = TypeVar("R", bound=Result)

SOURCE_BYTES = 262_144
"""Longest source in a request; a job keeps it in DynamoDB, where an item has 400 KB at most."""

_RETRY_AFTER = "2"
_WAIT = re.compile(r"(?:^|[,\s])wait\s*=\s*\"?(\d{1,4})\"?(?:$|[,;\s])")
_ASYNC = re.compile(r"(?:^|[,\s])respond-async(?:$|[,;\s])")

Hash = Annotated[str, Path(pattern=HASH, description="SHA-256 of the source in UTF-8, in hex.")]
Prefer = Annotated[
    str | None,
    Header(description="`wait=20`: seconds to wait for the result of a job; `respond-async`: not to wait at all."),
]
Source = Annotated[str, Field(min_length=1, description=f"Solidity, up to {SOURCE_BYTES} bytes in UTF-8.")]


class Job(BaseModel):
    """Work that takes longer than a caller would wait."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    hash: str
    state: Literal["waiting", "done"]
    result: Annotated[str | None, Field(description="Where the result is, relative to here; null until then.")] = None


class Page(BaseModel):
    """Some of the latest results."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    results: list[Listed]
    next: Annotated[str | None, Field(description="The cursor of the page after this one; null at the end.")] = None


def _links(operation: str, parameter: str = "hash", place: str = "hash") -> dict[int | str, dict[str, Any]]:
    """Return what the document says of where an answer leads."""
    return {
        200: {"links": {operation: {"operationId": operation, "parameters": {parameter: f"$response.body#/{place}"}}}}
    }


ANSWERS: dict[int | str, dict[str, Any]] = {
    **_links("get_result"),
    202: {
        **_links("get_job")[200],
        "model": Job,
        "description": "A job was made of it, or is under way already.",
        "headers": {
            "Location": {"description": "The job, relative to this path.", "schema": {"type": "string"}},
            "Retry-After": {"description": "Seconds until it is worth a look.", "schema": {"type": "integer"}},
        },
    },
    **documented(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
}
"""What a route that takes a source may answer besides its result."""

_READS = documented(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
_FINDS = documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


async def answered(take: Callable[[str, float | None], Awaitable[R | None]], source: str, prefer: str | None) -> Any:  # noqa: ANN401 a result or a response
    """Return the result of a source, or the response that says where its job is."""
    if len(source.encode()) > SOURCE_BYTES:
        detail = f"The source may have {SOURCE_BYTES} bytes here; upload a longer one to the service's bucket."
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    result = await take(source, _wait(prefer or ""))
    if result is not None:
        return result
    key = digest(source)
    job = Job(hash=key, state="waiting")
    return JSONResponse(
        job.model_dump(), int(HTTPStatus.ACCEPTED), headers={"Location": f"jobs/{key}", "Retry-After": _RETRY_AFTER}
    )


def add_reads(routes: APIRouter, desk: Callable[[], Desk[R]], kind: type[R]) -> None:
    """Add the routes that read what is there; `desk` returns where, once the service is open."""

    @routes.get("/results/{hash}", operation_id="get_result", response_model=kind, responses=_FINDS | _links("get_job"))
    async def result(hash: Hash) -> Any:  # noqa: A002, ANN401 the name in the path; the model is `kind`
        """Return a result that was found before."""
        found = await desk().known(hash)
        if found is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "There is no result for this hash: send the source.")
        return found

    @routes.get("/results", operation_id="list_results", responses=_READS | _links("list_results", "cursor", "next"))
    async def results(
        limit: Annotated[int, Query(ge=1, le=50)] = 20,
        cursor: Annotated[str | None, Query(pattern=CURSOR, description="`next` of the page before.")] = None,
    ) -> Page:
        """List the latest results, the last first; a page may be short and have a next one all the same."""
        found, following = await desk().results.page(cursor, limit)
        return Page(results=found, next=following)

    @routes.get("/jobs/{hash}", operation_id="get_job", responses=_FINDS | _links("get_result"))
    async def job(hash: Hash) -> Job:  # noqa: A002 the name in the path
        """Tell whether a job is done."""
        if await desk().known(hash) is not None:
            return Job(hash=hash, state="done", result=f"../results/{hash}")
        if await desk().is_under_way(hash):
            return Job(hash=hash, state="waiting")
        raise ProblemError(HTTPStatus.NOT_FOUND, "There is no job for this hash: send the source again.")


def _wait(prefer: str) -> float | None:
    """Return how long a caller wants to wait (RFC 7240); what says something else is not heeded, as that asks for."""
    if _ASYNC.search(prefer):
        return 0
    found = _WAIT.search(prefer)
    return float(found[1]) if found else None
