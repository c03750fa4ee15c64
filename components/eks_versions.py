"""Which Kubernetes versions EKS runs at its ordinary price, and until when: the one table that everything reads.

From the release calendar in the EKS user guide (kubernetes-versions). A version is offered as long as its standard
support lasts beyond the day the table was read: after that AWS charges 0.50 USD an hour more, or upgrades by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

READ_ON = date(2026, 11, 21)
"""When the calendar was last read; raise it together with the table."""

STANDARD_SUPPORT_ENDS: Mapping[str, date] = MappingProxyType(
    {
        "1.29": date(2025, 3, 23),
        "1.30": date(2025, 7, 23),
        "1.31": date(2025, 11, 26),
        "1.32": date(2026, 3, 23),
        "1.33": date(2026, 7, 29),
        "1.34": date(2026, 12, 2),
        "1.35": date(2027, 3, 27),
    }
)
"""End of standard support by version, oldest first."""

SUPPORTED = tuple(version for version, ends in STANDARD_SUPPORT_ENDS.items() if ends > READ_ON)
"""Versions that a cluster may have, oldest first."""

NEWEST = SUPPORTED[-1]
"""What a cluster has that names none."""
