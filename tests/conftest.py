"""What holds for every test: how fast the machine is decides none of them, and the long ones begin first."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the journeys before the rest, so that at the end no worker sits over a long one while the other is idle."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
