"""The rewriter's own settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasGenerator, ConfigDict, Field

from app.ask.settings import AskSettings


class RewriterSettings(AskSettings):
    """What contracts are rewritten with."""

    model_config = ConfigDict(alias_generator=AliasGenerator(alias=lambda name: f"REWRITER_{name.upper()}"))

    longest_source: Annotated[int, Field(ge=1, le=1_000_000)] = 30_000
    """A source with more characters goes to no model."""
    output_tokens: Annotated[int, Field(ge=256, le=128_000)] = 24_000
    """Most tokens that a model may write: the whole source, what it changed, its reasoning."""
    parse_seconds: Annotated[float, Field(ge=0.1, le=120)] = 10
    """Seconds that a source may be looked at."""
