"""IPv4 blocks and the arithmetic by which one follows another."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from sandbox.control.errors import Refusal

_BITS = 32


@dataclass(frozen=True)
class Block:
    """An address with a mask. The address may lie inside the block: awsx's older strategy makes such blocks."""

    address: int
    mask: int

    @classmethod
    def parse(cls, text: str) -> Block:
        """Read `10.0.0.0/16`."""
        try:
            interface = ipaddress.IPv4Interface(text)
        except ValueError:
            raise Refusal(f"'{text}' is not an IPv4 block such as 10.0.0.0/16.") from None
        return cls(int(interface), interface.network.prefixlen)

    def __str__(self) -> str:
        return f"{ipaddress.IPv4Address(self.address)}/{self.mask}"

    @property
    def size(self) -> int:
        return 2 ** (_BITS - self.mask)

    @property
    def first(self) -> int:
        return self.address // self.size * self.size

    @property
    def last(self) -> int:
        return self.first + self.size - 1

    def next(self) -> Block:
        """Return the block of the same size right after this one."""
        return Block(self.last + 1, self.mask)

    def following(self, mask: int) -> Block:
        """Return the first block of another size that neither overlaps this one nor lies before it."""
        return Block(self.last, mask).next()

    def overlaps(self, other: Block) -> bool:
        """Tell whether the two share an address."""
        return self.first <= other.last and other.first <= self.last


def bits_for(count: int) -> int:
    """Return how many more mask bits split a block into at least `count` parts."""
    return max(count - 1, 0).bit_length()


def between(before: Block, after: Block) -> list[Block]:
    """Return the widest blocks that fill the gap between two blocks."""
    found: list[Block] = []
    start = before.last + 1
    while start < after.first:
        mask = before.mask
        while Block(start, mask - 1).first == start and Block(start, mask - 1).last < after.first:
            mask -= 1
        while Block(start, mask).last >= after.first:
            mask += 1
        found.append(Block(start, mask))
        start = found[-1].last + 1
    return found
