"""Amounts that are not one number but three: the least, what is expected, the most."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from stacks.prices import cents

Number = Decimal | int


@dataclass(frozen=True)
class Range:
    """A quantity or a cost: with everything scaled in, as expected, with everything scaled out."""

    low: Decimal
    expected: Decimal
    high: Decimal

    @classmethod
    def of(cls, low: Number, expected: Number, high: Number) -> Range:
        """Return a range of numbers in rising order."""
        return cls(Decimal(low), Decimal(expected), Decimal(high))

    @classmethod
    def exactly(cls, value: Range | Number) -> Range:
        """Return a number as a range without width, a range as it is."""
        return value if isinstance(value, Range) else cls.of(value, value, value)

    @classmethod
    def total(cls, ranges: Iterable[Range]) -> Range:
        """Return the sum, nothing for none."""
        result = cls.exactly(0)
        for one in ranges:
            result += one
        return result

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def __sub__(self, other: Range) -> Range:
        return Range(self.low - other.low, self.expected - other.expected, self.high - other.high)

    def __mul__(self, other: Range | Number) -> Range:
        by = Range.exactly(other)
        return Range(self.low * by.low, self.expected * by.expected, self.high * by.high)

    def each(self, change: Callable[[Decimal], Decimal]) -> Range:
        """Return the range with all three numbers changed."""
        return Range(change(self.low), change(self.expected), change(self.high))

    @property
    def is_exact(self) -> bool:
        return self.low == self.high

    def document(self) -> dict[str, str]:
        """Return amounts in cents, as text so that nothing is lost."""
        return {"min": str(cents(self.low)), "expected": str(cents(self.expected)), "max": str(cents(self.high))}


def plain(number: Decimal) -> str:
    """Return a quantity as people write it: `1,000,000`, `0.25`, `1,825.5`."""
    text = f"{number.normalize():,f}"
    whole, dot, rest = text.partition(".")
    return whole if len(whole) > len("9,999") else f"{whole}{dot}{rest[:6]}".rstrip(".")
