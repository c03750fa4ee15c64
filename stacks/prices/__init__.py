"""What the choices of a network cost, for messages that offer them: us-east-1, before data."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from stacks.prices.sheet import load_sheet

HOURS: Final = 730
"""Hours of a month, as AWS's own calculator counts."""

REGION: Final = "us-east-1"

_CENT: Final = Decimal("0.01")
_KEYS: Final = ("nat.hours", "ipv4.hours", "endpoint.hours")


def source() -> str:
    """Return where the figures come from."""
    newest = max(load_sheet(REGION).prices[key].date for key in _KEYS)
    return f"AWS public price list, {REGION}, {newest:%B %Y}, {HOURS} hours, before data"


def nat(gateways: int) -> Decimal:
    """Return the monthly cost of NAT gateways, each with its public address."""
    return gateways * (_month("nat.hours") + _month("ipv4.hours"))


def endpoints(count: int, zones: int) -> Decimal:
    """Return the monthly cost of interface endpoints, each in every zone."""
    return count * zones * _month("endpoint.hours")


def public_tasks(tasks: int) -> Decimal:
    """Return the monthly cost of the public addresses of tasks."""
    return tasks * _month("ipv4.hours")


def cents(cost: Decimal) -> Decimal:
    """Return a cost rounded as a bill is: half a cent up."""
    return cost.quantize(_CENT, ROUND_HALF_UP)


def monthly(cost: Decimal) -> str:
    """Return a cost as people read it, as in `36.50 USD a month`."""
    return f"{cents(cost)} USD a month"


def _month(key: str) -> Decimal:
    return load_sheet(REGION).prices[key].cost(Decimal(HOURS))
