"""A user's version as HTTP speaks of it (RFC 9110): ETag, If-Match, If-None-Match."""

from __future__ import annotations

import re

ANY = None
"""What `*` stands for: whatever version there is."""

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
FORM = re.compile(rf"\*|{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")
"""What both headers may hold."""

_VERSION = re.compile(r'(W/)?"([1-9][0-9]{0,9})"')


def etag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


def versions(header: str, *, weak: bool = False) -> frozenset[int] | None:
    """Return the versions that a header of the `FORM` names, `ANY` for `*`; weak tags count where that is said."""
    if header == "*":
        return ANY
    return frozenset(int(number) for mark, number in _VERSION.findall(header) if weak or not mark)
