"""Small things: keys, secrets, queues, topics, zones."""

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


def queue(bill: Bill) -> None:
    """Price a queue by its requests."""
    kind = "fifo" if bill.resource.get("fifoQueue", default=False) else "standard"
    bill.assume(f"a queue takes {plain(bill.usage.queue_requests)} requests")
    bill.add("requests", f"sqs.{kind}", bill.usage.queue_requests)


def topic(bill: Bill) -> None:
    """Price a topic by its requests; deliveries to queues and functions are free."""
    bill.assume(f"a topic takes {plain(bill.usage.topic_requests)} requests")
    bill.add("requests", "sns.requests", bill.usage.topic_requests)


def zone(bill: Bill) -> None:
    """Price a hosted zone."""
    bill.add("zone", "route53.zones", 1)
