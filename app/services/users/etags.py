"""A user's version as HTTP speaks of it (RFC 9110): ETag, If-Match, If-None-Match."""

from __future__ import annotations

import re

_VERSION = re.compile(r'(W/)?"([1-9][0-9]{0,8})"')


def etag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


def versions(header: str, *, weak: bool = False) -> frozenset[int] | None:
    """Return the versions that a header names, nothing where it asks for none in particular (`*`, or no header).

    Weak tags count where that is said. What is no tag of ours names no version.
    """
    if header.strip() in ("", "*"):
        return None
    tags = [_VERSION.fullmatch(tag.strip()) for tag in header.split(",")]
    return frozenset(int(tag[2]) for tag in tags if tag and (weak or not tag[1]))
