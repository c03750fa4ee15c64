"""How a VPC's addresses are divided: against what the real package did, and for any specs that fit."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.control.errors import Refusal
from sandbox.control.expand.layout import Request, divide
from sandbox.control.expand.specs import SubnetSpec

_RECORDED = Path(__file__).parent / "recorded"
_ZONES = ("us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d")


def _divide(
    *specs: SubnetSpec,
    cidr: str = "10.0.0.0/16",
    zones: int = 1,
    strategy: str = "Auto",
    zone_mask: int | None = None,
) -> dict[str, str]:
    request = Request(
        name="net", cidr=cidr, zones=_ZONES[:zones], specs=specs or None, strategy=strategy, zone_mask=zone_mask
    )
    return {subnet.name: str(subnet.block) for subnet in divide(request).subnets}


def _specs(text: str) -> list[SubnetSpec]:
    return [SubnetSpec(type=kind, name=f"s{at}", mask=int(mask)) for at, (kind, mask) in enumerate(_pairs(text))]


def _pairs(text: str) -> list[list[str]]:
    return [part.split(":") for part in text.split()]


@pytest.mark.parametrize(("recording", "zones"), [("vpc-3-single", 3), ("vpc-2-none", 2)])
@pytest.mark.parametrize("strategy", ["Auto", "Legacy", "AutoMerge"])
def test_default_subnets_are_where_the_real_package_puts_them(recording: str, zones: int, strategy: str) -> None:
    resources = json.loads((_RECORDED / f"{recording}.json").read_text())
    real = {one["name"]: one["inputs"]["cidrBlock"] for one in resources if one["type"] == "aws:ec2/subnet:Subnet"}
    assert _divide(cidr="10.20.0.0/16", zones=zones, strategy=strategy) == real


# Layouts that awsx's own tests hold fixed for one zone: order and sizes as given, blocks in the order they come out.
@pytest.mark.parametrize(
    ("cidr", "specs", "blocks"),
    [
        ("10.0.0.0/18", "Isolated:22 Public:21", "10.0.0.0/21 10.0.8.0/22"),
        ("10.0.0.0/16", "Isolated:27 Public:27 Isolated:17", "10.0.0.0/27 10.0.0.32/27 10.0.128.32/17"),
        ("10.0.0.0/16", "Isolated:22 Private:21 Private:18", "10.0.0.0/21 10.0.64.0/18 10.0.128.0/22"),
        ("10.0.0.0/16", "Isolated:25 Isolated:21 Public:19", "10.0.0.0/19 10.0.32.0/25 10.0.40.0/21"),
        (
            "10.0.0.0/19",
            "Private:25 Private:21 Isolated:25 Public:24 Public:21",
            "10.0.0.0/25 10.0.8.0/21 10.0.16.0/24 10.0.24.0/21 10.0.32.0/25",
        ),
        ("10.0.0.0/17", "Private:25 Public:27 Public:24", "10.0.0.0/25 10.0.0.128/27 10.0.1.128/24"),
    ],
)
def test_legacy_hands_out_blocks_by_type(cidr: str, specs: str, blocks: str) -> None:
    assert list(_divide(*_specs(specs), cidr=cidr, strategy="Legacy").values()) == blocks.split()


@pytest.mark.parametrize(
    ("zone", "masks"), [(16, (19, 20, 24)), (18, (19, 20, 24)), (19, (20, 20, 24)), (21, (22, 22, 24))]
)
def test_legacy_sizes_of_subnets_without_a_mask(zone: int, masks: tuple[int, ...]) -> None:
    specs = [SubnetSpec(type=kind) for kind in ("Private", "Public", "Isolated")]
    found = _divide(*specs, cidr=f"10.0.0.0/{zone}", strategy="Legacy")
    assert tuple(int(block.split("/")[1]) for block in found.values()) == masks


def test_auto_keeps_the_order_of_the_specs() -> None:
    specs = [SubnetSpec(type="Public"), SubnetSpec(type="Isolated", name="data"), SubnetSpec(type="Private")]
    assert _divide(*specs, zones=2) == {
        "net-public-1": "10.0.0.0/19",
        "net-data-1": "10.0.32.0/19",
        "net-private-1": "10.0.64.0/19",
        "net-public-2": "10.0.128.0/19",
        "net-data-2": "10.0.160.0/19",
        "net-private-2": "10.0.192.0/19",
    }


def test_auto_lets_a_zone_be_smaller_than_its_share() -> None:
    assert _divide(SubnetSpec(type="Public"), zone_mask=19) == {"net-public-1": "10.0.0.0/19"}


def test_size_stands_for_a_mask() -> None:
    assert _divide(SubnetSpec(type="Public", size=1024)) == {"net-public-1": "10.0.0.0/22"}


def test_blocks_may_be_given() -> None:
    specs = [
        SubnetSpec(type="Public", blocks=("10.0.0.0/18", "10.0.64.0/19")),
        SubnetSpec(type="Private", blocks=("10.0.96.0/19", "10.0.128.0/20")),
    ]
    assert _divide(*specs, zones=2) == {
        "net-public-1": "10.0.0.0/18",
        "net-private-1": "10.0.96.0/19",
        "net-public-2": "10.0.64.0/19",
        "net-private-2": "10.0.128.0/20",
    }


def test_auto_merge_adds_the_default_that_is_missing() -> None:
    assert list(_divide(SubnetSpec(type="Public", mask=24), strategy="AutoMerge")) == ["net-private-1", "net-public-1"]


def test_exact_wants_every_address_accounted_for() -> None:
    half = SubnetSpec(type="Public", mask=17)
    assert len(_divide(half, SubnetSpec(type="Unused", mask=17), strategy="Exact")) == 2
    with pytest.raises(Refusal, match=r"gaps in the subnet ranges.*net-public-1 \(10\.0\.0\.0/17\) ends before"):
        _divide(half, strategy="Exact")


@pytest.mark.parametrize(
    ("specs", "zones", "sentence"),
    [
        ([SubnetSpec(type="Public", size=100)], 1, "subnet sizes are invalid: 100. Valid sizes are: 4294967296"),
        ([SubnetSpec(type="Public", size=4096, mask=21)], 1, "size for a /21 subnet (2048)"),
        ([SubnetSpec(type="Public"), SubnetSpec(type="Public")], 1, 'type "public" require unique names'),
        ([SubnetSpec(type="Public", mask=15)], 1, "Subnets are too large for VPC. VPC has 65536 addresses"),
        ([SubnetSpec(type="Public", blocks=("10.0.0.0/16",))], 2, "must match the number of availability zones (2)"),
        (
            [SubnetSpec(type="Public", blocks=("10.0.0.0/16",)), SubnetSpec(type="Private")],
            1,
            "all subnets must have explicit cidrBlocks",
        ),
        ([SubnetSpec(type="Public", blocks=("10.0.0.0/16",), mask=17)], 1, "The cidrMask in subnetSpecs[0] must match"),
        ([SubnetSpec(type="Public", blocks=("10.0.0.0/16",), size=16)], 1, "The size in subnetSpecs[0] must match"),
        ([SubnetSpec(type="Public", blocks=("ten",))], 1, "'ten' is not an IPv4 block"),
    ],
)
def test_contradictions_are_refused_in_the_real_packages_words(
    specs: list[SubnetSpec], zones: int, sentence: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        _divide(*specs, zones=zones)
    assert sentence in str(refusal.value)


def test_a_vpc_too_small_for_the_defaults_is_refused() -> None:
    with pytest.raises(Refusal, match="at least /26 available per AZ, but only /27"):
        _divide(cidr="10.0.0.0/25", zones=3)


def test_overlapping_blocks_are_refused_by_name() -> None:
    specs = [SubnetSpec(type=kind, blocks=("10.0.0.0/24",)) for kind in ("Public", "Private")]
    with pytest.raises(Refusal, match=r"1\. net-public-1: 10\.0\.0\.0/24\n2\. net-private-1: 10\.0\.0\.0/24"):
        _divide(*specs)


_TYPES = st.sampled_from(["Public", "Private", "Isolated", "Unused"])


@given(
    mask=st.integers(16, 20),
    zones=st.integers(1, 4),
    types=st.lists(_TYPES, min_size=1, max_size=6),
    names=st.lists(st.text("abc", min_size=1), min_size=6, max_size=6, unique=True),
)
def test_even_subnets_fill_the_vpc_without_overlap(mask: int, zones: int, types: list[str], names: list[str]) -> None:
    vpc = f"10.0.0.0/{mask}"
    specs = [SubnetSpec(type=kind, name=name) for kind, name in zip(types, names, strict=False)]
    found = _divide(*specs, cidr=vpc, zones=zones)
    networks = [ipaddress.IPv4Network(block) for block in found.values()]
    assert len(networks) == len(types) * zones
    assert all(network.subnet_of(ipaddress.IPv4Network(vpc)) for network in networks)
    assert not any(a.overlaps(b) for at, a in enumerate(networks) for b in networks[at + 1 :])
    assert len({network.prefixlen for network in networks}) == 1
    renamed = [SubnetSpec(type=kind, name=f"other-{at}") for at, kind in enumerate(types)]
    assert list(_divide(*renamed, cidr=vpc, zones=zones).values()) == list(found.values())


@given(masks=st.lists(st.integers(19, 27), min_size=1, max_size=6), zones=st.integers(1, 3))
def test_subnets_from_large_to_small_stay_in_their_zones_share(masks: list[int], zones: int) -> None:
    specs = [SubnetSpec(type="Isolated", name=f"s{at}", mask=mask) for at, mask in enumerate(sorted(masks))]
    try:
        found = _divide(*specs, zones=zones)
    except Refusal as refusal:
        assert "too large" in str(refusal)  # noqa: PT017 - whether they fit depends on what was drawn
        return
    shares = list(ipaddress.IPv4Network("10.0.0.0/16").subnets(prefixlen_diff=(zones - 1).bit_length()))
    for at, block in enumerate(found.values()):
        assert ipaddress.IPv4Network(block).subnet_of(shares[at // len(masks)])
