"""The analyzer with AWS's data services and both providers on loopback."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.app.cloud import Cloud, provision, served
from tests.app.providers import Answer, Asked, Providers, completion, listening
from tests.app.running import Running, asking, running

SHORT = "pragma solidity 0.8.30; contract Short { function f() external { } }"
LONG = f"pragma solidity 0.8.30; contract Long {{ function f() external {{ }} }} // {'x' * 600}"
REVIEW = {
    "summary": "It does nothing, safely.",
    "weaknesses": [
        {"severity": "low", "title": "Idle", "line": 1, "detail": "It does nothing.", "advice": "Let it do something."}
    ],
}

Start = Callable[..., Running]


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """Serve AWS's data services; yields the address."""
    with served() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """Leave the loggers that clients set as they were."""
    loggers = [logging.getLogger(name) for name in ("openai", "botocore")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture
def cloud(aws: str, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Make what the manifest declares."""
    made = provision(aws, "contracts")
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def providers() -> Iterator[Providers]:
    """Run both providers; they answer with a review of the right shape."""

    def usual(asked: Asked) -> Answer:
        return completion(json.dumps(REVIEW))

    with listening(usual) as both:
        yield both


@pytest.fixture
def start(cloud: Cloud, providers: Providers) -> Iterator[Start]:
    """Start the service, with keys of both providers unless told otherwise."""
    with ExitStack() as stack:

        def started(**environ: str) -> Running:
            environ = asking("contracts", cloud, providers) | environ
            return stack.enter_context(running("contracts", environ))

        yield started
