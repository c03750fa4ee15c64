"""The arguments of `awsx:ec2:Vpc`, read from what the program gave; anything else is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.control.errors import Refusal
from sandbox.control.expand.layout import STRATEGIES
from sandbox.control.expand.specs import TYPES, SubnetSpec
from sandbox.control.wire import UNKNOWN, Bag, Path, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAT_STRATEGIES = ("None", "Single", "OnePerAz")
_PASSED_ON = ("enableDnsHostnames", "enableDnsSupport", "enableNetworkAddressUsageMetrics", "instanceTenancy")
_PLAIN = (
    "availabilityZoneCidrMask",
    "availabilityZoneNames",
    "cidrBlock",
    "numberOfAvailabilityZones",
    "subnetSpecs",
    "subnetStrategy",
)
_KNOWN = (*_PLAIN, *_PASSED_ON, "natGateways", "tags")
_KNOWN_OF_SPEC = ("cidrBlocks", "cidrMask", "name", "size", "tags", "type")
_KNOWN_OF_NAT = ("elasticIpAllocationIds", "strategy")
_WIDEST = 32


@dataclass(frozen=True, kw_only=True)
class VpcArguments:
    """What the program asked for, with the real package's defaults."""

    cidr: str = "10.0.0.0/16"
    zones: tuple[str, ...] | None = None
    zone_count: int | None = None
    zone_mask: int | None = None
    nat: str = "OnePerAz"
    allocation_ids: tuple[Value, ...] = ()
    specs: tuple[SubnetSpec, ...] | None = None
    strategy: str = "Legacy"
    tags: Value = None
    passed_on: Mapping[str, Value] = field(default_factory=dict)
    secrets: frozenset[Path] = frozenset()


def vpc_arguments(bag: Bag) -> VpcArguments:
    """Read the inputs of a VPC.

    Raises:
        Refusal: An argument is not served, or has no plain value where one is needed.
    """
    inputs = {name: value for name, value in bag.values.items() if value is not None}
    _refuse_unserved(inputs, _KNOWN, "awsx:ec2:Vpc")
    for name in sorted(bag.secret_roots().intersection(_PLAIN)):
        raise _not_plain(name)
    if inputs.get("availabilityZoneNames") and inputs.get("numberOfAvailabilityZones"):
        raise Refusal("Only one of [availabilityZoneNames] and [numberOfAvailabilityZones] can be specified")
    nat = _mapping(inputs.get("natGateways"), "natGateways")
    _refuse_unserved(nat, _KNOWN_OF_NAT, "natGateways")
    specs = _list(inputs.get("subnetSpecs"), "subnetSpecs")
    return VpcArguments(
        cidr=_text(inputs, "cidrBlock") or VpcArguments.cidr,
        zones=_texts(inputs, "availabilityZoneNames"),
        zone_count=_number(inputs, "numberOfAvailabilityZones"),
        zone_mask=_number(inputs, "availabilityZoneCidrMask", most=_WIDEST),
        nat=_choice(nat, "strategy", _NAT_STRATEGIES, "natGateways.strategy") or VpcArguments.nat,
        allocation_ids=tuple(_list(nat.get("elasticIpAllocationIds"), "natGateways.elasticIpAllocationIds") or ()),
        specs=None if specs is None else tuple(_spec(index, spec) for index, spec in enumerate(specs)),
        strategy=_choice(inputs, "subnetStrategy", STRATEGIES) or VpcArguments.strategy,
        tags=inputs.get("tags"),
        passed_on={name: inputs[name] for name in _PASSED_ON if name in inputs},
        secrets=frozenset(("allocationId",) if path[0] == "natGateways" else path for path in bag.secrets),
    )


def _spec(index: int, given: Value) -> SubnetSpec:
    where = f"subnetSpecs[{index}]"
    spec = _mapping(given, where)
    _refuse_unserved(spec, _KNOWN_OF_SPEC, where)
    kind = _choice(spec, "type", TYPES, f"{where}.type")
    if kind is None:
        raise Refusal(f"{where} has no type: give one of {', '.join(TYPES)}.")
    return SubnetSpec(
        type=kind,
        name=_text(spec, "name", f"{where}.name"),
        mask=_number(spec, "cidrMask", f"{where}.cidrMask", most=_WIDEST),
        size=_number(spec, "size", f"{where}.size"),
        blocks=_texts(spec, "cidrBlocks", f"{where}.cidrBlocks"),
        tags=spec.get("tags"),
    )


def _refuse_unserved(given: Iterable[str], known: tuple[str, ...], where: str) -> None:
    unserved = sorted(set(given) - set(known))
    if unserved:
        raise Refusal(
            f"The sandbox does not serve {', '.join(unserved)} of {where}. It serves {', '.join(sorted(known))}; "
            "use the resources of pulumi_aws for the rest."
        )


def _plain(value: Value, where: str) -> Value:
    if value == UNKNOWN:
        raise _not_plain(where)
    return value


def _mapping(given: Value, where: str) -> Mapping[str, Value]:
    value = _plain(given, where)
    if value is None:
        return {}
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if item is not None}
    raise _wrong(where, "an object")


def _list(given: Value, where: str) -> list[Value] | None:
    value = _plain(given, where)
    if value is None or isinstance(value, list):
        return value
    raise _wrong(where, "a list")


def _text(given: Mapping[str, Value], name: str, where: str = "") -> str | None:
    value = _plain(given.get(name), where or name)
    if value is None or isinstance(value, str):
        return value
    raise _wrong(where or name, "a text")


def _texts(given: Mapping[str, Value], name: str, where: str = "") -> tuple[str, ...] | None:
    items = _list(given.get(name), where or name)
    if items is None:
        return None
    texts = tuple(item for item in items if isinstance(_plain(item, where or name), str))
    if len(texts) == len(items):
        return tuple(map(str, texts))
    raise _wrong(where or name, "a list of texts")


def _number(given: Mapping[str, Value], name: str, where: str = "", most: int | None = None) -> int | None:
    value = _plain(given.get(name), where or name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= (value if most is None else most):
        return value
    raise _wrong(where or name, "a whole number" + ("" if most is None else f" from 0 to {most}"))


def _choice(given: Mapping[str, Value], name: str, allowed: tuple[str, ...], where: str = "") -> str | None:
    text = _text(given, name, where)
    found = {choice.lower(): choice for choice in allowed}.get((text or "").lower())
    if text is not None and found is None:
        raise _wrong(where or name, f"one of {', '.join(allowed)}, not '{text}'")
    return found


def _wrong(where: str, expected: str) -> Refusal:
    return Refusal(f"{where} must be {expected}.")


def _not_plain(where: str) -> Refusal:
    return Refusal(
        f"{where} decides which resources exist: give it a plain value, neither a secret nor another resource's output."
    )
