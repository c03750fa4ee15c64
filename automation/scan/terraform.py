"""From a preview's events to a Terraform plan as `terraform show -json` writes it: pure functions.

What is not known before the resource exists, and what is secret, is left out of the values and named in
`after_unknown`. Where such a value comes from is named in the configuration, as it is for Terraform's own references.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from automation.engine import Event
from automation.policies import Dependencies
from automation.scan.names import RESOURCES, attribute
from policy.values import UNKNOWN, Value, from_wire
from sandbox.control.schema_gen import SCHEMA

_PROVIDER = "registry.terraform.io/hashicorp/aws"
_ENDS = ("delete", "discard", "remove", "read-discard")
_ACTIONS = {"create": ["create"], "same": ["no-op"], "refresh": ["no-op"], "update": ["update"], "import": ["no-op"]}
_OMITTED = object()

Json = dict[str, Any]


@dataclass(frozen=True)
class TerraformPlan:
    """A plan, and how to find its resources again."""

    document: Json
    names: Mapping[str, str]
    """By address in the plan, the logical name in Pulumi."""
    unmapped: Mapping[str, int]
    """How many resources of each type without a Terraform name were left out."""


@dataclass
class _Converted:
    """A value as Terraform has it, the part that is not known, and what that part refers to."""

    value: Any = _OMITTED
    unknown: Any = False
    refers: Any = field(default_factory=dict)


def terraform_plan(events: Iterable[Event], dependencies: Dependencies | None = None) -> TerraformPlan:
    """Return what is there after a run as a Terraform plan.

    Args:
        events: The engine's, of a preview or an update.
        dependencies: Where values come from; without, checks of how resources belong together see less.

    """
    steps = _steps(events)
    addresses = _addresses(steps)
    resources: list[Json] = []
    changes: list[Json] = []
    configuration: list[Json] = []
    for urn, address in addresses.items():
        step = steps[urn]
        kind = RESOURCES[step["type"]]
        sources = {
            name: [addresses[source] for source in sorted(urns) if source in addresses]
            for name, urns in ((dependencies or {}).get(urn) or {}).items()
        }
        converted = _resource(step["type"], step["new"].get("inputs"), sources)
        identity = {
            "address": address,
            "mode": "managed",
            "type": kind,
            "name": address.removeprefix(f"{kind}."),
        }
        resources.append({**identity, "provider_name": _PROVIDER, "values": converted.value})
        changes.append(
            {
                **identity,
                "provider_name": _PROVIDER,
                "change": {
                    "actions": _ACTIONS.get(step["op"], ["delete", "create"]),
                    "before": _before(step),
                    "after": converted.value,
                    "after_unknown": converted.unknown or {},
                },
            }
        )
        configuration.append({**identity, "provider_config_key": "aws", "expressions": converted.refers})
    document = {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": changes,
        "configuration": {
            "provider_config": {"aws": {"name": "aws", "full_name": _PROVIDER}},
            "root_module": {"resources": configuration},
        },
    }
    names = {address: urn.rsplit("::", 1)[-1] for urn, address in addresses.items()}
    return TerraformPlan(document, names, _unmapped(steps))


def _steps(events: Iterable[Event]) -> dict[str, Event]:
    """Return the last step of each AWS resource that is there afterwards, by URN."""
    steps: dict[str, Event] = {}
    for event in events:
        metadata = event.get("resourcePreEvent", {}).get("metadata")
        if not metadata or not metadata["type"].startswith("aws:") or not metadata.get("new"):
            continue
        if not metadata["op"].startswith(_ENDS):
            steps[metadata["urn"]] = metadata
    return dict(sorted(steps.items()))


def _unmapped(steps: Mapping[str, Event]) -> dict[str, int]:
    types = [step["type"] for step in steps.values() if step["type"] not in RESOURCES]
    return {kind: types.count(kind) for kind in sorted(set(types))}


def _addresses(steps: Mapping[str, Event]) -> dict[str, str]:
    """Return the address of each resource; logical names may hold what Terraform's may not, and repeat."""
    addresses: dict[str, str] = {}
    for urn, step in steps.items():
        if (kind := RESOURCES.get(step["type"])) is None:
            continue
        label = re.sub(r"[^A-Za-z0-9_-]", "_", urn.rsplit("::", 1)[-1])
        wanted = address = f"{kind}.{label if re.match('[A-Za-z_]', label) else f'_{label}'}"
        again = 1
        while address in addresses.values():
            again += 1
            address = f"{wanted}_{again}"
        addresses[urn] = address
    return addresses


