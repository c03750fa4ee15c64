"""The rewriter with AWS's data services and both providers on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.app.cloud import Cloud, provision, served
from tests.app.providers import Answer, Asked, Providers, completion, listening
from tests.app.running import Running, asking, running

Start = Callable[..., Running]


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """Serve AWS's data services; yields the address."""
    with served() as endpoint:
        yield endpoint


@pytest.fixture
def cloud(aws: str, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Make what the manifest declares."""
    made = provision(aws, "rewriter")
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def providers() -> Iterator[Providers]:
    """Run both providers; they give back the source they got, with a remark in front."""

    def usual(asked: Asked) -> Answer:
        source = f"// Looked at.\n{asked.source}"
        changes = [{"line": 1, "what": "A remark was added."}]
        return completion(json.dumps({"source": source, "changes": changes, "explanation": "It was sound."}))

    with listening(usual) as both:
        yield both


@pytest.fixture
def start(cloud: Cloud, providers: Providers) -> Iterator[Start]:
    """Start the service, with keys of both providers unless told otherwise."""
    with ExitStack() as stack:

        def started(**environ: str) -> Running:
            environ = asking("rewriter", cloud, providers) | environ
            return stack.enter_context(running("rewriter", environ))

        yield started
