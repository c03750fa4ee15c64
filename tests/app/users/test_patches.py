"""What a change does to a user, whatever is in it: what it names is changed, the rest stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services import users
from tests.app.users.conftest import Ask, container
from tests.postgres import Postgres

pytestmark = pytest.mark.e2e

NAMES = st.text(min_size=1, max_size=200).filter(lambda text: bool(text.strip()))
EMAILS = st.emails(domains=st.just("example.com")).filter(lambda address: len(address.partition("@")[0]) <= 64)
CHANGES = st.fixed_dictionaries({}, optional={"name": NAMES, "email": EMAILS})
ANYTHING = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3)
WRONG = st.dictionaries(st.sampled_from(["name", "email", "id", "version", "created_by", "x"]), ANYTHING)


@pytest.fixture(scope="module")
def service(postgres: Postgres) -> Iterator[Ask]:
    """Start the service with one user."""
    environ = {"DATABASE_URL": postgres.url(postgres.database()), "SERVICES": "users", "RATE_LIMIT": "0"}
    users.migrate(environ)
    with container({**environ, "LOG_LEVEL": "ERROR", "METRICS": "off"}) as ask:
        assert ask("POST", "/users", {"email": "ada@example.com", "name": "Ada"}).status == 201
        yield ask


def only(ask: Ask) -> dict[str, Any]:
    (user,) = ask("GET", "/users").body["items"]
    return user


@given(CHANGES)
def test_a_patch_changes_what_it_names_and_nothing_else(service: Ask, changes: dict[str, str]) -> None:
    before = only(service)
    answer = service("PATCH", f"/users/{before['id']}", changes, if_match=f'"{before["version"]}"')
    after = only(service)
    if answer.status != 200:
        assert answer.status == 422
        assert after == before
        return
    assert answer.body == after
    wanted = {name: normalize("NFC", text.strip()) for name, text in changes.items()}
    assert {**before, **wanted, "version": before["version"] + 1} == {**after, "updated_at": before["updated_at"]}
    again = service("PATCH", f"/users/{before['id']}", changes, if_match=answer.etag)
    assert {**again.body, "version": 0, "updated_at": ""} == {**after, "version": 0, "updated_at": ""}


@given(CHANGES.filter(lambda changes: len(changes) == 2), st.booleans())
def test_two_patches_are_one_put(service: Ask, values: dict[str, str], order: bool) -> None:
    path = f"/users/{only(service)['id']}"
    names = sorted(values, reverse=order)
    if any(service("PATCH", path, {name: values[name]}, if_match="*").status != 200 for name in names):
        assert service("PUT", path, values, if_match="*").status == 422
        return
    patched = only(service)
    put = service("PUT", path, values, if_match="*").body
    assert (put["email"], put["name"]) == (patched["email"], patched["name"])


@given(WRONG | ANYTHING)
def test_what_is_no_change_changes_nothing(service: Ask, changes: object) -> None:
    before = only(service)
    answer = service("PATCH", f"/users/{before['id']}", changes, if_match=f'"{before["version"]}"')
    assert answer.status in (200, 422)
    if answer.status == 422:
        assert only(service) == before
    else:
        assert isinstance(changes, dict)
        assert changes.keys() <= {"name", "email"}
