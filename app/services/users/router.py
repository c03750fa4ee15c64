"""The routes of users."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Body, Header, Query, Request, Response

from app.core.database import Database, ReadSession
from app.core.exchange import current
from app.core.problems import InvalidField, ProblemError
from app.services.users import examples, repository
from app.services.users.cursors import FORM as CURSOR
from app.services.users.cursors import Cursor
from app.services.users.etags import etag, versions
from app.services.users.models import LONGEST_PAGE, PLAIN, User, UserChanges, UserPage, UserValues
from app.services.users.repository import Creation, EmailTakenError, KeyReusedError
from app.services.users.tables import User as Row

Values = Annotated[UserValues, Body(openapi_examples=examples.VALUES)]
Changes = Annotated[UserChanges, Body(openapi_examples=examples.CHANGES)]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="The most users of a page.")]
# By a factory, so that no default is documented: what is left out has none.
Prefix = Annotated[
    str,
    Query(default_factory=str, max_length=200, pattern=PLAIN, description="What name or e-mail address begins with."),
]
After = Annotated[str, Query(default_factory=str, pattern=CURSOR, description="`next` of the page before.")]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        default_factory=str,
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="A text of your own; repeating a request with it creates no second user.",
    ),
]
IfMatch = Annotated[
    str, Header(alias="If-Match", default_factory=str, description="An ETag: deletes that version only.")
]
# In the document it is required, and its absence has a status of its own.
RequiredIfMatch = Annotated[str, Header(alias="If-Match", default_factory=str, include_in_schema=False)]
IfNoneMatch = Annotated[
    str,
    Header(alias="If-None-Match", default_factory=str, description="An ETag: answers 304 when it has not changed."),
]


def router(database: Database) -> APIRouter:
    """Return the routes over a database."""
    routes = APIRouter(tags=["users"])
    _add_collection(routes, database)
    _add_reading(routes, database)
    _add_changing(routes, database)
    _add_deleting(routes, database)
    return routes


def _add_collection(routes: APIRouter, database: Database) -> None:
    @routes.get("/", operation_id="list_users", responses=examples.page())
    async def list_users(response: Response, cursor: After, q: Prefix, limit: Limit = 20) -> UserPage:
        """List users, the newest first; all, or those whose name or e-mail address begins with `q`."""
        async with database.read() as session:
            after = Cursor.parse(cursor) if cursor else None
            rows = await repository.page(session, limit + 1, after, q)
        items = [User.model_validate(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return UserPage(items=items, next=None)
        follows = str(Cursor(items[-1].created_at, items[-1].id))
        query = urlencode({"limit": limit, "cursor": follows} | ({"q": q} if q else {}))
        # Without a path, since a gateway may have taken the beginning of it.
        response.headers["Link"] = f'<?{query}>; rel="next"'
        return UserPage(items=items, next=follows)

    @routes.post("/", operation_id="create_user", status_code=HTTPStatus.CREATED, responses=examples.created())
    async def create_user(request: Request, response: Response, values: Values, key: Key) -> User:
        """Create a user. Repeated with the same Idempotency-Key, it answers as the first time."""
        try:
            async with database.write() as session:
                row = await repository.create(session, values, Creation(_actor(), key))
        except EmailTakenError:
            raise _taken() from None
        except KeyReusedError:
            detail = "This Idempotency-Key created another user, or one that is deleted by now. Take a new one."
            raise ProblemError(HTTPStatus.CONFLICT, detail) from None
        response.headers["Location"] = f"{request.url.path.rpartition('/')[2]}/{row.id}".removeprefix("/")
        return _shown(row, response)


def _add_reading(routes: APIRouter, database: Database) -> None:
    @routes.get("/{user_id}", operation_id="get_user", responses=examples.read(), response_model=User)
    async def get_user(user_id: UUID, response: Response, if_none_match: IfNoneMatch) -> User | Response:
        """Get a user."""
        async with database.read() as session:
            row = await repository.get(session, user_id)
        if row is None:
            raise _missing(user_id)
        known = versions(if_none_match, weak=True)
        if if_none_match and (known is None or row.version in known):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag(row.version)})
        return _shown(row, response)


def _add_changing(routes: APIRouter, database: Database) -> None:
    async def changed(user_id: UUID, values: dict[str, str], if_match: str, response: Response) -> User:
        if not if_match:
            detail = "Say which version this changes: send the ETag that you got in the header If-Match."
            raise ProblemError(HTTPStatus.PRECONDITION_REQUIRED, detail)
        try:
            async with database.write() as session:
                row = await repository.change(session, user_id, versions(if_match), values, _actor())
                if row is None:
                    raise await _stale(session, user_id)
        except EmailTakenError:
            raise _taken() from None
        return _shown(row, response)

    @routes.put(
        "/{user_id}", operation_id="replace_user", responses=examples.changed(), openapi_extra=examples.MATCHING
    )
    async def replace_user(user_id: UUID, values: Values, response: Response, if_match: RequiredIfMatch) -> User:
        """Replace what is said of a user, if it is still as it was read."""
        return await changed(user_id, values.model_dump(), if_match, response)

    @routes.patch(
        "/{user_id}", operation_id="update_user", responses=examples.changed(), openapi_extra=examples.MATCHING
    )
    async def update_user(user_id: UUID, changes: Changes, response: Response, if_match: RequiredIfMatch) -> User:
        """Change some of what is said of a user, if it is still as it was read."""
        return await changed(user_id, changes.model_dump(exclude_unset=True), if_match, response)


def _add_deleting(routes: APIRouter, database: Database) -> None:
    @routes.delete(
        "/{user_id}", operation_id="delete_user", status_code=HTTPStatus.NO_CONTENT, responses=examples.deleted()
    )
    async def delete_user(user_id: UUID, if_match: IfMatch) -> None:
        """Delete a user, whose e-mail address is free from then on. Once more, it changes nothing."""
        async with database.write() as session:
            if await repository.delete(session, user_id, versions(if_match), _actor()):
                return
            there = await repository.get(session, user_id, deleted=True)
            if there is None:
                raise _missing(user_id)
            if there.deleted_at is None:
                raise _changed(there)

    @routes.post("/{user_id}/restore", operation_id="restore_user", responses=examples.restored())
    async def restore_user(user_id: UUID, response: Response) -> User:
        """Take back that a user was deleted, unless somebody else has its e-mail address by now."""
        try:
            async with database.write() as session:
                row = await repository.restore(session, user_id, _actor()) or await repository.get(session, user_id)
        except EmailTakenError:
            raise _taken() from None
        if row is None:
            raise _missing(user_id)
        return _shown(row, response)


def _shown(row: Row, response: Response) -> User:
    response.headers["ETag"] = etag(row.version)
    return User.model_validate(row)


def _actor() -> str:
    exchange = current.get()
    kind, _, name = (exchange.client if exchange else "").partition(":")
    return name if kind == "key" else "anonymous"


async def _stale(session: ReadSession, user_id: UUID) -> ProblemError:
    row = await repository.get(session, user_id)
    return _missing(user_id) if row is None else _changed(row)


def _missing(user_id: UUID) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, f"There is no user {user_id}.")


def _changed(row: Row) -> ProblemError:
    detail = f"Somebody else changed this user: it is at version {row.version}. Read it again and decide anew."
    return ProblemError(HTTPStatus.PRECONDITION_FAILED, detail, headers={"ETag": etag(row.version)})


def _taken() -> ProblemError:
    error = InvalidField(field="body.email", message="another user has this address")
    return ProblemError(HTTPStatus.CONFLICT, "Another user has this e-mail address.", [error])
