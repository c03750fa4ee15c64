"""Patterns of callers, matched by RE2: in linear time, whatever the pattern.

Linear in the text times the pattern, that is; so the pattern may compile to so many steps and the text is cut.
"""

from __future__ import annotations

from typing import Protocol, cast

import re2

LONGEST_TEXT = 64 * 1024
_MOST_STEPS = 1000
_MOST_MEMORY = 1024 * 1024
_TOO_LARGE = "the pattern is too large; use smaller repeat counts"


class Pattern(Protocol):
    """A compiled pattern."""

    programsize: int

    def search(self, text: bytes) -> object | None: ...


def compiled(text: str) -> Pattern:
    """Return a compiled pattern; raises ValueError when RE2 does not know it or it is too large."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        pattern = cast("Pattern", re2.compile(text.encode(), options))
    except (re2.error, UnicodeEncodeError) as error:
        if "too large" in str(error):
            raise ValueError(_TOO_LARGE) from None
        raise ValueError("RE2 cannot read this pattern; see https://github.com/google/re2/wiki/Syntax") from None
    if pattern.programsize > _MOST_STEPS:
        raise ValueError(_TOO_LARGE)
    return pattern


def found(text: str, where: bytes) -> bool:
    """Return whether a pattern is found."""
    return compiled(text).search(where[:LONGEST_TEXT]) is not None
