"""What the API looks at: the account as it was applied last, and those who run it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.control.account import Account
from sandbox.workloads.api.protocol import AwsError

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.control.wire import Value
    from sandbox.workloads.context import Context
    from sandbox.workloads.snapshot import Snapshot


class View(Protocol):
    """What runs an account, as far as the API looks at it."""

    @property
    def context(self) -> Context: ...

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def managers(self) -> Mapping[str, Any]:
        """Return who runs what, by the name of their package."""
        ...


def told(view: View, manager: str, key: str) -> list[dict[str, Any]]:
    """Return the list that a manager describes under a key."""
    return list(view.managers[manager].describe().get(key, ()))


def moment(seconds: float | None) -> datetime | None:
    """Return a time in seconds since 1970 as AWS's own kind of time; None where it has not come."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def present(**members: object) -> dict[str, Any]:
    """Return the members that have a value: AWS leaves out what it has nothing to say about."""
    return {name: value for name, value in members.items() if value not in (None, "")}


def regional(view: View, kind: str, region: str) -> Iterator[Resource]:
    """Yield what the account has of a type in a region, the newest first."""
    return (one for one in reversed(view.snapshot.of(kind)) if one.region == region)


def required(found: Resource | None, code: str, message: str) -> Resource:
    """Return what was found.

    Raises:
        AwsError: Nothing was; the error has this code and message.

    """
    if found is None:
        raise AwsError(code, message)
    return found


async def touch(view: View, resource: Resource, changes: Mapping[str, Value]) -> None:
    """Change a resource in the account as a person would who does not use the engine."""

    def change() -> None:
        account = Account(view.context.account)
        try:
            account.touch(resource.urn, changes)
        finally:
            account.close()

    await asyncio.to_thread(change)
