"""The keys that open the API, known here by their hashes alone."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

_NAMED = re.compile(r"(?:([A-Za-z0-9_-]{1,32}):)?([^:\s]+)")
_HASH = re.compile(r"[0-9a-f]{64}")
_SHORTEST = 16


@dataclass(frozen=True)
class ApiKey:
    """Who holds a key, and its SHA-256."""

    name: str
    digest: bytes


def parse(text: str) -> tuple[ApiKey, ...]:
    """Read `ci:KEY,KEY`, where each KEY is a SHA-256 in hex or the key itself. No message repeats any of it."""
    keys = tuple(_parse_one(part.strip(), place) for place, part in enumerate(text.split(","), 1))
    if len({key.name for key in keys}) < len(keys):
        raise ValueError("two keys have one name")
    return keys


def owner(keys: Sequence[ApiKey], presented: bytes) -> str | None:
    """Return the name of a key's holder. Every hash is compared in full, so that time tells nothing."""
    digest = hashlib.sha256(presented).digest()
    found: str | None = None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key.name
    return found


def _parse_one(text: str, place: int) -> ApiKey:
    form = _NAMED.fullmatch(text)
    if form is None:
        raise ValueError(f"entry {place} is no NAME:KEY and no KEY")
    name, value = form[1], form[2]
    if _HASH.fullmatch(value):
        digest = bytes.fromhex(value)
    elif len(value) < _SHORTEST:
        raise ValueError(f"the key of entry {place} is shorter than {_SHORTEST} characters and could be guessed")
    else:
        digest = hashlib.sha256(value.encode()).digest()
    return ApiKey(name or digest.hex()[:8], digest)
