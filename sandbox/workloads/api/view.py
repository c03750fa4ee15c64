"""What the API looks at: the account as it was applied last, and those who run it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.control import lifecycle
from sandbox.control.account import Account
from sandbox.control.facts import Catalog
from sandbox.control.scope import Scope
from sandbox.workloads.api.protocol import AwsError

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.control.wire import Value, Values
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
    await _change(view, lambda account: account.touch(resource.urn, changes))


async def forget(view: View, resource: Resource) -> None:
    """Delete a resource of the account as a person would who does not use the engine."""
    await _change(view, lambda account: account.forget(resource.urn))


async def add(view: View, urn: str, region: str, inputs: Values) -> None:
    """Create a resource in the account, of the URN's type, as a person would who does not use the engine."""

    def create(account: Account) -> None:
        kind = Catalog().get(urn.split("::")[2].rpartition("$")[2])
        assert kind is not None
        with account.transaction() as transaction:
            lifecycle.create(transaction, kind, Scope(region), urn, inputs)

    await _change(view, create)


async def _change(view: View, change: Callable[[Account], object]) -> None:
    def changed() -> None:
        account = Account(view.context.account)
        try:
            change(account)
        finally:
            account.close()

    await asyncio.to_thread(changed)
