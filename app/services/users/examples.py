"""What the OpenAPI document says beyond types: examples, headers, and how one request leads to the next."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from app.core.problems import documented

Responses = dict[int | str, dict[str, Any]]

_ADA = {"email": "ada@example.com", "name": "Ada Example"}
_USER = {
    "id": "0b9f3a52-6c0e-4b3f-9a43-0a4f7d1f2c10",
    **_ADA,
    "version": 1,
    "created_at": "2026-11-21T12:00:00Z",
    "created_by": "backoffice",
    "updated_at": "2026-11-21T12:00:00Z",
    "updated_by": "backoffice",
}
_PAGE = {"items": [_USER], "next": "AAZEGqaYQAALnzpSbA5LP5pDCk99HywQ"}

_LOCATION = {"description": "Where the user is.", "schema": {"type": "string", "format": "uri-reference"}}
_ETAG = {"description": "The user's version, to send as If-Match.", "schema": {"type": "string"}, "example": '"1"'}
_NEXT = {"description": 'The next page, as `rel="next"`; absent on the last.', "schema": {"type": "string"}}
_RETRY = {"description": "Seconds until it is worth asking again.", "schema": {"type": "integer"}}

_ID = {"user_id": "$response.body#/id"}
_MATCHING_ID = {**_ID, "If-Match": "$response.header.ETag"}
_LINKS = {
    "get": {"operationId": "get_user", "parameters": _ID},
    "update": {"operationId": "update_user", "parameters": _MATCHING_ID},
    "replace": {"operationId": "replace_user", "parameters": _MATCHING_ID},
    "delete": {"operationId": "delete_user", "parameters": _ID},
    "restore": {"operationId": "restore_user", "parameters": _ID},
}

VALUES: dict[str, Any] = {
    "user": {"summary": "A user", "value": _ADA},
    "international": {
        "summary": "An address of another script",
        "value": {"email": "münchen@example.com", "name": "Zoë"},
    },
}
CHANGES: dict[str, Any] = {
    "name": {"summary": "Another name", "value": {"name": "Ada Sample"}},
    "email": {"summary": "Another address", "value": {"email": "ada.sample@example.com"}},
}
MATCHING: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": True,
            "description": "The ETag that the user had when it was read, or `*` for any.",
            "schema": {"type": "string"},
            "example": '"1"',
        }
    ]
}


def page() -> Responses:
    """Return the responses of a list."""
    links = {"next": {"operationId": "list_users", "parameters": {"cursor": "$response.body#/next"}}}
    return {200: {**_example(_PAGE), "headers": {"Link": _NEXT}, "links": links}, **_problems()}


def created() -> Responses:
    """Return the responses of a creation."""
    headers = {"Location": _LOCATION, "ETag": _ETAG}
    return {201: {**_example(_USER), "headers": headers, "links": _LINKS}, **_problems(HTTPStatus.CONFLICT)}


def read() -> Responses:
    """Return the responses of a look at one user."""
    unchanged = {"description": "It has not changed.", "headers": {"ETag": _ETAG}}
    return {200: _user(), 304: unchanged, **_problems(HTTPStatus.NOT_FOUND)}


def changed() -> Responses:
    """Return the responses of a change."""
    statuses = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
    return {200: _user(), **_problems(*statuses, HTTPStatus.PRECONDITION_REQUIRED)}


def deleted() -> Responses:
    """Return the responses of a deletion."""
    return _problems(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)


def restored() -> Responses:
    """Return the responses of taking a deletion back."""
    return {200: _user(), **_problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)}


def _user() -> dict[str, Any]:
    return {**_example(_USER), "headers": {"ETag": _ETAG}, "links": _LINKS}


def _example(value: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"example": value}}}


def _problems(*statuses: HTTPStatus) -> Responses:
    said = documented(*statuses, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    said[HTTPStatus.SERVICE_UNAVAILABLE]["headers"] = {"Retry-After": _RETRY}
    return said
