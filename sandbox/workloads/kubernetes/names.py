"""Names that Kubernetes makes up, of letters that form no words."""

from __future__ import annotations

import hashlib
import random

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_HASH_LETTERS = 10
_SUFFIX_LETTERS = 5


def hashed(text: str) -> str:
    """Return what the pods of one version have in their names."""
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in hashlib.sha256(text.encode()).digest()[:_HASH_LETTERS])


def suffix() -> str:
    """Return what tells a pod from the others of its version."""
    return "".join(random.choices(_LETTERS, k=_SUFFIX_LETTERS))  # noqa: S311 - a name, no secret
