"""What every block of settings shares."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Settings(BaseModel):
    """A block: camelCase in YAML and TOML, no unknown keys, no change after validation."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )


class _OfCode:
    """Mark a setting that the service's code depends on: its manifest says it, and no stack file."""


OF_CODE: Final = _OfCode()
