"""The analyzer answers as its document says, as a container and as a function, whatever it is sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from schemathesis.python import asgi

from app.factory import create_app
from tests.app.cloud import Cloud
from tests.app.examination import Apps, Function, examine, wander
from tests.app.providers import Providers
from tests.app.running import asking

pytestmark = pytest.mark.e2e

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "25"))
DOCUMENT = "/contracts/openapi.json"
OPERATIONS = [
    ("POST", "/contracts/analyze"),
    ("GET", "/contracts/results"),
    ("GET", "/contracts/results/{hash}"),
    ("GET", "/contracts/jobs/{hash}"),
]


@pytest.fixture
def apps(cloud: Cloud, providers: Providers, entry: Callable[..., ModuleType]) -> Iterator[Apps]:
    """Start both; what has 20 characters is a job."""
    environ = asking("contracts", cloud, providers) | {"CONTRACTS_SHORT_SOURCE": "20"}
    yield {"container": create_app(environ), "function": Function(entry(**environ))}
    asgi.shutdown_lifespans()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_documented(apps: Apps, method: str, path: str) -> None:
    assert examine(apps, method, path, EXAMPLES, document=DOCUMENT) >= EXAMPLES


@pytest.mark.parametrize("place", ["container", "function"])
def test_what_is_sent_is_found_again(apps: Apps, cloud: Cloud, place: str) -> None:
    asked = wander(apps[place], max(5, EXAMPLES // 5), document=DOCUMENT, begin=cloud.empty)
    assert {"POST /contracts/analyze", "GET /contracts/jobs/{hash}", "GET /contracts/results/{hash}"} <= set(asked)


def test_every_operation_is_examined(apps: Apps) -> None:
    document = create_app({"SERVICES": "contracts=/contracts"}).openapi()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    platform = {("GET", f"/contracts/{page}") for page in ("health", "ready", "version")}
    assert described - platform == set(OPERATIONS)
