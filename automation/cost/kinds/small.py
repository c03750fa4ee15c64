"""Small things: keys, secrets, zones."""

from __future__ import annotations

from automation.cost.bill import Bill
from automation.cost.money import plain


def key(bill: Bill) -> None:
    """Price a key in its first year; each of the first two rotations adds a version that is billed too."""
    if bill.resource.get("enableKeyRotation", default=False):
        bill.assume("a key that rotates is in its first year; the second and the third add its price once more each")
    bill.add("key", "kms.keys", 1)
    bill.assume(f"a key takes {plain(bill.usage.key_requests)} requests")
    bill.add("requests", "kms.requests", bill.usage.key_requests)


def secret(bill: Bill) -> None:
    """Price a secret and the calls for it."""
    bill.assume(f"a secret is fetched {plain(bill.usage.secret_calls)} times")
    bill.add("secret", "secrets.secrets", 1)
    bill.add("calls", "secrets.calls", bill.usage.secret_calls)


def zone(bill: Bill) -> None:
    """Price a hosted zone."""
    bill.add("zone", "route53.zones", 1)
