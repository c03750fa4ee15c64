"""What is never shown wherever it stands: well-known shapes, patterns of the stack, values known to be secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from automation.plan.values import Hidden, Value

_WELL_KNOWN = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    r"(?<=://)[^\s/:@]*:[^\s/@]+(?=@)",
)


class Masks:
    """Replaces what must not be shown by `[secret]`."""

    def __init__(self, patterns: Iterable[str] = (), values: Iterable[str] = ()) -> None:
        """Take regular expressions and texts; an expression that is none is taken as text."""
        literal = [re.escape(value) for value in sorted(set(values), key=lambda value: (-len(value), value))]
        self._patterns = [re.compile("|".join(_WELL_KNOWN), re.DOTALL), *(_compiled(pattern) for pattern in patterns)]
        if literal:
            self._patterns.append(re.compile("|".join(literal)))
        self._seen: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return a text with every match hidden."""
        if text not in self._seen:
            masked = text
            for pattern in self._patterns:
                # A pattern that matches nothing in particular would put a mask between any two letters.
                masked = pattern.sub(lambda match: Hidden.SECRET.value if match[0] else "", masked)
            self._seen[text] = masked
        return self._seen[text]

    def tree(self, value: Value) -> Any:  # noqa: ANN401 as it came
        """Return a value with every match hidden in every text within."""
        if isinstance(value, Hidden):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.tree(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.tree(item) for item in value]
        return value


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error:
        return re.compile(re.escape(pattern))
