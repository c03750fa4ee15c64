from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stacks.errors import Problem, SettingsError
from stacks.load import Resolved, resolve

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:" + "ab" * 32

Refused = Callable[..., dict[str, Problem]]


@pytest.fixture
def image() -> str:
    """A reference a container stack can name."""
    return IMAGE


@pytest.fixture
def root() -> Path:
    """The repository."""
    return Path(__file__).parents[2]


def _config(region: str, settings: Mapping[str, object]) -> dict[str, object]:
    return {"aws:region": region, **{f"modeshift:{key}": value for key, value in settings.items()}}


@pytest.fixture
def accepted() -> Callable[..., Resolved]:
    """Resolve settings, given by their keys without the namespace."""

    def resolved(stack: str = "dev", region: str = "us-east-1", **settings: object) -> Resolved:
        return resolve(stack, _config(region, settings))

    return resolved


@pytest.fixture
def refused() -> Refused:
    """Resolve settings that must be refused, and return the problems by key."""

    def problems(stack: str = "dev", region: str = "us-east-1", **settings: object) -> dict[str, Problem]:
        with pytest.raises(SettingsError) as caught:
            resolve(stack, _config(region, settings))
        return {problem.key: problem for problem in caught.value.problems}

    return problems
