"""A plan as JSON; `docs/plan.schema.json` describes it. What `SCHEMA` counts changes only when a reader would break."""

from __future__ import annotations

from typing import Any

from automation.plan.diffs import PropertyChange
from automation.plan.model import Change, Plan
from automation.plan.noise import noise_of
from automation.plan.remarks import remarks
from automation.plan.remarks.mode import mode_of

SCHEMA = 1


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON's plain types. Hidden values are the texts `[secret]` and `[unknown]`."""
    return {
        "stack": plan.stack,
        "summary": plan.counts(),
        "mode": {"before": mode_of(plan.outputs_before) or None, "after": mode_of(plan.outputs_after) or None},
        "remarks": [
            {"topic": one.topic, "gravity": one.gravity.value, "text": one.text, "urns": list(one.urns)}
            for one in remarks(plan)
        ],
        "changes": [_change(plan, change) for change in plan.changed()],
        "errors": [{"urn": error.urn, "message": error.message} for error in plan.errors()],
        "diagnostics": [{"severity": one.severity, "urn": one.urn, "message": one.message} for one in plan.diagnostics],
    }


def _change(plan: Plan, change: Change) -> dict[str, Any]:
    return {
        "urn": change.urn,
        "op": change.op.value,
        "type": change.type,
        "name": change.name,
        "component": plan.component_of(change.urn),
        "causes": list(change.causes),
        "properties": list(change.properties),
        "diff": [_property(one) for one in change.diff],
        "destructive": change.destructive,
        "imported": change.imported,
        "noise": change.noisy,
        "protected": change.protected,
        "retained": change.retained,
    }


def _property(one: PropertyChange) -> dict[str, Any]:
    return {
        "path": one.path,
        "before": one.before,
        "after": one.after,
        "replaces": one.replaces,
        "noise": noise_of(one) or None,
    }
