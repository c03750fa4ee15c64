"""The account at one moment, as what runs it reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.control.account import Resource


class Snapshot:
    """All resources of the account, by type and by ARN."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources = tuple(resources)
        self._types: dict[str, list[Resource]] = defaultdict(list)
        self._arns: dict[str, Resource] = {}
        for resource in self.resources:
            self._types[resource.type].append(resource)
            arn = resource.outputs.get("arn")
            if isinstance(arn, str):
                self._arns[arn] = resource

    def of(self, kind: str) -> list[Resource]:
        """Return the resources of a type, as in `aws:ecs/service:Service`."""
        return list(self._types.get(kind, ()))

    def find(self, kind: str, **outputs: object) -> Resource | None:
        """Return the newest resource of a type with these outputs."""
        wanted = outputs.items()
        for resource in reversed(self._types.get(kind, ())):
            if all(resource.outputs.get(name) == value for name, value in wanted):
                return resource
        return None

    def by_arn(self, arn: str) -> Resource | None:
        """Return what has an ARN."""
        return self._arns.get(arn)


def stack_of(resource: Resource) -> str:
    """Return the stack that a resource belongs to."""
    return resource.urn.split("::", 1)[0].rpartition(":")[2]


def name_of(resource: Resource) -> str:
    """Return a resource's logical name, as in `dev-netprobe`."""
    return resource.urn.rsplit("::", 1)[-1]
