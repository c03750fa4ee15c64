"""What a program asks of a VPC's subnets, checked as the real package checks it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sandbox.control.errors import Refusal
from sandbox.control.expand.blocks import Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandbox.control.wire import Value

UNUSED = "Unused"
TYPES = ("Public", "Private", "Isolated", UNUSED)
_SIZES = tuple(2 ** (32 - mask) for mask in range(31))


@dataclass(frozen=True, kw_only=True)
class SubnetSpec:
    """One subnet in every zone: how large (`mask`, `size`) or exactly where (`blocks`, one for each zone)."""

    type: str
    name: str | None = None
    mask: int | None = None
    size: int | None = None
    blocks: tuple[str, ...] | None = None
    tags: Value = None


def checked(specs: Sequence[SubnetSpec], zone_count: int) -> list[SubnetSpec]:
    """Return the specs with mask and size agreeing.

    Raises:
        Refusal: Every mistake, in the real package's words.
    """
    explicit = any(spec.blocks is not None for spec in specs)
    issues = [*_name_issues(specs), *_size_issues(specs)]
    for index, spec in enumerate(specs):
        issue = _block_issue(index, spec, zone_count) if explicit else _mask_issue(spec)
        issues += [issue] if issue else []
    if issues:
        raise Refusal("Invalid subnet specifications:\n - " + "\n - ".join(issues))
    return list(specs) if explicit else [_completed(spec) for spec in specs]


def _completed(spec: SubnetSpec) -> SubnetSpec:
    mask = spec.mask if spec.mask is not None else _SIZES.index(spec.size) if spec.size else None
    return replace(spec, mask=mask, size=_SIZES[mask] if mask and mask < len(_SIZES) else None)


def _name_issues(specs: Sequence[SubnetSpec]) -> Iterator[str]:
    names = Counter((spec.type, spec.name) for spec in specs)
    for kind in dict.fromkeys(spec.type for spec in specs):
        if any(count > 1 for (owner, _), count in names.items() if owner == kind):
            yield (
                f'Multiple subnet specs of type "{kind.lower()}" require unique names. You can have at most one '
                'unnamed subnet per type. All other subnets of the same type must have unique "name" properties to '
                "avoid duplicate resource names."
            )


def _size_issues(specs: Sequence[SubnetSpec]) -> Iterator[str]:
    wrong = [str(spec.size) for spec in specs if spec.size is not None and spec.size not in _SIZES]
    if wrong:
        valid = ", ".join(map(str, _SIZES))
        yield f"The following subnet sizes are invalid: {', '.join(wrong)}. Valid sizes are: {valid}."


def _mask_issue(spec: SubnetSpec) -> str | None:
    if not spec.mask or spec.size is None or spec.mask >= len(_SIZES) or spec.size == _SIZES[spec.mask]:
        return None
    expected = _SIZES[spec.mask]
    return f"Subnet size {spec.size} does not match the expected size for a /{spec.mask} subnet ({expected})."


def _block_issue(index: int, spec: SubnetSpec, zone_count: int) -> str | None:
    if spec.blocks is None:
        return "If any subnet spec has explicit cidrBlocks, all subnets must have explicit cidrBlocks."
    if len(spec.blocks) != zone_count:
        return (
            f"The number of CIDR blocks in subnetSpecs[{index}] must match the number of availability zones "
            f"({zone_count})."
        )
    blocks = [Block.parse(text) for text in spec.blocks]
    if spec.mask is not None and any(block.mask != spec.mask for block in blocks):
        return f"The cidrMask in subnetSpecs[{index}] must match all cidrBlocks or be left undefined."
    if spec.size is not None and any(block.size != spec.size for block in blocks):
        return f"The size in subnetSpecs[{index}] must match all cidrBlocks or be left undefined."
    return None
