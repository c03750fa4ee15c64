"""What a REST API looks at before a service does is no stricter than the service's own document."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from app.core import service
from app.factory import create_app

FOLDERS = Path(service.__file__).parents[1] / "services"


def requests(name: str) -> list[dict[str, Any]]:
    path = FOLDERS / name.replace("-", "_") / service.MANIFEST
    return tomllib.loads(path.read_text(encoding="utf-8")).get("requests", [])


NAMED = [(name, request) for name in service.names() for request in requests(name)]
IDS = [f"{name} {request['method']} {request['path']}" for name, request in NAMED]
BODIES = [(name, request) for name, request in NAMED if "body" in request]
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


@cache
def document(name: str) -> dict[str, Any]:
    return create_app({"SERVICES": f"{name}=/"}).openapi()


def operation(name: str, request: dict[str, Any]) -> dict[str, Any]:
    return document(name)["paths"][request["path"]][request["method"].lower()]


@pytest.mark.parametrize(("name", "request_"), NAMED, ids=IDS)
def test_it_is_a_request_that_the_service_has(name: str, request_: dict[str, Any]) -> None:
    assert operation(name, request_)


@pytest.mark.parametrize(("name", "request_"), BODIES)
@given(data=st.data())
def test_what_the_service_takes_is_never_refused_before(name: str, request_: dict[str, Any], data: Any) -> None:
    schema = operation(name, request_)["requestBody"]["content"]["application/json"]["schema"]
    own = Draft202012Validator({**schema, "components": document(name)["components"]})
    Draft4Validator.check_schema(request_["body"])
    before = Draft4Validator(request_["body"])
    known = sorted(request_["body"].get("properties", {}))
    body = data.draw(st.dictionaries(st.sampled_from([*known, "other"]), LEAVES, max_size=3) | LEAVES)
    assert before.is_valid(body) or not own.is_valid(body)


@pytest.mark.parametrize(("name", "request_"), [(n, r) for n, r in NAMED if r.get("cacheSeconds")])
def test_an_answer_is_remembered_by_all_that_the_service_reads(name: str, request_: dict[str, Any]) -> None:
    read = operation(name, request_).get("parameters", [])
    assert request_["method"] == "GET"
    assert {each["name"] for each in read if each["in"] == "query"} == set(request_.get("query", []))
    assert {each["in"] for each in read} <= {"path", "query"}
