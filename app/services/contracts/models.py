"""What is asked and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.ask.results import Result
from app.ask.routes import Source

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
"""The gravest first."""


class Answered(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class Metrics(Answered):
    """How large a source is."""

    lines: int
    bytes: int
    contracts: Annotated[int, Field(description="Contracts, interfaces and libraries.")]
    functions: Annotated[int, Field(description="Functions, constructors and modifiers.")]


class SyntaxProblem(Answered):
    """A place where the text is no Solidity; what stands around it is analyzed all the same."""

    line: int
    column: int
    message: str


class Finding(Answered):
    """One weakness at one place."""

    rule: Annotated[str, Field(description="What found it: the id of a rule, or `review` for a model.")]
    severity: Severity
    title: str
    detail: Annotated[str, Field(description="What stands there.")]
    advice: Annotated[str, Field(description="What to do about it.")]
    reference: Annotated[str | None, Field(description="Where the weakness is described.")] = None
    line: Annotated[int, Field(ge=1)]
    column: Annotated[int, Field(ge=1)] = 1
    contract: str | None = None
    function: str | None = None
    origin: Annotated[Literal["rules", "model"], Field(description="A model may be wrong; rules see patterns only.")]


class StaticAnalysis(Answered):
    """What is found without asking a model."""

    metrics: Metrics
    syntax_errors: list[SyntaxProblem] = Field(default_factory=list[SyntaxProblem])
    findings: list[Finding] = Field(default_factory=list[Finding])
    findings_left_off: Annotated[int, Field(ge=0, description="How many lesser findings there was no room for.")] = 0
    notes: list[str] = Field(default_factory=list[str], description="What was left out, and why.")


class AnalyzeRequest(BaseModel):
    """A source to analyze."""

    model_config = ConfigDict(extra="forbid")

    source: Source


class Analysis(Result, StaticAnalysis):
    """What is known of a source."""

    summary: Annotated[str | None, Field(description="A model's words; null where none was asked or answered.")] = None

    @property
    def gravest(self) -> Severity | None:
        """The severity of the gravest finding."""
        found = {finding.severity for finding in self.findings}
        return next((severity for severity in SEVERITIES if severity in found), None)

    def headline(self) -> dict[str, str | int]:
        """Return what a list says about it."""
        return {"findings": len(self.findings) + self.findings_left_off, "gravest": self.gravest or "none"}
