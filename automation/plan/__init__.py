"""A plan: what a preview would change, or an update did, built from raw engine events alone."""

from automation.plan.model import Change, Diagnostic, Op, Plan, build

__all__ = ["Change", "Diagnostic", "Op", "Plan", "build"]
