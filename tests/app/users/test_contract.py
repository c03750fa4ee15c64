"""Whatever is sent to users, they answer as their OpenAPI document says, as a container and as a function.

Every operation by itself, and one after the other as the document's links lead; `CONTRACT_EXAMPLES=300` looks further.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
import schemathesis
from email_validator import EmailNotValidError, validate_email
from hypothesis import strategies as st
from schemathesis.python import asgi

from app.factory import create_app
from tests.app.examination import Apps, Function, examine, wander
from tests.postgres import Postgres

pytestmark = pytest.mark.e2e

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "50"))
DOCUMENT = "/users/openapi.json"
OPERATIONS = [
    ("GET", "/users"),
    ("POST", "/users"),
    ("GET", "/users/{user_id}"),
    ("PUT", "/users/{user_id}"),
    ("PATCH", "/users/{user_id}"),
    ("DELETE", "/users/{user_id}"),
    ("POST", "/users/{user_id}/restore"),
]


def accepted(address: str) -> bool:
    """Tell whether mail could have this address; a document can only say that it is one."""
    try:
        validate_email(address, check_deliverability=False, strict=True)
    except EmailNotValidError:
        return False
    return True


schemathesis.openapi.format(
    "email", st.emails(domains=st.sampled_from(["example.com", "a.example.org"])).filter(accepted)
)


@pytest.fixture
def apps(environ: dict[str, str], entry: Callable[..., ModuleType]) -> Iterator[Apps]:
    """Start both over one database."""
    function = Function(entry(AWS_LAMBDA_FUNCTION_NAME="users", **environ))
    yield {"container": create_app(environ), "function": function}
    asgi.shutdown_lifespans()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_documented(apps: Apps, method: str, path: str) -> None:
    assert examine(apps, method, path, EXAMPLES, document=DOCUMENT) >= EXAMPLES


def test_the_operations_are_those_of_the_document(apps: Apps) -> None:
    paths = schemathesis.openapi.from_asgi(DOCUMENT, apps["container"]).raw_schema["paths"]
    told = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    own = {("GET", f"/users/{name}") for name in ("health", "ready", "version")}
    assert told - own == set(OPERATIONS)


@pytest.mark.parametrize("place", ["container", "function"])
def test_every_way_through_the_document_s_links_ends_as_documented(
    apps: Apps, place: str, postgres: Postgres, database: str
) -> None:
    def begin() -> None:
        postgres.cluster.execute("TRUNCATE users", database)

    # A user that was deleted is there again once it is restored.
    asked = wander(apps[place], EXAMPLES, document=DOCUMENT, begin=begin, unchecked=["use_after_free"])
    assert {f"{method} {path}" for method, path in OPERATIONS} <= asked.keys()
