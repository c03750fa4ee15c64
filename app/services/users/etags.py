"""A user's version as HTTP speaks of it (RFC 9110): ETag, If-Match, If-None-Match."""

from __future__ import annotations

import re

_TAG = r'(W/)?"[!#-~]*"'
FORM = rf"^(\*|{_TAG}( *, *{_TAG})*)$"
"""What both headers may hold: any, or some ETags."""

_VERSION = re.compile(r'(W/)?"([1-9][0-9]{0,8})"')


def etag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


def versions(header: str | None, *, weak: bool = False) -> frozenset[int] | None:
    """Return the versions that a header names, nothing for any of them; weak tags count where that is said."""
    if header in (None, "*"):
        return None
    return frozenset(int(number) for mark, number in _VERSION.findall(header) if weak or not mark)
