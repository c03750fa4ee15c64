"""The part of a service that takes messages: what it needs, the same on every compute.

Each trigger has a queue, and whatever runs a worker takes messages from all of its service's queues. A change of mode
moves only who takes them: what waits goes on waiting, and what came to two computes at once is done once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pulumi

from components.queue import MOST_ATTEMPTS, Queue
from components.service import Link, WorkloadArgs

HANDLER = "app.worker.lambda_handler"
"""What Lambda calls in the artifact of the service."""

COMMAND = ("python3", "-m", "app.worker")
"""What containers run of it."""

ALIVE = (*COMMAND, "--check")
"""What tells by its exit code whether the worker beside it in the container lives."""

HEARTBEAT = "/tmp/heartbeat"  # noqa: S108 - the container's own, and the only folder it can write to
"""File that a worker in a container touches as long as it lives."""

ENDING = 10
"""Seconds that a function has beyond the longest work on a message, to report what it could not do."""

GIVING_BACK = 25
"""Seconds that a container has, beyond those in which work ends, to give back what it could not do."""

_REMEMBERS = "IDEMPOTENCY_TABLE"
_TAKING = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")


@dataclass(frozen=True, kw_only=True)
class WorkerScaling:
    """How many tasks or pods take messages.

    Tasks are added when more than `backlog` messages for each of them wait or are under way; pods, which are not
    counted by messages, when they use more than `cpu_percent` of their processor. Without a task (`min` 0) an idle
    worker costs nothing and the first message waits for some minutes. Cooldowns are seconds.
    """

    min: int = 1
    max: int = 3
    backlog: int = 100
    cpu_percent: int = 70
    scale_out_cooldown: int = 60
    scale_in_cooldown: int = 300
    spot_percent: int = 0


@dataclass(frozen=True, kw_only=True)
class WorkerArgs(WorkloadArgs):
    """Everything a compute needs to run a service's worker, whatever the compute.

    `queues` is what it takes messages from, by trigger; `idempotency` links the table in which it remembers what it
    did. `timeout` is the longest work on one message, seconds, and `batch` how many messages one instance works on at
    once. At most `concurrency` functions work for one trigger; containers are counted by `scaling`.
    """

    queues: Mapping[str, Queue]
    idempotency: Link
    timeout: int = 300
    batch: int = 10
    concurrency: int = 5
    scaling: WorkerScaling = field(default_factory=WorkerScaling)


def visibility_seconds(timeout: int) -> int:
    """Return how long a queue hides a message that may take `timeout` seconds: six functions' time, as AWS advises."""
    return 6 * (timeout + ENDING)


def taking(name: str, args: WorkerArgs, *, parks: bool) -> WorkerArgs:
    """Return the worker with one more link: what it takes messages with and remembers them by.

    Args:
        name: Name of the component, for messages.
        args: The worker.
        parks: Allow to put what can never be done aside, where nothing else allows it.

    Raises:
        ValueError: There is nothing to take messages from, or to remember them by.

    """
    if not args.queues:
        msg = f"{name}: a worker without queues has nothing to do; give it one, or leave the worker out."
        raise ValueError(msg)
    if _REMEMBERS not in args.idempotency.environment:
        msg = f'{name}: `idempotency` brings no {_REMEMBERS}; pass the table\'s link("idempotency").'
        raise ValueError(msg)
    queues = dict(sorted(args.queues.items()))
    link = Link(
        name="queues",
        environment={
            "QUEUES": _json({trigger: queue.url for trigger, queue in queues.items()}),
            "DEAD_LETTERS": _json({trigger: queue.dead_letter_url for trigger, queue in queues.items()}),
            "WORKER_TIMEOUT": str(args.timeout),
            "WORKER_CONCURRENCY": str(args.batch),
            "WORKER_ATTEMPTS": str(MOST_ATTEMPTS),
        },
        statements=[
            statement
            for queue in queues.values()
            for statement in (*queue.allow(*_TAKING), *(queue.allow_parking() if parks else ()))
        ],
    )
    return replace(args, links=(*args.links, args.idempotency, link))


def _json(values: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(values, sort_keys=True)
