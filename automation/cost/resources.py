"""What a plan makes, from raw engine events: every resource with its inputs, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, Final

from automation.engine import Event
from automation.plan.values import Hidden, readable

_COMPONENT: Final = "modeshift:components:"
_SERVICES: Final = frozenset(f"{_COMPONENT}{kind}" for kind in ("LambdaService", "FargateService", "EksService"))
_WORKERS: Final = frozenset(f"{_COMPONENT}{kind}" for kind in ("LambdaWorker", "FargateWorker", "EksWorker"))
# Steps after which a resource is not the stack's to pay for: gone, or only looked at.
_NOT_OURS: Final = frozenset(
    {"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace", "read", "read-replacement"}
)


@dataclass(frozen=True)
class Resource:
    """One resource: what it is and what it is given."""

    urn: str
    type: str
    inputs: Mapping[str, Any]
    parent: str = ""
    custom: bool = True

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]

    @property
    def stack(self) -> str:
        return self.urn.split("::", 1)[0].rsplit(":", 1)[-1]

    def get(self, path: str, default: Any = None) -> Any:  # noqa: ANN401 what a resource is given has any shape
        """Return what stands at a dotted path; a list counts as its first item; unknown and secret as None."""
        value: Any = self.inputs
        for part in path.split("."):
            if isinstance(value, Sequence) and not isinstance(value, str):
                value = value[0] if value else None
            if not isinstance(value, Mapping):
                return None if isinstance(value, Hidden) else default
            value = value.get(part, default)
        return None if isinstance(value, Hidden) else value

    def blocks(self, path: str) -> list[Mapping[str, Any]] | None:
        """Return the blocks of a list, none where there is no list; None where it is not known before the run."""
        value = self.get(path, [])
        if not isinstance(value, Sequence) or isinstance(value, str):
            return None
        return [each if isinstance(each, Mapping) else {} for each in value]

    def number(self, path: str, default: int | None = None) -> Decimal | None:
        """Return a number from zero up; None where it is unknown, or missing without a default."""
        value = self.get(path, default)
        try:
            number = None if value is None or isinstance(value, bool) else Decimal(str(value))
        except InvalidOperation:
            return None
        return number if number is not None and number.is_finite() and number >= 0 else None


@dataclass(frozen=True)
class Resources:
    """All resources of a stack, and how they belong together."""

    all: Sequence[Resource] = field(default_factory=tuple)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.all)

    def of(self, kind: str) -> list[Resource]:
        """Return the resources of a type."""
        return [resource for resource in self.all if resource.type == kind]

    def beside(self, resource: Resource, kind: str) -> list[Resource]:
        """Return the resources of a type that have the same parent."""
        return [other for other in self.of(kind) if other.parent == resource.parent]

    @cached_property
    def by_urn(self) -> Mapping[str, Resource]:
        return {resource.urn: resource for resource in self.all}

    @cached_property
    def services(self) -> Mapping[str, str]:
        """Return every service by name with the type of its component; one that moves between two has the last."""
        found = [(service_name(each.urn), each.type) for each in self.all if each.type in _SERVICES]
        return dict(sorted(found))

    def workers_of(self, service: str) -> list[Resource]:
        """Return the components of a service's worker; one that moves has one for each compute."""
        return [each for each in self.all if each.type in _WORKERS and self._owner(service_name(each.urn)) == service]

    def service_of(self, resource: Resource) -> str:
        """Return the service whose component a resource is in, or nothing."""
        urn = resource.parent
        while urn:
            if _type(urn) in _SERVICES:
                return service_name(urn)
            if _COMPONENT in urn and (owner := self._owner(service_name(urn))):
                return owner
            above = self.by_urn.get(urn)
            urn = above.parent if above else ""
        return ""

    def _owner(self, part: str) -> str:
        """Return the service that a part is called after, as `users` of `users-database`: the longest such name."""
        return max((name for name in self.services if part.startswith(f"{name}-")), key=len, default="")

    def is_worker(self, resource: Resource) -> bool:
        """Return whether a resource is part of what takes messages."""
        return _type(resource.parent) in _WORKERS

    def component_of(self, resource: Resource) -> str:
        """Return the kind of our component a resource is directly in, as in `LambdaService`."""
        return _type(resource.parent).removeprefix(_COMPONENT) if _COMPONENT in resource.parent else ""


def service_name(urn: str) -> str:
    """Return the name of the service that a component's URN stands for: without the stack's in front."""
    component = Resource(urn, "", {})
    return component.name.removeprefix(f"{component.stack}-")


def desired(events: Iterable[Event]) -> Resources:
    """Return what there will be after the run; what is retained when the stack lets go of it is billed on."""
    kept: dict[str, Resource] = {}
    for metadata in _steps(events):
        state, old = metadata.get("new"), metadata.get("old") or {}
        if metadata["op"] in _NOT_OURS:
            state = old if metadata["op"] == "delete" and old.get("retainOnDelete") else None
        if state:
            kept[metadata["urn"]] = _resource(metadata["urn"], state)
    return _sorted(kept)


def deployed(events: Iterable[Event]) -> Resources:
    """Return what there was before the run."""
    kept: dict[str, Resource] = {}
    for metadata in _steps(events):
        if (state := metadata.get("old")) and not metadata["op"].startswith("read"):
            kept.setdefault(metadata["urn"], _resource(metadata["urn"], state))
    return _sorted(kept)


def _steps(events: Iterable[Event]) -> Iterator[Mapping[str, Any]]:
    return (event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event)


def _resource(urn: str, state: Mapping[str, Any]) -> Resource:
    inputs = readable(state.get("inputs") or {})
    return Resource(urn, state["type"], inputs, state.get("parent", ""), bool(state.get("custom")))


def _sorted(found: Mapping[str, Resource]) -> Resources:
    return Resources(tuple(resource for _, resource in sorted(found.items())))


def _type(urn: str) -> str:
    parts = urn.split("::")
    return parts[2].rsplit("$", 1)[-1] if len(parts) > 2 else ""  # noqa: PLR2004 urn:pulumi:stack::project::type::name
