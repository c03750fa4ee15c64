"""Rules that hold a source against known weaknesses: each a search, with its severity, advice and reference."""

from __future__ import annotations

from app.services.contracts.rules import access, calls, compiler, flow, names, values
from app.services.contracts.rules.base import Found, Rule, Severity

RULES: tuple[Rule, ...] = (*calls.RULES, *access.RULES, *values.RULES, *flow.RULES, *names.RULES, *compiler.RULES)
"""All rules."""

__all__ = ["RULES", "Found", "Rule", "Severity"]
