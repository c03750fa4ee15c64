"""A plan: what a preview would change, or an update did, built from raw engine events alone."""

from automation.plan.model import COUNTED, Change, Diagnostic, Op, Plan, build

__all__ = ["COUNTED", "Change", "Diagnostic", "Op", "Plan", "build"]
