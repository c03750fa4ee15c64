"""What a provider was configured with: region and default tags, kept apart per provider instance.

One server serves every instance the engine attaches (default and explicit ones, of several stacks at once). Each
instance has a connection of its own, so the peer of a request tells whose configuration counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import cast

from sandbox.control.errors import Refusal
from sandbox.control.regions import REGIONS, partition
from sandbox.control.wire import Value, Values

ACCOUNT_ID = "123456789012"
CALLER_ARN = f"arn:aws:iam::{ACCOUNT_ID}:user/sandbox"
"""Who deploys to the account."""
GLOBAL = "aws-global"


@dataclass(frozen=True)
class Scope:
    """The configuration of one provider instance."""

    region: str
    default_tags: Mapping[str, Value] = field(default_factory=dict)

    @property
    def partition(self) -> str:
        return partition(self.region)


def configured(args: Values) -> Scope:
    """Return the scope of a provider's inputs, or refuse what AWS would refuse."""
    region = args.get("region")
    if not isinstance(region, str) or not region:
        message = (
            "Missing region configuration. Make sure you have set your AWS region, "
            "e.g. `pulumi config set aws:region us-west-2`."
        )
        raise Refusal(message)
    if region not in REGIONS:
        message = f"invalid AWS Region: {region}"
        raise Refusal(message)
    allowed, forbidden = _decoded(args.get("allowedAccountIds")), _decoded(args.get("forbiddenAccountIds"))
    if (allowed and ACCOUNT_ID not in cast("list[Value]", allowed)) or ACCOUNT_ID in cast(
        "list[Value]", forbidden or []
    ):
        message = f"AWS account ID not allowed: {ACCOUNT_ID} (the sandbox's only account; allowed are {allowed})"
        raise Refusal(message)
    default_tags = _decoded(args.get("defaultTags"))
    tags = default_tags.get("tags") if isinstance(default_tags, dict) else None
    return Scope(region, tags if isinstance(tags, dict) else {})


def _decoded(value: Value) -> Value:
    """Return a provider input that the engine may hand over as JSON text."""
    return json.loads(value) if isinstance(value, str) and value else value


class Scopes:
    """The scope of every provider instance that is attached."""

    def __init__(self) -> None:
        self._of_peer: dict[str, Scope] = {}
        self._of_stack: dict[tuple[str, str], Scope] = {}
        self._lock = Lock()

    def remember(self, peer: str, urn: str, scope: Scope) -> None:
        """Keep the scope that a provider was configured with."""
        with self._lock:
            self._of_peer[peer] = scope
            self._of_stack[_stack(urn), _package(urn)] = scope

    def get(self, peer: str, urn: str = "") -> Scope:
        """Return the scope of a request; a connection made anew is served as its stack was last."""
        scope = self._of_peer.get(peer) or self._of_stack.get((_stack(urn), _package(urn)))
        if scope is None:
            message = "The provider has not been configured."
            raise Refusal(message)
        return scope


def _stack(urn: str) -> str:
    """Return the stack and project of a URN: `urn:pulumi:STACK::PROJECT::…`."""
    return "::".join(urn.split("::")[:2])


def _package(urn: str) -> str:
    """Return the package of a URN's type: `aws` for `…::pulumi:providers:aws::…` and `…::aws:lb/…:…::…`."""
    kind = "::".join(urn.split("::")[2:3]).rsplit("$", 1)[-1]
    return kind.rpartition(":")[2] if kind.startswith("pulumi:providers:") else kind.partition(":")[0]
