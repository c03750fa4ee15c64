"""How a VPC's addresses are divided into subnets, by each of the real package's strategies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sandbox.control.errors import Refusal
from sandbox.control.expand.blocks import Block, between, bits_for
from sandbox.control.expand.specs import UNUSED, SubnetSpec, checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.control.wire import Value

STRATEGIES = ("Legacy", "Auto", "AutoMerge", "Exact")
_SMALLEST_DEFAULT_ZONE = 26
_LARGEST_DEFAULT_ZONE = 16
# The order in which the Legacy strategy hands out addresses, and the largest block each type gets unasked.
_LEGACY_ORDER = {"Private": 19, "Public": 20, "Isolated": 24}


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """One subnet to be made, or for `Unused` a range to be left alone."""

    name: str
    type: str
    zone: str
    block: Block
    tags: Value = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Every subnet, in the strategy's order, and the specs that describe one zone."""

    subnets: list[Subnet]
    specs: list[SubnetSpec]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be divided: the VPC called `name` over `zones`; without `specs` one private and one public each."""

    name: str
    cidr: str
    zones: Sequence[str]
    specs: Sequence[SubnetSpec] | None
    strategy: str
    zone_mask: int | None = None

    def subnet(self, index: int, spec: SubnetSpec, block: Block) -> Subnet:
        """Return the subnet that a spec makes in one zone."""
        name = f"{self.name}-{spec.name or spec.type.lower()}-{index + 1}"
        return Subnet(
            name=name,
            type=spec.type,
            zone=self.zones[index],
            block=block,
            tags=spec.tags,
        )


def divide(request: Request) -> Layout:
    """Divide a VPC.

    Raises:
        Refusal: The specs contradict each other, or do not fit.
    """
    vpc = Block.parse(request.cidr)
    specs = None if request.specs is None else checked(request.specs, len(request.zones))
    explicit = specs is not None and any(spec.blocks is not None for spec in specs)
    if request.strategy == "AutoMerge" and explicit:
        raise Refusal(
            'subnetStrategy="AutoMerge" does not support subnetSpecs with explicit cidrBlocks. '
            'Use subnetStrategy="Auto" or "Exact" to fully specify the subnet layout.'
        )
    if request.strategy == "Legacy" or (specs is None and request.strategy == "Exact"):
        subnets = _legacy(request, vpc, specs)
    elif specs is not None and explicit:
        subnets = _explicit(request, specs)
    else:
        subnets = _in_order(request, vpc, specs)
    _refuse_overlaps(subnets)
    if request.strategy == "Exact":
        _refuse_gaps(vpc, subnets)
    asked = None if request.strategy in {"Legacy", "AutoMerge"} else specs
    return Layout(
        subnets=subnets,
        specs=_described(subnets, len(request.zones)) if asked is None else asked,
    )


def _explicit(request: Request, specs: Sequence[SubnetSpec]) -> list[Subnet]:
    return [
        request.subnet(index, spec, Block.parse((spec.blocks or ())[index]))
        for index in range(len(request.zones))
        for spec in specs
    ]


def _in_order(request: Request, vpc: Block, asked: Sequence[SubnetSpec] | None) -> list[Subnet]:
    """Hand out addresses in the order of the specs, in a part of the VPC of its own for each zone."""
    mask = vpc.mask + bits_for(len(request.zones)) if request.zone_mask is None else request.zone_mask
    merges = asked is None or request.strategy == "AutoMerge"
    specs = _merged(asked or (), _defaults(mask)) if merges else list(asked or ())
    if not specs:
        raise Refusal("No subnets specified")
    even = mask + bits_for(len(specs))
    masks = [even if spec.mask is None else spec.mask for spec in specs]
    zone = Block(vpc.first, mask)
    needed = sum(Block(0, each).size for each in masks)
    if needed > zone.size:
        raise Refusal(
            f"Subnets are too large for VPC. VPC has {zone.size} addresses, but subnets require {needed} addresses."
        )
    found: list[Subnet] = []
    for index in range(len(request.zones)):
        block: Block | None = None
        for spec, each in zip(specs, masks, strict=True):
            block = Block(Block(zone.first, each).first, each) if block is None else block.following(each)
            found.append(request.subnet(index, spec, block))
        zone = zone.next()
    return found


def _defaults(zone_mask: int) -> list[SubnetSpec]:
    if zone_mask > _SMALLEST_DEFAULT_ZONE:
        raise Refusal(
            f"Automatic subnet creation requires a VPC with at least /{_SMALLEST_DEFAULT_ZONE} available per AZ, but "
            f"only /{zone_mask} is available. If you do need very small subnets, please specify them explicitly."
        )
    mask = max(zone_mask, _LARGEST_DEFAULT_ZONE)
    return [
        SubnetSpec(type="Private", mask=mask + 1),
        SubnetSpec(type="Public", mask=mask + 2),
    ]


def _merged(asked: Sequence[SubnetSpec], defaults: Sequence[SubnetSpec]) -> list[SubnetSpec]:
    """Put unnamed specs in the place of their type's default; the others come after the defaults."""
    types = {spec.type for spec in defaults}
    over = {spec.type: spec for spec in asked if spec.type in types and spec.name is None}
    merged = [over.get(spec.type, spec) for spec in defaults]
    return merged + [spec for spec in asked if over.get(spec.type) is not spec]


