"""Users are made, read, changed, deleted and restored; as a container and as a function."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import UUID, uuid4

import pytest

from tests.app.users.conftest import Answer, Ask

pytestmark = pytest.mark.e2e

ADA = {"email": "ada@example.com", "name": "Ada Example"}
WRONG: list[Any] = [
    {},
    {"email": "ada@example.com"},
    {**ADA, "email": "ada"},
    {**ADA, "email": "ada@localhost"},
    {**ADA, "email": f"{'a' * 65}@example.com"},
    {**ADA, "email": "ada@exa mple.com"},
    {**ADA, "email": None},
    {**ADA, "email": ["ada@example.com"]},
    {**ADA, "name": ""},
    {**ADA, "name": " \t "},
    {**ADA, "name": "a\0b"},
    {**ADA, "name": "a\nb"},
    {**ADA, "name": "\u202egnp.exe"},
    {**ADA, "name": "\ud800"},
    {**ADA, "name": "x" * 201},
    {**ADA, "admin": True},
    {**ADA, "id": str(uuid4())},
    [ADA],
    "ada",
]


def created(ask: Ask, **values: str) -> Answer:
    answer = ask("POST", "/users", {**ADA, **values})
    assert answer.status == 201, answer.body
    return answer


def at(answer: Answer) -> str:
    return f"/users/{answer.body['id']}"


def test_a_new_user_is_where_its_location_says(ask: Ask) -> None:
    before = datetime.now(UTC)
    answer = created(ask)
    assert urljoin("https://api.example.com/stage/users", answer.headers["location"]).endswith(f"/stage{at(answer)}")
    assert answer.etag == '"1"'
    said = answer.body
    assert {name: said[name] for name in ("email", "name", "version")} == {**ADA, "version": 1}
    assert (said["created_by"], said["updated_by"]) == ("anonymous", "anonymous")
    assert before.timestamp() - 60 < datetime.fromisoformat(said["created_at"]).timestamp()
    read = ask("GET", at(answer))
    assert (read.status, read.body, read.etag) == (200, said, answer.etag)


def test_an_unchanged_user_is_not_sent_again(ask: Ask) -> None:
    answer = created(ask)
    for known in ('"1"', 'W/"1"', '"7", "1"', "*"):
        again = ask("GET", at(answer), if_none_match=known)
        assert (again.status, again.body, again.etag) == (304, None, '"1"')
    assert ask("GET", at(answer), if_none_match='"2"').status == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_needs_the_version_it_changes(ask: Ask, method: str) -> None:
    answer, changes = created(ask), {**ADA, "name": "Ada Sample"}
    without = ask(method, at(answer), changes)
    assert (without.status, without.headers["content-type"]) == (428, "application/problem+json")
    changed = ask(method, at(answer), changes, if_match=answer.etag)
    assert (changed.status, changed.etag, changed.body["name"]) == (200, '"2"', "Ada Sample")
    assert changed.body["created_at"] == answer.body["created_at"] < changed.body["updated_at"]
    for stale in (answer.etag, 'W/"2"', '"nonsense"', '"99999999999999999999"'):
        refused = ask(method, at(answer), changes, if_match=stale)
        assert (refused.status, refused.etag) == (412, '"2"')
    assert ask("GET", at(answer)).body == changed.body
    assert ask(method, at(answer), changes, if_match='"7", "2"').etag == '"3"'
    assert ask(method, at(answer), changes, if_match="*").etag == '"4"'


def test_of_two_updates_at_once_one_is_told_that_it_is_stale(both: list[Ask]) -> None:
    answer = created(both[0])

    def update(number: int) -> Answer:
        return both[number]("PATCH", at(answer), {"name": f"Name {number}"}, if_match=answer.etag)

    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(update, range(2)))
    assert sorted(result.status for result in results) == [200, 412]
    won = next(number for number, result in enumerate(results) if result.status == 200)
    assert both[0]("GET", at(answer)).body["name"] == f"Name {won}"


def test_of_two_users_made_at_once_with_one_address_one_is_refused(both: list[Ask]) -> None:
    def create(number: int) -> Answer:
        return both[number % 2](
            "POST", "/users", {"email": ("ada@example.com", "ADA@Example.COM")[number % 2], "name": "A"}
        )

    for _ in range(5):
        with ThreadPoolExecutor(2) as threads:
            results = list(threads.map(create, range(2)))
        assert sorted(result.status for result in results) == [201, 409]
        refused = next(result for result in results if result.status == 409)
        assert refused.body["errors"] == [{"field": "body.email", "message": "another user has this address"}]
        assert both[0]("DELETE", at(next(result for result in results if result.status == 201))).status == 204


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_nobody_takes_the_address_of_another(ask: Ask, method: str) -> None:
    first, second = created(ask), created(ask, email="eve@example.com")
    refused = ask(method, at(second), {**ADA, "email": "Ada@example.com"}, if_match="*")
    assert (refused.status, refused.body["errors"][0]["field"]) == (409, "body.email")
    assert ask("GET", at(second)).body == second.body
    assert ask(method, at(first), {**ADA, "email": "ADA@example.com"}, if_match="*").status == 200


def test_a_repeated_request_creates_no_second_user(both: list[Ask]) -> None:
    def create(number: int) -> Answer:
        return both[number % 2]("POST", "/users", ADA, idempotency_key="k-1")

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(create, range(6)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    ask = both[0]
    assert ask("POST", "/users", {**ADA, "name": "Other"}, idempotency_key="k-1").status == 409
    assert ask("POST", "/users", ADA, idempotency_key="k-2").status == 409
    assert ask("POST", "/users", ADA, idempotency_key="").status == 422
    assert ask("DELETE", at(answers[0])).status == 204
    gone = ask("POST", "/users", ADA, idempotency_key="k-1")
    assert (gone.status, "Idempotency-Key" in gone.body["detail"]) == (409, True)


def test_a_deleted_user_is_gone_and_can_be_restored(ask: Ask) -> None:
    answer = created(ask)
    assert ask("DELETE", at(answer), if_match='"9"').status == 412
    for _ in range(2):
        assert ask("DELETE", at(answer)).status == 204
    assert ask("DELETE", at(answer), if_match='"9"').status == 204
    for method, values in (("GET", None), ("PUT", ADA), ("PATCH", {"name": "X"})):
        assert ask(method, at(answer), values, if_match="*").status == 404
    assert ask("GET", "/users").body["items"] == []

    restored = ask("POST", f"{at(answer)}/restore")
    assert (restored.status, restored.etag) == (200, '"3"')
    assert {**restored.body, "version": 1, "updated_at": ""} == {**answer.body, "updated_at": ""}
    again = ask("POST", f"{at(answer)}/restore")
    assert (again.status, again.body) == (200, restored.body)


def test_the_address_of_a_deleted_user_is_free(ask: Ask) -> None:
    first = created(ask)
    ask("DELETE", at(first))
    second = created(ask, email="ADA@example.com")
    assert ask("POST", f"{at(first)}/restore").status == 409
    ask("DELETE", at(second))
    assert ask("POST", f"{at(first)}/restore").status == 200


def test_who_was_never_there_is_not_found(ask: Ask) -> None:
    path = f"/users/{uuid4()}"
    answers = [
        ask("GET", path),
        ask("PUT", path, ADA, if_match="*"),
        ask("PATCH", path, {"name": "X"}, if_match='"1"'),
        ask("DELETE", path),
        ask("POST", f"{path}/restore"),
    ]
    assert [answer.status for answer in answers] == [404] * 5
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}


def test_what_makes_no_user_is_refused_with_its_place(ask: Ask) -> None:
    for values in WRONG:
        refused = ask("POST", "/users", values)
        assert (refused.status, refused.headers["content-type"]) == (422, "application/problem+json"), values
        assert all(error["field"].startswith("body") for error in refused.body["errors"])
    assert ask("GET", "/users").body["items"] == []


def test_space_around_is_dropped_and_accents_are_composed(ask: Ask) -> None:
    answer = created(ask, email="  Ada@EXAMPLE.com ", name=" Zoe\u0308 ")
    assert (answer.body["email"], answer.body["name"]) == ("Ada@example.com", "Zo\u00eb")


def test_the_holder_of_a_key_is_remembered(start: Any, environ: dict[str, str]) -> None:
    keys = "alice:alice-secret-0123456789,bob:bob-secret-01234567890"
    ask = start("container", environ | {"API_KEYS": keys})[0]
    assert ask("GET", "/users").status == 401
    answer = ask("POST", "/users", ADA, x_api_key="alice-secret-0123456789")
    bob = {"x_api_key": "bob-secret-01234567890"}
    changed = ask("PATCH", at(answer), {"name": "X"}, if_match="*", **bob)
    assert (changed.body["created_by"], changed.body["updated_by"]) == ("alice", "bob")
    repeated = [ask("POST", "/users", {**ADA, "email": "b@example.com"}, idempotency_key="k", **bob) for _ in range(2)]
    assert [answer.status for answer in repeated] == [201, 201]
    other = ask("POST", "/users", ADA, idempotency_key="k", x_api_key="alice-secret-0123456789")
    assert (other.status, other.body["detail"]) == (409, "Another user has this e-mail address."), "a key of her own"


def test_a_lone_service_serves_its_document_below_its_route(start: Any, environ: dict[str, str]) -> None:
    ask = start("container", environ | {"SERVICES": "users=/v2/people"})[0]
    document = ask("GET", "/v2/people/openapi.json").body
    assert document["info"]["title"] == "Users"
    names = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    assert {"list_users", "create_user", "get_user", "replace_user", "update_user", "delete_user"} <= names
    answer = ask("POST", "/v2/people", ADA)
    assert UUID(answer.headers["location"].removeprefix("people/")) == UUID(answer.body["id"])
    assert ask("GET", "/v2/people/ready").body == {"status": "ready"}


def test_the_requests_of_the_page_are_answered_as_it_says(ask: Ask) -> None:
    page = (Path(__file__).parents[3] / "docs/users.md").read_text(encoding="utf-8")
    blocks, known, real = re.findall(r"```http\n(.*?)```", page, re.DOTALL), "", ""
    assert len(blocks) == 2
    for block in blocks:
        asked, told = (part.splitlines() for part in block.split("\n\n"))
        method, _, path = asked[0].partition(" ")
        headers = {
            name.replace("-", "_").lower(): value for name, value in (line.split(": ", 1) for line in asked[1:-1])
        }
        answer = ask(method, path.replace(known or "\0", real), json.loads(asked[-1]), **headers)
        assert told[0].startswith(f"{answer.status} ")
        for name, value in (line.split(": ", 1) for line in told[1:]):
            if name == "Location":
                known, real = value, answer.headers["location"]
            else:
                assert answer.headers[name.lower()] == value
