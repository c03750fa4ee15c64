"""Texts with `$context` variables: formats of access logs, and what REST APIs answer themselves.

Sources: "Customize HTTP API access logs", "Variables for access logging for API Gateway".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")
_NONE = "-"


class Template:
    """A text that is taken apart once; what a request has no value for is a dash."""

    def __init__(self, text: str) -> None:
        self._parts = _VARIABLE.split(text)

    def fill(self, values: Mapping[str, object], *, escape: bool = True) -> str:
        """Return the text with its values; escaped, what is in them breaks neither JSON nor the line."""
        parts = list(self._parts)
        for place in range(1, len(parts), 2):
            value = values.get(parts[place])
            if value is None or value == "":
                parts[place] = _NONE
            else:
                parts[place] = (
                    str(value) if isinstance(value, int) else json.dumps(str(value), ensure_ascii=False)[1:-1]
                )
        return "".join(parts)
