"""What a model is asked about a contract, and what is made of its answer."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from app.services.contracts.models import Finding, Severity

TASK: Final = """\
You review Solidity for security. Report weaknesses that an attacker could use or that could lose funds, each at the
line where it is (the first line of the source is 1), with what goes wrong and what to do about it in a sentence or two
each. Report nothing that you cannot point at, no style, and no more than twenty. Sum up in two sentences what the code
is for and how safe it looks."""

_MOST = 50
_TITLE = 200
_TEXT = 2_000


class Weakness(BaseModel):
    """A finding as a model reports it."""

    model_config = ConfigDict(extra="forbid")

    severity: Severity
    title: str
    line: int
    detail: str
    advice: str


class Review(BaseModel):
    """A model's answer."""

    model_config = ConfigDict(extra="forbid")

    summary: str
    weaknesses: list[Weakness]


def usable(review: Review) -> str:
    """Tell what is wrong with a review of the right shape; nothing, when it can be used."""
    return "" if review.summary.strip() else "says nothing"


def findings(review: Review, lines: int) -> list[Finding]:
    """Return what a review found; what points beside the source is left out, and what is too long is cut."""
    return [
        Finding(
            rule="review",
            severity=weakness.severity,
            title=weakness.title[:_TITLE],
            detail=weakness.detail[:_TEXT],
            advice=weakness.advice[:_TEXT],
            line=weakness.line,
            origin="model",
        )
        for weakness in review.weaknesses[:_MOST]
        if 1 <= weakness.line <= lines
    ]


def summary(review: Review) -> str:
    """Return a review's summary, cut where it is too long."""
    return review.summary.strip()[:_TEXT]
