"""What a model is asked to rewrite, and whether its answer can be used."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from app.services.rewriter.mending import signatures
from app.services.rewriter.models import Change

TASK: Final = """\
You rewrite Solidity so that its weaknesses are gone: reentrancy, missing access control, unchecked calls, arithmetic
that wraps around, tx.origin, weak randomness and the like. Keep what it is for, its contracts, its public functions and
their parameters as they are, and do not restyle what is sound. Give the whole source, the changes, each with the line
it concerns in the source you were given, and an explanation in three sentences or fewer."""

_MOST = 100
_TEXT = 1_000


class Changed(BaseModel):
    """A change as a model reports it."""

    model_config = ConfigDict(extra="forbid")

    line: int
    what: str


class Rewritten(BaseModel):
    """A model's answer."""

    model_config = ConfigDict(extra="forbid")

    source: str
    changes: list[Changed]
    explanation: str


def wrong_with(answer: Rewritten, given: str, seconds: float) -> str:
    """Tell what is wrong with a rewritten source; nothing, when it can stand for the one that was given."""
    try:
        after = signatures(answer.source, seconds)
    except ValueError as error:
        return str(error)
    try:
        missing = sorted(signatures(given, seconds) - after)
    except ValueError:
        # What was given is no Solidity that can be read, so nobody can tell what has to stay.
        return ""
    return f"leaves out {missing[0]}" if missing else ""


def changes(answer: Rewritten, lines: int) -> list[Change]:
    """Return what a model says it changed; what points beside the source is left out, and what is too long is cut."""
    return [
        Change(line=change.line, what=change.what[:_TEXT], origin="model")
        for change in answer.changes[:_MOST]
        if 1 <= change.line <= lines
    ]


def explanation(answer: Rewritten) -> str | None:
    """Return a model's words, cut where they are too many."""
    return answer.explanation.strip()[:_TEXT] or None
