"""Buckets: whom they may tell of what happens to their objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Any

from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.wire import Value, Values

_BUCKET = "aws:s3/bucket:Bucket"
_QUEUE = "aws:sqs/queue:Queue"
_QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
_LISTS = ("lambdaFunctions", "queues", "topics")


class BucketNotification(Hook):
    def create(self, operation: Operation) -> None:
        _judge(operation)

    def update(self, operation: Operation) -> None:
        _judge(operation)


def _judge(operation: Operation) -> None:
    told = [one for name in _LISTS for one in _blocks(operation.inputs.get(name))]
    for one, other in combinations(told, 2):
        if _overlap(one, other):
            message = (
                "Configurations overlap. Configurations on the same bucket cannot share a common event type. "
                f"{_shown(one)} and {_shown(other)}"
            )
            raise operation.error("InvalidArgument", message)
    bucket = operation.find(_BUCKET, operation.inputs["bucket"])
    arn = str(bucket.outputs["arn"]) if bucket else ""
    for one in _blocks(operation.inputs.get("queues")):
        queue = operation.find(_QUEUE, one.get("queueArn"))
        policy = operation.find(_QUEUE_POLICY, queue.id) if queue else None
        if not any(_lets_send(statement, arn) for statement in _statements(policy.inputs if policy else {})):
            message = (
                f"Unable to validate the following destination configurations: {one.get('queueArn')} has no policy "
                f"that lets {arn} send to it"
            )
            raise operation.error("InvalidArgument", message)


def _blocks(value: Value) -> Iterator[Values]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _overlap(one: Values, other: Values) -> bool:
    """Tell whether one object may be meant by both."""
    (prefix, suffix), (other_prefix, other_suffix) = (
        (str(block.get("filterPrefix") or ""), str(block.get("filterSuffix") or "")) for block in (one, other)
    )
    shared = _events(one) & _events(other)
    begins = prefix.startswith(other_prefix) or other_prefix.startswith(prefix)
    ends = suffix.endswith(other_suffix) or other_suffix.endswith(suffix)
    return bool(shared) and begins and ends


def _events(block: Values) -> set[str]:
    """Return the kinds of events, as in `s3:ObjectCreated`: `*` and one of a kind share it."""
    events = block.get("events")
    return {":".join(str(event).split(":")[:2]) for event in events} if isinstance(events, list) else set()


def _shown(block: Values) -> str:
    return f"({block.get('filterPrefix') or ''}*{block.get('filterSuffix') or ''})"


def _statements(policy: Values) -> Iterator[dict[str, Any]]:
    text = policy.get("policy")
    document: Any = json.loads(text) if isinstance(text, str) else text
    found: Any = document.get("Statement", []) if isinstance(document, dict) else []
    yield from [found] if isinstance(found, dict) else found


def _lets_send(statement: dict[str, Any], bucket_arn: str) -> bool:
    """Tell whether a statement lets S3 send for a bucket, as far as a service, an action and a source say it."""
    principal, actions = statement.get("Principal"), _listed(statement.get("Action"))
    services = _listed(principal.get("Service")) if isinstance(principal, dict) else _listed(principal)
    conditions = statement.get("Condition") or {}
    sources = [
        value
        for test, keys in conditions.items()
        if test.startswith(("Arn", "String"))
        for key, wanted in keys.items()
        if key.lower() == "aws:sourcearn"
        for value in _listed(wanted)
    ]
    return (
        statement.get("Effect") == "Allow"
        and bool({"s3.amazonaws.com", "*"} & set(services))
        and bool({"sqs:sendmessage", "sqs:*", "*"} & {action.lower() for action in actions})
        and (not sources or any(fnmatchcase(bucket_arn, source) for source in sources))
    )


def _listed(value: str | list[Any] | None) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value or []]
