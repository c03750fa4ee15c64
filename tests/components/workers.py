"""A worker with everything that it needs, for the tests of all computes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from components.queue import Queue
from components.service import ImageArtifact, Link, Statement
from components.table import Table
from components.worker import WorkerArgs, visibility_seconds

ACCOUNT = "us-east-1:123456789012"
SENDS = f"arn:aws:sqs:{ACCOUNT}"
IMAGE = ImageArtifact(reference=f"123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:{'a' * 64}")
CACHE = Link(
    name="cache",
    environment={"CACHE_URL": "rediss://cache:6379"},
    statements=[Statement(actions=["elasticache:Connect"], resources=["arn:aws:elasticache:us-east-1:1:user:app"])],
    security_group_id="sg-cache",
    port=6379,
)


def worker(*triggers: str, key_arn: str | None = None, **choices: Any) -> WorkerArgs:
    """Declare queues for these triggers and a table, and return the worker's arguments."""
    timeout = choices.setdefault("timeout", 300)
    seconds = visibility_seconds(timeout)
    queues = {name: Queue(f"dev-contracts-{name}", visibility_seconds=seconds, key_arn=key_arn) for name in triggers}
    table = Table("dev-contracts-idempotency", key=["id"], attributes={"id": "S"}, ttl="expiration", key_arn=key_arn)
    remembers = table.link("idempotency", actions=["PutItem", "UpdateItem", "DeleteItem"])
    args = WorkerArgs(
        artifact=IMAGE,
        environment={"SERVICES": "contracts=/"},
        queues=queues,
        idempotency=remembers,
        key_arn=key_arn,
    )
    return replace(args, **choices)


def allowed(recorded: Any, role: str) -> dict[str, set[str]]:
    """Return the policy of a role as resources by action."""
    found: dict[str, set[str]] = {}
    for statement in json.loads(recorded.one("RolePolicy", role).inputs["policy"])["Statement"]:
        for action in statement["Action"]:
            found.setdefault(action, set()).update(statement["Resource"])
    return found


def queue_arns(names: Iterable[str], suffix: str = "") -> set[str]:
    """Return the ARNs of the queues of triggers."""
    return {f"{SENDS}:dev-contracts-{name}{suffix}-1a2b3c4" for name in names}


def assert_takes_and_parks_and_no_more(actions: dict[str, set[str]], *triggers: str) -> None:
    """Check what a role may do with queues and the table of what was done."""
    taking = {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility"}
    sqs = {name.removeprefix("sqs:"): on for name, on in actions.items() if name.startswith("sqs:")}
    assert set(sqs) == {*taking, "SendMessage"}
    assert all(sqs[action] == queue_arns(triggers) for action in taking)
    assert sqs["SendMessage"] == queue_arns(triggers, "-dead-letter")
    assert {name for name in actions if name.startswith("dynamodb:")} == {
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
    }


def assert_told(environment: dict[str, str], *triggers: str) -> None:
    """Check what a worker is told of its queues."""
    base = "https://sqs.us-east-1.amazonaws.com/123456789012/dev-contracts"
    assert json.loads(environment["QUEUES"]) == {name: f"{base}-{name}-1a2b3c4" for name in triggers}
    dead = {name: f"{base}-{name}-dead-letter-1a2b3c4" for name in triggers}
    assert json.loads(environment["DEAD_LETTERS"]) == dead
    assert list(json.loads(environment["QUEUES"])) == sorted(triggers)
    assert environment["IDEMPOTENCY_TABLE"] == "dev-contracts-idempotency-1a2b3c4"
    assert environment["SERVICES"] == "contracts=/"
    assert (environment["WORKER_CONCURRENCY"], environment["WORKER_ATTEMPTS"]) == ("10", "5")
