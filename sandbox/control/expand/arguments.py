"""The arguments of `awsx:ec2:Vpc`, read from what the program gave; anything else is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.control.errors import Refusal
from sandbox.control.expand import readers
from sandbox.control.expand.layout import STRATEGIES
from sandbox.control.expand.specs import TYPES, SubnetSpec
from sandbox.control.wire import Bag, Path, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    readers.refuse_unserved(inputs, _KNOWN, "awsx:ec2:Vpc")
    for name in sorted(bag.secret_roots().intersection(_PLAIN)):
        raise readers.not_plain(name)
    if inputs.get("availabilityZoneNames") and inputs.get("numberOfAvailabilityZones"):
        raise Refusal("Only one of [availabilityZoneNames] and [numberOfAvailabilityZones] can be specified")
    nat = readers.mapping(inputs.get("natGateways"), "natGateways")
    readers.refuse_unserved(nat, _KNOWN_OF_NAT, "natGateways")
    specs = readers.listed(inputs.get("subnetSpecs"), "subnetSpecs")
    return VpcArguments(
        cidr=readers.text(inputs, "cidrBlock") or VpcArguments.cidr,
        zones=readers.texts(inputs, "availabilityZoneNames"),
        zone_count=readers.number(inputs, "numberOfAvailabilityZones"),
        zone_mask=readers.number(inputs, "availabilityZoneCidrMask", most=_WIDEST),
        nat=readers.choice(nat, "strategy", _NAT_STRATEGIES, "natGateways.strategy") or VpcArguments.nat,
        allocation_ids=tuple(
            readers.listed(nat.get("elasticIpAllocationIds"), "natGateways.elasticIpAllocationIds") or ()
        ),
        specs=None if specs is None else tuple(_spec(index, spec) for index, spec in enumerate(specs)),
        strategy=readers.choice(inputs, "subnetStrategy", STRATEGIES) or VpcArguments.strategy,
        tags=inputs.get("tags"),
        passed_on={name: inputs[name] for name in _PASSED_ON if name in inputs},
        secrets=frozenset(("allocationId",) if path[0] == "natGateways" else path for path in bag.secrets),
    )


def _spec(index: int, given: Value) -> SubnetSpec:
    where = f"subnetSpecs[{index}]"
    spec = readers.mapping(given, where)
    readers.refuse_unserved(spec, _KNOWN_OF_SPEC, where)
    kind = readers.choice(spec, "type", TYPES, f"{where}.type")
    if kind is None:
        raise Refusal(f"{where} has no type: give one of {', '.join(TYPES)}.")
    return SubnetSpec(
        type=kind,
        name=readers.text(spec, "name", f"{where}.name"),
        mask=readers.number(spec, "cidrMask", f"{where}.cidrMask", most=_WIDEST),
        size=readers.number(spec, "size", f"{where}.size"),
        blocks=readers.texts(spec, "cidrBlocks", f"{where}.cidrBlocks"),
        tags=spec.get("tags"),
    )
