"""Amounts as Kubernetes writes them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)")
_SUFFIXES: Mapping[str, float] = {
    "m": 1e-3,
    "": 1,
    **{letters: 1000**power for power, letters in enumerate(("k", "M", "G", "T", "P"), 1)},
    **{letters: 1024**power for power, letters in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi"), 1)},
}


def amount(text: str | float) -> float:
    """Return a quantity as a number, as in 0.25 for `250m` and 1048576 for `1Mi`.

    Raises:
        ValueError: It is no quantity.

    """
    found = _AMOUNT.fullmatch(str(text))
    if found is None or found[2] not in _SUFFIXES:
        message = f"{text!r} is no quantity; write a number and one of {', '.join(filter(None, _SUFFIXES))}."
        raise ValueError(message)
    return float(found[1]) * _SUFFIXES[found[2]]


def portion(given: str | int, whole: int, *, up: bool) -> int:
    """Return how many pods a number or a percentage of some pods is, rounded up or down."""
    if isinstance(given, int):
        return given
    exact = int(given.removesuffix("%")) * whole / 100
    return math.ceil(exact) if up else math.floor(exact)
