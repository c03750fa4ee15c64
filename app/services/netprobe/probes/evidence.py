"""What expectations look at and no result shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """The headers, in lower case, and the body of a web server's answer."""

    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
