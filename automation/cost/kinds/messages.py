"""Messages: queues and who asks them, topics and who is told, schedules, pipes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from automation.cost.bill import Bill
from automation.cost.kinds import fargate, kubernetes
from automation.cost.messages import DEAD_LETTERS, firings, messages_of
from automation.cost.money import Range, plain
from automation.cost.resources import Resource

_REQUESTS: Final = 3
"""Each message is sent, taken and deleted; batches make it fewer."""

_LAMBDA_POLLERS: Final = 5
"""Lambda asks an idle queue five times at once; a container once."""

_POLL_SECONDS: Final = 20
_SECONDS: Final = 3600
_DELIVERIES: Final = {"email": "sns.email", "email-json": "sns.email", "http": "sns.http", "https": "sns.http"}


def queue(bill: Bill) -> None:
    """Price a queue by its messages, and by how often its workers ask whether there are any."""
    kind = "fifo" if bill.resource.get("fifoQueue", default=False) else "standard"
    messages = messages_of(bill.resource, bill.resources, bill.usage)
    if bill.resource.name.endswith(DEAD_LETTERS):
        bill.assume("nothing is parked in dead letter queues")
    else:
        bill.assume(f"{bill.resource.name}: {plain(messages)} messages a month")
    bill.add("requests", f"sqs.{kind}", messages * _REQUESTS)
    if bill.resources.component_of(bill.resource) == "Queue" and messages:
        _polling(bill, f"sqs.{kind}")


def _polling(bill: Bill, key: str) -> None:
    pollers = Range.exactly(0)
    for worker in bill.resources.workers_of(bill.resources.service_of(bill.resource)):
        found = _pollers(bill, worker)
        if found is None:
            bill.unknown("polling", "how many tasks or pods take messages is not known before the run")
            return
        pollers += found
    if pollers.high:
        bill.add("polling", key, pollers * (bill.usage.hours * _SECONDS / _POLL_SECONDS))


def _pollers(bill: Bill, worker: Resource) -> Range | None:
    parts = [each for each in bill.resources if each.parent == worker.urn]
    for part in parts:
        if part.type == fargate.SERVICE:
            return fargate.running(replace(bill, resource=part))
        if part.type == kubernetes.RELEASE:
            return kubernetes.pods(bill, part)
    return Range.exactly(_LAMBDA_POLLERS)


def topic(bill: Bill) -> None:
    """Price a topic by what is published; deliveries to queues and functions are free, others are subscriptions."""
    bill.assume(f"a topic gets {plain(bill.usage.topic_messages)} messages")
    bill.add("requests", "sns.requests", bill.usage.topic_messages)


def subscription(bill: Bill) -> None:
    """Price what is delivered to people and to others' servers."""
    protocol = str(bill.resource.get("protocol"))
    if protocol in {"sqs", "lambda", "firehose"}:
        return
    if key := _DELIVERIES.get(protocol):
        bill.add("deliveries", key, bill.usage.topic_messages)
    else:
        bill.unknown("deliveries", "only those by e-mail and HTTPS are priced, where it is known before the run")


def schedule(bill: Bill) -> None:
    """Price a schedule by how often it comes true."""
    times = firings(bill.resource, bill.usage.hours)
    if times is None:
        bill.unknown("invocations", "how often it runs has no fixed place in a year, or is not known before the run")
    else:
        bill.add("invocations", "scheduler.invocations", times)


def pipe(bill: Bill) -> None:
    """Price a pipe by what goes through, each change by itself; reading a table's stream is free."""
    if bill.resource.get("enrichment", "") != "":
        bill.unknown("enrichment", "what it calls is billed by itself")
    messages = bill.usage.of(bill.resources.service_of(bill.resource)).messages
    bill.assume(f"{bill.resource.name}: {plain(messages)} changes a month")
    bill.add("requests", "pipes.requests", Decimal(messages))
