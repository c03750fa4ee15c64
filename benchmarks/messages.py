"""Nothing lost and nothing done twice: 10,000 messages, 1 of 100 poison and 5 of 100 sent twice, through two workers.

The workers are the app's own. SQS and DynamoDB are moto's server in a process of its own, which is what the figures
measure most: it is held to about 30 messages at a time, since it looks through all that it has for each request.
Poison comes in three kinds: what is no JSON, what a consumer rejects, and what it fails on each time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from app.core.idempotency import Once
from app.core.message_metrics import Outcome
from app.core.messages import Keyed, Message, Rejected
from app.core.pulling import pull
from app.core.queues import Queues
from app.core.work import Trigger, Work
from app.core.worker_settings import WorkerSettings

WORKERS = 2
CONCURRENCY = 10
AHEAD = 30
ATTEMPTS = 3
PATIENCE = 30
REASONS = ("the body is not JSON", "job refused", "RuntimeError: never works")

_SERVER = """
from moto.sqs.models import Queue
from moto.server import main

# moto's own would lose a message that is sent while another is deleted.
def locked(method):
    def call(queue, *rest):
        with queue._messages_lock:
            return method(queue, *rest)
    return call

Queue.add_message, Queue.delete_message = locked(Queue.add_message), locked(Queue.delete_message)
main()
"""
_SAME = {"region_name": "us-east-1", "aws_access_key_id": "none", "aws_secret_access_key": "none"}


@dataclass
class Seen:
    """What the workers did; counts outcomes as their metrics would."""

    done: Counter[int] = field(default_factory=Counter[int])
    outcomes: Counter[str] = field(default_factory=Counter[str])

    def ended(self, trigger: str, outcome: Outcome, seconds: float) -> None:
        self.outcomes[outcome] += 1

    @contextmanager
    def offered(self) -> Generator[None]:
        yield

    @property
    def over(self) -> int:
        """Messages that came to an end, or more: what the queue hands out twice ends twice."""
        return sum(self.outcomes[outcome] for outcome in ("done", "duplicate", "parked"))

    async def work(self, message: Message[Any]) -> None:
        job, poison = message.body["job"], message.body["poison"]
        await asyncio.sleep(0)
        if poison == 1:
            raise Rejected("job refused")
        if poison == 2:  # noqa: PLR2004 the place among the reasons
            raise RuntimeError("never works")
        self.done[job] += 1


@dataclass(frozen=True)
class Sent:
    """What was put into the queue: all bodies in the order they went, and which jobs are good."""

    bodies: list[str]
    good: frozenset[int]
    poison: Counter[str]


def plan(jobs: int, seed: int) -> Sent:
    """Return the messages of so many jobs, in no order."""
    chance = random.Random(seed)  # noqa: S311 nothing secret
    poison = set(chance.sample(range(jobs), jobs // 100))
    bodies: list[str] = []
    reasons: Counter[str] = Counter()
    for job in range(jobs):
        kind = chance.randrange(len(REASONS)) if job in poison else None
        if kind is not None:
            reasons[REASONS[kind]] += 1
        bodies.append(f"job {job}" if kind == 0 else json.dumps({"job": job, "poison": kind}))
    good = frozenset(range(jobs)) - poison
    bodies += [json.dumps({"job": job, "poison": None}) for job in chance.sample(sorted(good), jobs // 20)]
    chance.shuffle(bodies)
    return Sent(bodies, good, reasons)


def run(endpoint: str, sent: Sent) -> tuple[Seen, float, list[str]]:
    """Work on what is planned; return what was done, the seconds that took, and what is wrong with it."""
    sqs, dynamodb = _clients(endpoint)
    name = f"jobs-{time.time_ns()}"
    dead = sqs.create_queue(QueueName=f"{name}-dead-letter")["QueueUrl"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    settings = WorkerSettings(
        queues={"jobs": url},
        dead_letters={"jobs": dead},
        idempotency_table=name,
        worker_concurrency=CONCURRENCY,
        worker_attempts=ATTEMPTS,
        worker_backoff=1,
        worker_timeout=1,
        stop_seconds=5,
    )
    seen = Seen()
    began = time.monotonic()
    asyncio.run(_work(endpoint, settings, sent, seen))
    taken = time.monotonic() - began
    return seen, taken, wrong(sent, seen, sum(_left(sqs, url)), _parked(sqs, dead))


async def _work(endpoint: str, settings: WorkerSettings, sent: Sent, seen: Seen) -> None:
    stop = asyncio.Event()
    workers = [_worker(endpoint, settings, seen, stop) for _ in range(WORKERS)]
    running = [asyncio.create_task(worker) for worker in workers]
    sqs, _ = _clients(endpoint)
    url, given, last = settings.queues["jobs"], 0, (0, time.monotonic())
    ends = len(sent.good), sum(sent.poison.values())
    while given < len(sent.bodies) or (seen.outcomes["done"], seen.outcomes["parked"]) != ends or any(_left(sqs, url)):
        if given < len(sent.bodies) and given - seen.over < AHEAD:
            entries = [
                {"Id": str(place), "MessageBody": body} for place, body in enumerate(sent.bodies[given : given + 10])
            ]
            await asyncio.to_thread(sqs.send_message_batch, QueueUrl=url, Entries=entries)
            given += len(entries)
        else:
            await asyncio.sleep(0.01)
        if seen.over > last[0]:
            last = (seen.over, time.monotonic())
        elif time.monotonic() - last[1] > PATIENCE:
            break
    stop.set()
    await asyncio.gather(*running)


async def _worker(endpoint: str, settings: WorkerSettings, seen: Seen, stop: asyncio.Event) -> None:
    """Run a worker with clients of its own, as another process would have them."""
    sqs, dynamodb = _clients(endpoint)
    consumer = Keyed(seen.work, by=lambda body: str(body["job"]))
    queues = Queues(settings, sqs)
    triggers = {"jobs": Trigger("queue", consumer, Once(settings.idempotency_table, "jobs", dynamodb))}
    await pull(settings, queues, Work(settings, triggers, queues, seen), stop)


def wrong(sent: Sent, seen: Seen, left: int, parked: Counter[str]) -> list[str]:
    """Return what should not be: work lost or done twice, messages left, poison that is not parked with its reason."""
    return [
        f"{count} {what}"
        for count, what in (
            (len(sent.good - seen.done.keys()), "good jobs were never done"),
            (sum(count > 1 for count in seen.done.values()), "jobs were done more than once"),
            (len(seen.done.keys() - sent.good), "jobs were done that should not be"),
            (left, "messages are left in the queue"),
            (sum((sent.poison - parked).values()), "poison messages are not parked with their reason"),
            (sum((parked - sent.poison).values()), "messages are parked that should not be"),
        )
        if count
    ]


def _parked(sqs: Any, dead: str) -> Counter[str]:  # noqa: ANN401 a client of boto3
    """Take what is in the dead letter queue, and return how often each reason was given."""
    found: Counter[str] = Counter()
    while received := sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        for message in received:
            reason = message["MessageAttributes"]["reason"]["StringValue"]
            found.update([next((known for known in REASONS if reason.startswith(known)), reason)])
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    return found


def _left(sqs: Any, url: str) -> list[int]:  # noqa: ANN401 a client of boto3
    """Return how many messages a queue shows and hides."""
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return [int(found[f"ApproximateNumberOfMessages{which}"]) for which in ("", "NotVisible")]


def _clients(endpoint: str) -> list[Any]:
    config = Config(max_pool_connections=4 * CONCURRENCY)
    return [boto3.client(name, endpoint_url=endpoint, config=config, **_SAME) for name in ("sqs", "dynamodb")]


@contextmanager
def moto() -> Iterator[str]:
    """Run moto's server in a process of its own; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    program = [sys.executable, "-c", _SERVER, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def main() -> None:
    """Run it and tell; the exit code says whether all is right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    sent = plan(options.jobs, options.seed)
    with moto() as endpoint:
        seen, taken, problems = run(endpoint, sent)
    print(f"{len(sent.bodies)} messages of {options.jobs} jobs, {sum(sent.poison.values())} of them poison")
    print(f"{dict(seen.outcomes)} in {taken:.1f} s: {len(sent.bodies) / taken:.0f} messages a second")
    print("\n".join(problems) or "every good job was done once, every poison one is parked with its reason")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
