"""Physical names: kept, proposed by the engine, or generated from the logical name."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Literal

from sandbox.control.errors import Refusal
from sandbox.control.facts import Naming
from sandbox.control.wire import Values


@dataclass(frozen=True)
class Autonaming:
    """What the engine's autonaming setting says about one resource."""

    mode: Literal["propose", "enforce", "disable"]
    proposed: str = ""


def generate(naming: Naming, logical: str, seed: bytes, inputs: Values, autonaming: Autonaming | None) -> str | None:
    """Return a name for a resource that was given none; None when the setting wants names to be given."""
    if autonaming is not None:
        return None if autonaming.mode == "disable" else autonaming.proposed
    stem = naming.prefix + (logical.lower() if naming.lower else logical) + naming.separator
    ending = naming.suffix.get("text", "") if inputs.get(naming.suffix.get("when", "")) is True else ""
    if len(stem) + naming.random + len(ending) > naming.max:
        message = f"name '{stem}' plus {naming.random} random chars is longer than maximum length {naming.max}"
        raise Refusal(message)
    digest = hashlib.sha256(seed).hexdigest() if seed else os.urandom(32).hex()
    return stem + digest[: naming.random] + ending
