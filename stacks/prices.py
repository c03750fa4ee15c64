"""What the choices of a network cost, for messages that offer them. us-east-1, 730 hours a month, before data."""

from __future__ import annotations

from typing import Final

SOURCE: Final = "AWS public price list, us-east-1, September 2026, 730 hours, before data"

HOURS: Final = 730
PUBLIC_IPV4: Final = 0.005 * HOURS
NAT_GATEWAY: Final = 0.045 * HOURS
INTERFACE_ENDPOINT: Final = 0.01 * HOURS


def nat(gateways: int) -> float:
    """Return the monthly cost of NAT gateways, each with its public address."""
    return gateways * (NAT_GATEWAY + PUBLIC_IPV4)


def endpoints(count: int, zones: int) -> float:
    """Return the monthly cost of interface endpoints, each in every zone."""
    return count * zones * INTERFACE_ENDPOINT


def public_tasks(tasks: int) -> float:
    """Return the monthly cost of the public addresses of tasks."""
    return tasks * PUBLIC_IPV4


def monthly(cost: float) -> str:
    """Return a cost as people read it, as in `36.50 USD a month`."""
    return f"{cost:.2f} USD a month"