def _before(step: Event) -> Json | None:
    old = step.get("old")
    return _resource(step["type"], old.get("inputs"), {}).value if old else None


@cache
def _schema() -> Json:
    schema: Json = json.loads(SCHEMA.read_text("utf-8"))
    inputs = {name: shape["inputs"] for name, shape in schema["resources"].items()}
    return inputs | {name: shape["properties"] for name, shape in schema["types"].items()}


def _resource(kind: str, inputs: object, sources: Mapping[str, list[str]]) -> _Converted:
    values = cast("dict[str, Value]", from_wire(inputs or {}))
    whole = _Converted(value={}, unknown={}, refers={})
    for name, value in values.items():
        _add(whole, kind, name, value, sources.get(name, []))
    return whole


def _add(whole: _Converted, owner: str, name: str, value: Value, sources: list[str]) -> None:
    kind = _schema().get(owner, {}).get(name, "any")
    if kind in {"asset", "archive"}:
        return
    key, part = attribute(owner, name, kind), _convert(kind, value, sources)
    if part.value is not _OMITTED:
        whole.value[key] = part.value
    if part.unknown:
        whole.unknown[key] = part.unknown
    if part.refers:
        whole.refers[key] = part.refers


def _convert(kind: str, value: Value, sources: list[str]) -> _Converted:
    if value is UNKNOWN:
        return _Converted(unknown=True, refers={"references": sources} if sources else {})
    if kind == "json" and isinstance(value, (dict, list)):
        return _Converted(json.dumps(value))
    if isinstance(value, list):
        return _list(kind.removeprefix("[]"), value, sources)
    if isinstance(value, dict):
        return _block(kind, value, sources) if kind.startswith("#") else _map(value, sources)
    return _Converted(value)


def _block(kind: str, value: dict[str, Value], sources: list[str]) -> _Converted:
    """Return an object as Terraform has it: a list of one block."""
    whole = _fields(kind, value, sources)
    return _Converted(
        [whole.value], [whole.unknown] if whole.unknown else False, [whole.refers] if whole.refers else {}
    )


def _fields(kind: str, value: dict[str, Value], sources: list[str]) -> _Converted:
    whole = _Converted(value={}, unknown={}, refers={})
    for name, inner in value.items():
        _add(whole, kind[1:], name, inner, sources)
    return whole


def _map(value: dict[str, Value], sources: list[str]) -> _Converted:
    known = {key: item for key, item in value.items() if item is not UNKNOWN}
    unknown = {key: True for key in value if key not in known}
    return _Converted(known, unknown, {"references": sources} if unknown and sources else {})


def _list(kind: str, items: list[Value], sources: list[str]) -> _Converted:
    if kind.startswith("#"):
        blocks = [_fields(kind, item, sources) if isinstance(item, dict) else _Converted({}) for item in items]
        unknown = [block.unknown or {} for block in blocks]
        refers = [block.refers or {} for block in blocks]
        return _Converted([block.value for block in blocks], unknown if any(unknown) else False, refers)
    parts = [_convert(kind, item, sources) for item in items]
    unknown = [bool(part.unknown) for part in parts]
    # A null keeps the place of an element, as in Terraform's own plans.
    values = [None if part.value is _OMITTED else part.value for part in parts]
    refers = {"references": sources} if any(unknown) and sources else {}
    return _Converted(values, unknown if any(unknown) else False, refers)
