"""Addresses of tasks, out of the blocks of their subnets."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.workloads.ecs.revision import Subnet

_FIRST = 4
"""AWS keeps the first four addresses of a subnet for itself, and the last."""


class Addresses:
    """Gives each task an address that no other had for long; nothing listens there, a target is known by it."""

    def __init__(self) -> None:
        self._hosts: dict[str, Iterator[int]] = {}

    def next(self, subnet: Subnet) -> str:
        """Return the next address of a subnet."""
        network = ipaddress.ip_network(subnet.block)
        if subnet.id not in self._hosts:
            self._hosts[subnet.id] = itertools.cycle(range(_FIRST, network.num_addresses - 1))
        return str(network[next(self._hosts[subnet.id])])
