"""What can be said of a source without asking anybody: syntax errors, metrics and findings of the rules."""

from __future__ import annotations

from itertools import islice

from app.services.contracts.models import SEVERITIES, Finding, Metrics, StaticAnalysis, SyntaxProblem
from app.services.contracts.rules import RULES, Found, Rule
from app.solidity.outline import outline
from app.solidity.source import OutOfTimeError, Source

MOST_FINDINGS = 200
_MOST_PER_RULE = 50


def analyze(text: str, seconds: float) -> StaticAnalysis:
    """Return what the rules find in a source; what takes longer than `seconds` is left off, and said.

    Blocks: call it in a thread.
    """
    source = Source(text, seconds)
    metrics = Metrics(lines=source.lines, bytes=len(source.data), contracts=0, functions=0)
    errors: list[SyntaxProblem] = []
    found: list[tuple[Rule, Found]] = []
    notes: list[str] = []
    try:
        errors = [
            SyntaxProblem(line=fault.place.line, column=fault.place.column, message=fault.message)
            for fault in source.faults()
        ]
        outlined = outline(source)
        metrics = metrics.model_copy(
            update={"contracts": len(outlined.contracts), "functions": len(outlined.functions)}
        )
        for rule in RULES:
            found.extend((rule, each) for each in islice(rule.search(outlined), _MOST_PER_RULE))
        if any(function.body.is_cut for function in outlined.functions):
            notes.append("A function is too long to be looked at as a whole; its end was left out.")
    except OutOfTimeError:
        notes.append(f"The rules were stopped after {seconds:g} s; there may be more to find.")
    found.sort(key=lambda each: (SEVERITIES.index(each[0].severity), each[1].node.start_byte, each[0].id))
    shown = [_finding(source, rule, each) for rule, each in found[:MOST_FINDINGS]]
    shown.sort(key=lambda finding: (finding.line, finding.column, finding.rule))
    return StaticAnalysis(
        metrics=metrics,
        syntax_errors=errors,
        findings=shown,
        findings_left_off=len(found) - len(shown),
        notes=notes,
    )


def _finding(source: Source, rule: Rule, found: Found) -> Finding:
    place, function = source.place(found.node), found.function
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        title=rule.title,
        detail=found.detail,
        advice=rule.advice,
        reference=rule.reference,
        line=place.line,
        column=place.column,
        contract=function.contract.name if function and function.contract else None,
        function=(function.name or function.kind) if function else None,
        origin="rules",
    )
