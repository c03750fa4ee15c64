"""What a recogniser says about a plan: a sentence, how grave it is, and which resources it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from automation.plan.values import Hidden, Value

_LISTED = 6
_NO_NAME = re.compile(r"[^A-Za-z0-9]")


class Gravity(StrEnum):
    """How much a reviewer should care."""

    DANGER = "danger"
    WARNING = "warning"
    NOTE = "note"


class Quoted(str):
    """A part of a sentence that is not ours: a name, a value. Renderers set it apart and make it harmless."""

    __slots__ = ()


Words = tuple[str, ...]
"""A sentence in parts; those that are `Quoted` came from outside."""


@dataclass(frozen=True)
class Remark:
    """One sentence about a plan."""

    topic: str
    gravity: Gravity
    words: Words
    urns: Sequence[str] = ()

    @property
    def text(self) -> str:
        return "".join(self.words)


def listed(names: Iterable[str], most: int = _LISTED) -> Words:
    """Return names as `a, b and c`, or with the number of those left out."""
    items: list[str] = [Quoted(name) for name in names]
    if (rest := len(items) - most) > 0:
        items = [*items[:most], f"{rest} more"]
    words: list[str] = []
    for left, item in zip(range(len(items), 0, -1), items, strict=True):
        words += [item] if left == len(items) else [" and " if left == 1 else ", ", item]
    return tuple(words)


def because(causes: Sequence[str]) -> Words:
    """Return which properties force a replacement, as the end of a sentence; nothing where nobody says."""
    return (" because of ", *listed(causes)) if causes else ()


def text(value: Value) -> str:
    """Return a value as one line of text, nothing for one that is absent."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def said(value: Value) -> str:
    """Return a value as a part of a sentence."""
    if value is Hidden.UNKNOWN:
        return "a value known after apply"
    return "a secret" if value is Hidden.SECRET else Quoted(text(value))


def becomes(before: Value, after: Value) -> Words:
    """Return what happens to a value, as the end of a sentence."""
    if before is Hidden.SECRET and after is Hidden.SECRET:
        return ("is secret, and changes",)
    if before is None:
        return ("changes",) if after is None else ("is added as ", said(after))
    if after is None:
        return ("is removed, which was ", said(before))
    return ("changes from ", said(before), " to ", said(after))


@lru_cache
def kind(token: str) -> str:
    """Return a resource type's short name, letters and digits only: `Function` of `aws:lambda/function:Function`."""
    return "Provider" if token.startswith("pulumi:providers:") else _NO_NAME.sub("", token.rsplit(":", 1)[-1])


def noun(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 resource`, `3 resources`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
