"""The rewriter answers as its document says, as a container and as a function, whatever it is sent."""

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
DOCUMENT = "/rewriter/openapi.json"


@pytest.fixture
def apps(cloud: Cloud, providers: Providers, entry: Callable[..., ModuleType]) -> Iterator[Apps]:
    """Start both; what has 20 characters is a job."""
    environ = asking("rewriter", cloud, providers) | {"REWRITER_SHORT_SOURCE": "20"}
    yield {"container": create_app(environ), "function": Function(entry(**environ))}
    asgi.shutdown_lifespans()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/rewriter/rewrite"),
        ("GET", "/rewriter/results"),
        ("GET", "/rewriter/results/{hash}"),
        ("GET", "/rewriter/jobs/{hash}"),
    ],
)
def test_every_answer_is_as_documented(apps: Apps, method: str, path: str) -> None:
    assert examine(apps, method, path, EXAMPLES, document=DOCUMENT) >= EXAMPLES


def test_what_is_sent_is_found_again(apps: Apps, cloud: Cloud) -> None:
    asked = wander(apps["function"], max(5, EXAMPLES // 5), document=DOCUMENT, begin=cloud.empty)
    assert {"POST /rewriter/rewrite", "GET /rewriter/jobs/{hash}", "GET /rewriter/results/{hash}"} <= set(asked)
