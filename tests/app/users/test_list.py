"""The list of users: whole, in one order, and by what a name or an address begins with, whatever is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urljoin
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.services.users.cursors import Cursor
from app.services.users.repository import folded
from tests.app.users.conftest import Answer, Ask, container

pytestmark = pytest.mark.e2e

NAMES = [
    "Ada",
    "ada lovelace",
    "ÅDA",
    "%da",
    "_da",
    "A%",
    "a/b",
    "a\\b",
    "'; DROP TABLE users; --",
    '"',
    "Zoë",
    "ß",
    "İ",
]
INJECTIONS = [
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    "%' UNION SELECT * FROM pg_user --",
    "\\'; SELECT pg_sleep(5); --",
    "$1",
    "%s",
    ":name_key_1",
    "%(name)s",
    "{0}",
    "/%",
]


def pages(ask: Ask, limit: int, **query: str) -> Iterator[dict[str, Any]]:
    """Follow the links from page to page."""
    path = f"/users?{urlencode({'limit': limit, **query})}"
    while path:
        answer = ask("GET", path)
        assert answer.status == 200, answer.body
        assert 0 < len(answer.body["items"]) <= limit or not answer.body["next"]
        yield from answer.body["items"]
        path = following(path, answer)


def following(path: str, answer: Answer) -> str:
    link = answer.headers.get("link", "")
    assert bool(link) == bool(answer.body["next"])
    if not link:
        return ""
    target, _, relation = link.partition(">")
    assert relation == '; rel="next"'
    path = urljoin(path, target.removeprefix("<"))
    assert parse_qs(path.partition("?")[2])["cursor"] == [answer.body["next"]]
    return path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> Iterator[Ask]:
    """Start the service on users of every kind of name."""
    from app.services import users  # noqa: PLC0415

    environ = {
        "DATABASE_URL": postgres.url(postgres.database()),
        "SERVICES": "users",
        "RATE_LIMIT": "0",
        "METRICS": "off",
    }
    users.migrate(environ)
    with container({**environ, "LOG_LEVEL": "ERROR"}) as ask:
        for number, name in enumerate(NAMES):
            values = {"email": f"{number}.{'Ada' if number % 2 else 'eve'}@example.com", "name": name}
            assert ask("POST", "/users", values).status == 201
        yield ask


@pytest.mark.parametrize("limit", [1, 2, 3, len(NAMES) - 1, len(NAMES), 100])
def test_pages_hold_everybody_once_the_newest_first(filled: Ask, limit: int) -> None:
    assert [user["name"] for user in pages(filled, limit)] == NAMES[::-1]


def test_what_is_added_or_deleted_between_two_pages_moves_nobody(ask: Ask) -> None:
    made = [ask("POST", "/users", {"email": f"{number}@example.com", "name": "A"}).body for number in range(6)]
    seen = []
    for number, user in enumerate(pages(ask, 2)):
        seen.append(user["id"])
        ask("POST", "/users", {"email": f"later{number}@example.com", "name": "A"})
        if number == 1:
            ask("DELETE", f"/users/{made[0]['id']}")
    assert seen == [user["id"] for user in made[:0:-1]]


def test_users_of_one_moment_are_on_one_page_each(ask: Ask, postgres: Any, database: str) -> None:
    for number in range(7):
        ask("POST", "/users", {"email": f"{number}@example.com", "name": "A"})
    postgres.cluster.execute("UPDATE users SET created_at = '2026-01-01T00:00:00Z'", database)
    seen = [user["id"] for user in pages(ask, 2)]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 7


@given(
    st.one_of(st.sampled_from(NAMES), st.text(min_size=1, max_size=3), st.sampled_from(["%", "_", "\\", "/", "0.e"]))
)
@example("ad")
@example("AD")
@example("å")
@example("ss")
def test_a_search_finds_what_begins_so(filled: Ask, prefix: str) -> None:
    answer = filled("GET", f"/users?limit=100&q={quote(prefix, errors='surrogatepass')}")
    if answer.status == 422:
        assert not prefix.isprintable()
        return
    begins = [
        name
        for number, name in enumerate(NAMES)
        if folded(name).startswith(folded(prefix))
        or folded(f"{number}.{'Ada' if number % 2 else 'eve'}@example.com").startswith(folded(prefix))
    ]
    assert [user["name"] for user in answer.body["items"]] == begins[::-1]


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_is_text_like_any_other(filled: Ask, text: str) -> None:
    query = quote(text)
    assert {user["name"] for user in filled("GET", f"/users?q={query}").body["items"]} <= {text}
    for path in (f"/users?cursor={query}", f"/users?limit={query}", f"/users/{quote(text, safe='')}"):
        assert filled("GET", path).status in (404, 422)
    made = filled("POST", "/users", {"email": "sql@example.com", "name": text})
    assert (made.status, made.body["name"]) == (201, text)
    path = f"/users/{made.body['id']}"
    assert filled("PATCH", path, {"name": text * 2}, if_match=text).status == 412
    assert filled("PATCH", path, {"name": text * 2}, if_match="*").body["name"] == text * 2
    assert filled("POST", "/users", {"email": text, "name": "A"}).status == 422
    assert filled("DELETE", path).status == 204
    assert len(list(pages(filled, 100))) == len(NAMES)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=-1", "limit=x", "cursor=x", "q=%00", "q=%0a"])
def test_what_no_list_can_be_made_of_is_refused(filled: Ask, query: str) -> None:
    answer = filled("GET", f"/users?{query}")
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.body["errors"][0]["field"] == f"query.{query.partition('=')[0]}"


MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 hypothesis wants it so


@given(MOMENTS, st.uuids())
def test_a_cursor_is_the_place_that_it_was_made_of(moment: datetime, user_id: UUID) -> None:
    assert Cursor.parse(str(Cursor(moment, user_id))) == Cursor(moment, user_id)


@given(st.from_regex(r"\A[A-Za-z0-9_-]{32}\Z"))
@example("_" * 32)
@example("A" * 32)
def test_every_text_of_the_form_is_a_place(filled: Ask, text: str) -> None:
    assert filled("GET", f"/users?cursor={text}").status == 200


@given(st.text(max_size=40))
def test_no_other_text_is(filled: Ask, text: str) -> None:
    answer = filled("GET", f"/users?cursor={quote(text, errors='surrogatepass')}")
    assert answer.status in (200, 422)


def test_a_search_reads_no_more_than_it_finds(environ: dict[str, str], postgres: Any, database: str) -> None:
    many = """
        INSERT INTO users (id, email, email_key, name, name_key, version, created_by, updated_by)
        SELECT gen_random_uuid(), n, n, n, n, 1, 'a', 'a' FROM (SELECT n::text FROM generate_series(1, 20000) n);
        ANALYZE users;
    """
    search = "name_key BETWEEN $1 AND $2 OR email_key BETWEEN $1 AND $2"
    plan = f"""
        PREPARE found(text, text) AS
            SELECT * FROM users WHERE deleted_at IS NULL AND ({search}) ORDER BY created_at DESC, id DESC LIMIT 21;
        EXPLAIN EXECUTE found('ad', 'ad\U0010ffff');
    """
    said = postgres.cluster.execute(many + plan, database)
    assert "ix_users_name_key" in said
    assert "uq_users_email_key" in said
