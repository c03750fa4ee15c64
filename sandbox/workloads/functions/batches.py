"""Batches of messages as Lambda hands them to functions, and which of them a function says have failed.

Source: Lambda developer guide (with-sqs, services-sqs-errorhandling).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any


def event_of(messages: Iterable[Mapping[str, Any]], queue_arn: str) -> bytes:
    """Return messages of a queue as the event of a function."""
    region = queue_arn.split(":")[3]
    records = [
        {
            "messageId": one["MessageId"],
            "receiptHandle": one["ReceiptHandle"],
            "body": one["Body"],
            "attributes": one.get("Attributes") or {},
            "messageAttributes": {
                name: _attribute(value) for name, value in (one.get("MessageAttributes") or {}).items()
            },
            "md5OfBody": one["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": region,
        }
        for one in messages
    ]
    return json.dumps({"Records": records}).encode()


def failures(payload: bytes, known: Iterable[str]) -> set[str]:
    """Return which messages failed, as the answer of a function names them; all when the answer cannot be used."""
    everything = set(known)
    try:
        answer = json.loads(payload)
    except ValueError:
        return everything
    if not answer:
        return set()
    if not isinstance(answer, dict):
        return everything
    named: Any = answer.get("batchItemFailures")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not named:
        return set()
    try:
        failed = {one["itemIdentifier"] for one in named}
    except (TypeError, KeyError):
        return everything
    # An empty name, or one that was never in the batch, makes all of it come again.
    return failed if everything.issuperset(failed) else everything


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        told["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        told["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return told
