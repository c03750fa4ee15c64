"""A small seeded share of `make fuzz`: every run of the tests takes a few unforeseen stacks through their life."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Workspace
from tests.e2e.fuzz import cases
from tests.e2e.life import live


@pytest.mark.e2e
@pytest.mark.parametrize("number", range(4))
def test_a_random_stack_lives_and_dies(workspace: Workspace, number: int) -> None:
    config, edit = cases(8, first_seed=2026)[number]
    live(workspace, config, edit)
