"""Figures of REST APIs that settings are checked against."""

from __future__ import annotations

from typing import Literal

LONGEST_INTEGRATION = 29
"""Seconds after which a REST API gives up, unless the account's quota was raised."""

CacheSize = Literal["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"]
"""Gigabytes of a stage's cache."""
