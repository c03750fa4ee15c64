"""What is asked and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.ask.results import Result
from app.ask.routes import Source


class RewriteRequest(BaseModel):
    """A source to rewrite."""

    model_config = ConfigDict(extra="forbid")

    source: Source


class Change(BaseModel):
    """One thing that was changed."""

    line: Annotated[int, Field(ge=1, description="Line of the source that was sent, or that a model was given.")]
    what: str
    origin: Annotated[Literal["table", "model"], Field(description="A model may be wrong; read what it changed.")]


class Rewrite(Result):
    """A source as it would be written today."""

    source: str
    changes: list[Change] = Field(default_factory=list[Change])
    explanation: Annotated[str | None, Field(description="A model's words; null where none was asked or answered.")] = (
        None
    )

    def headline(self) -> dict[str, str | int]:
        """Return what a list says about it."""
        return {"changes": len(self.changes)}