def _legacy(request: Request, vpc: Block, specs: Sequence[SubnetSpec] | None) -> list[Subnet]:
    """Hand out addresses by type: private, then public, then isolated."""
    mask = vpc.mask + bits_for(len(request.zones))
    zones = [_sub_block(vpc, mask - vpc.mask, index) for index in range(len(request.zones))]
    if specs is None:
        private = [_sub_block(zone, 1, 0) for zone in zones]
        public = [_sub_block(_sub_block(block, 0, 1), 1, 0) for block in private]
        pairs = (("Private", private), ("Public", public))
        return [
            request.subnet(index, SubnetSpec(type=kind), block)
            for kind, blocks in pairs
            for index, block in enumerate(blocks)
        ]
    return [subnet for index, zone in enumerate(zones) for subnet in _legacy_zone(request, index, zone, specs)]


def _legacy_zone(request: Request, index: int, zone: Block, specs: Sequence[SubnetSpec]) -> list[Subnet]:
    unasked = zone.mask + (0 if len(specs) == 1 else 1)
    found: list[Subnet] = []
    current = Block(zone.first - 1, 32)
    for kind, largest in _LEGACY_ORDER.items():
        start = _sub_block(found[-1].block, 0, 1) if found else zone
        for position, spec in enumerate(spec for spec in specs if spec.type == kind):
            mask = max(unasked, largest) if spec.mask is None else spec.mask
            block = _sub_block(start, mask - start.mask, position)
            current = current.following(mask) if current.overlaps(block) else block
            found.append(request.subnet(index, spec, current))
    return found


def _sub_block(block: Block, bits: int, number: int) -> Block:
    """Return the `number`th block that is `bits` smaller, counted from the block's own address."""
    mask = block.mask + bits
    if mask > 32:  # noqa: PLR2004 - the width of an address
        raise Refusal(f"Requested {bits} new bits, but only {32 - block.mask} are available.")
    return Block(block.address + number * Block(0, mask).size, mask)


def _refuse_overlaps(subnets: Sequence[Subnet]) -> None:
    wrong = [one for one in subnets if any(one is not other and one.block.overlaps(other.block) for other in subnets)]
    if wrong:
        lines = "".join(f"{number}. {subnet.name}: {subnet.block}\n" for number, subnet in enumerate(wrong, 1))
        raise Refusal(
            "The following subnets overlap with at least one other subnet. Make the CIDR for the VPC larger, reduce "
            f"the size of the subnets per AZ, or use less Availability Zones:\n\n{lines}"
        )


def _refuse_gaps(vpc: Block, subnets: Sequence[Subnet]) -> None:
    gaps: list[str] = []
    first, last = subnets[0], subnets[-1]
    if first.block.first != vpc.first:
        gaps.append(f"{first.name} ({first.block}) does not start at the beginning of the VPC ({vpc})")
    gaps += [
        f"{before.name} ({before.block}) <=> {after.name} ({after.block})"
        for before, after in pairwise(subnets)
        if after.block.first != before.block.last + 1
    ]
    if last.block.last != vpc.last:
        gaps.append(f"{last.name} ({last.block}) ends before the VPC ends ({vpc})")
    if gaps:
        raise Refusal(f"There are gaps in the subnet ranges. Please fix the following gaps: {', '.join(gaps)}")


def _described(subnets: Sequence[Subnet], zone_count: int) -> list[SubnetSpec]:
    """Describe the first zone's subnets, with what lies between them as unused."""
    described: list[SubnetSpec] = []
    before: Block | None = None
    for subnet in subnets[: len(subnets) // zone_count]:
        gaps = [] if before is None else between(before, subnet.block)
        described += [SubnetSpec(type=UNUSED, mask=gap.mask) for gap in gaps]
        described.append(SubnetSpec(type=subnet.type, mask=subnet.block.mask))
        before = subnet.block
    return described
