"""Where pods of a cluster can be: the zones and addresses of its subnets."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.faults import Faults
    from sandbox.workloads.snapshot import Snapshot

_SUBNET = "aws:ec2/subnet:Subnet"
_RESERVED = 4
"""Addresses at the beginning of a subnet that AWS keeps for itself (VPC user guide: subnet sizing)."""


@dataclass(frozen=True)
class Subnet:
    """A subnet that pods may be in."""

    zone: str
    block: ipaddress.IPv4Network


class Nodes:
    """Places of one cluster. Which node a pod is on is not simulated, only its zone."""

    def __init__(self, faults: Faults) -> None:
        self.subnets: Sequence[Subnet] = ()
        self._faults = faults
        self._taken: set[str] = set()

    def take_up(self, cluster: Resource, snapshot: Snapshot) -> None:
        """Know the subnets that a cluster has now."""
        config = cast("dict[str, object]", cluster.outputs.get("vpcConfig") or {})
        wanted = {str(one) for one in cast("list[object]", config.get("subnetIds") or [])}
        self.subnets = [
            Subnet(str(one.outputs["availabilityZone"]), ipaddress.IPv4Network(str(one.outputs["cidrBlock"])))
            for one in snapshot.of(_SUBNET)
            if one.id in wanted
        ]

    def place(self, zones: Iterable[str]) -> tuple[str, str] | None:
        """Return zone and address of one more pod beside those in some zones; None where no zone is left.

        The zone with the fewest is taken, as a wish to spread pods has it.
        """
        there = list(zones)
        failed = self._faults.failed_zones()
        for subnet in sorted(self.subnets, key=lambda one: (there.count(one.zone), random.random())):  # noqa: S311
            if subnet.zone not in failed and (address := next(self._free(subnet), "")):
                self._taken.add(address)
                return subnet.zone, address
        return None

    def refusal(self) -> str:
        """Return why there is no place, in the scheduler's words."""
        zones = sorted({subnet.zone for subnet in self.subnets})
        lost = f" {', '.join(zones)} had untolerated taint {{node.kubernetes.io/unreachable: }}." if zones else ""
        return f"0/{len(zones)} zones are available:{lost}" if zones else "no nodes available to schedule pods"

    def lost(self, zone: str) -> bool:
        """Whether the nodes of a zone are gone."""
        return zone in self._faults.failed_zones()

    def free(self, address: str) -> None:
        """Let somebody else have an address."""
        self._taken.discard(address)

    def _free(self, subnet: Subnet) -> Iterator[str]:
        """Yield addresses that no pod has, from anywhere in the subnet: tasks and pods have the same ones to share."""
        size = subnet.block.num_addresses
        start = random.randrange(size)  # noqa: S311 - no secret
        for offset in range(size):
            number = (start + offset) % size
            if _RESERVED <= number < size - 1 and (address := str(subnet.block[number])) not in self._taken:
                yield address
