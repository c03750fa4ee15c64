"""What a service calls in AWS, held against what its manifest grants: nothing more, nothing less.

`recorded()` notes each operation of the sessions that are made while it is open, boto3's shared one included.
`granted(name)` reads what a stack would allow the service's code: the `actions` of its links, and to send to the queues
of its own triggers. What the platform does itself, taking messages and reading secrets, is not in a manifest.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import botocore

SERVICES = Path(__file__).resolve().parents[2] / "app/services"

_OF_LINKS = {"table": "dynamodb", "bucket": "s3", "topic": "sns"}
# IAM has no action of the API's own name for these.
_ACTIONS = {"s3:ListObjectsV2": "s3:ListBucket", "s3:HeadObject": "s3:GetObject"}


@contextmanager
def recorded() -> Iterator[set[str]]:
    """Note the operations of all clients that are made while this is open, as IAM names them."""
    called: set[str] = set()

    def note(model: Any, **_: Any) -> None:
        action = f"{model.service_model.endpoint_prefix}:{model.name}"
        called.add(_ACTIONS.get(action, action))

    def listen(session: Any) -> None:
        session.register("before-call", note)

    botocore.register_initializer(listen)
    # A session that is there already was made before anybody listened.
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, None
    try:
        yield called
    finally:
        botocore.unregister_initializer(listen)
        boto3.DEFAULT_SESSION = before


def granted(name: str) -> set[str]:
    """Return the actions that a service's manifest grants to its code."""
    manifest = tomllib.loads((SERVICES / name.replace("-", "_") / "service.toml").read_text(encoding="utf-8"))
    actions = {
        f"{_OF_LINKS[link['kind']]}:{action}"
        for link in manifest.get("links", {}).values()
        if link["kind"] in _OF_LINKS
        for action in link.get("actions", ["Publish"])
    }
    sends = any(trigger["kind"] == "queue" for trigger in manifest.get("triggers", {}).values())
    return actions | ({"sqs:SendMessage"} if sends else set())


def differences(called: set[str], allowed: set[str]) -> list[str]:
    """Return what is wrong, a sentence for each action."""
    return [
        *(f"{action} is granted and never used: take it out of the manifest" for action in sorted(allowed - called)),
        *(f"{action} is used and not granted: add it to the manifest" for action in sorted(called - allowed)),
    ]
