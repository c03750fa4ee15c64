"""Our own stacks keep the rules, and the engine with the pack says what this process says of the same run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from automation import policies
from automation.cloud import Cloud, open_session
from automation.cost.delta import of_plan
from automation.cost.usage import load_usage
from automation.engine import Event, Outcome
from automation.project import Project
from policy.catalogue import RULES
from policy.judge import Report
from stacks.prices.sheet import load_sheet
from tests.e2e.conftest import REPOSITORY, Workspace

pytestmark = pytest.mark.e2e

TODAY = date(2026, 1, 1)
DOMAIN = {"name": "api.example.com", "zone": "example.com"}
ADMIN = "arn:aws:iam::123456789012:role/deploy"
OTHER_SHAPES = {
    "dev-container": {"mode": "container"},
    "staging-fargate": {"container": {"compute": "fargate"}},
    "prod-eks": {"container": {"compute": "eks", "kubernetes": {"admins": [ADMIN], "publicCidrs": ["203.0.113.7/32"]}}},
    "prod-serverless": {"mode": "serverless"},
    "prod-alb": {"frontDoor": "alb", "domain": DOMAIN},
    "prod-alb-serverless": {"frontDoor": "alb", "domain": DOMAIN, "mode": "serverless"},
}

DATA = {"services": {"netprobe": {}, "users": {}, "contracts": {}}}
SHAPES_WITH_DATA = {
    "dev": {**DATA, "network": {"nat": "single"}},
    "staging": DATA,
    "prod": DATA,
    "prod-serverless": {**DATA, "mode": "serverless"},
}


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put on PATH what the official CLI brings to start Python policy packs."""
    script = tmp_path / "bin" / "pulumi-analyzer-policy-python"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -u -m pulumi.policy "$1" "$2"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")


def run(workspace: Workspace, stack: str, *args: str) -> Outcome:
    with open_session(
        Project(workspace.root, workspace.root / ".modeshift"), stack, Cloud.SANDBOX, runs=False
    ) as session:
        return session.engine.operate(*args, "--stack", stack, log=workspace.root / "events.jsonl")


def judged(workspace: Workspace, stack: str, events: Sequence[Event], plan: Path | None = None) -> Report:
    return policies.judge(
        events,
        environment=stack,
        suppressions=policies.exceptions(),
        today=TODAY,
        dependencies=policies.plan_dependencies(plan) if plan else None,
    )


def of_engine(outcome: Outcome) -> set[tuple[str, str, str, str]]:
    told = [event["policyEvent"] for event in outcome.events if "policyEvent" in event]
    return {(one["policyName"], one["resourceUrn"], one["enforcementLevel"], one["message"].strip()) for one in told}


def of_report(report: Report) -> set[tuple[str, str, str, str]]:
    return {
        (
            one.rule.id,
            one.resource.urn,
            "mandatory" if one.stops else "advisory",
            f"{one.rule.title}\n{one.sentence}",
        )
        for one in report.findings
        if not one.excepted
    }


@pytest.mark.usefixtures("launcher")
@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_our_stacks_keep_the_rules_and_the_engine_agrees(workspace: Workspace, stack: str) -> None:
    plan = workspace.root / "plan.json"

    outcome = run(workspace, stack, "preview", "--policy-pack", str(REPOSITORY / "policy"), "--save-plan", str(plan))

    report = judged(workspace, stack, outcome.events, plan)
    assert outcome.ok, outcome.stderr + outcome.stdout
    assert [finding.sentence for finding in report.stopping] == []
    assert of_engine(outcome) == of_report(report)
    assert passed(outcome) == kept(report)
    assert report.advisory, "nothing to consider at all would mean that nothing was looked at"


def passed(outcome: Outcome) -> set[tuple[str, str]]:
    """Return which rules about one resource the engine saw kept, by resource."""
    summaries = [event["policyAnalyzeSummaryEvent"] for event in outcome.events if "policyAnalyzeSummaryEvent" in event]
    return {(rule, one["resourceUrn"]) for one in summaries for rule in one.get("passed") or ()}


def kept(report: Report) -> set[tuple[str, str]]:
    single = {rule.id for rule in RULES if rule.check}
    return {pair for pair in report.kept if pair[0] in single}


@pytest.mark.parametrize("shape", OTHER_SHAPES)
def test_other_shapes_of_our_stacks_keep_the_rules(workspace: Workspace, shape: str) -> None:
    stack = shape.partition("-")[0]
    workspace.edit(stack, **OTHER_SHAPES[shape])

    outcome = run(workspace, stack, "preview")

    assert outcome.ok, outcome.stderr
    assert [finding.sentence for finding in judged(workspace, stack, outcome.events).stopping] == []


@pytest.mark.parametrize("shape", SHAPES_WITH_DATA)
def test_stacks_with_data_keep_the_rules_and_nothing_of_them_is_left_unpriced(workspace: Workspace, shape: str) -> None:
    stack = shape.partition("-")[0]
    workspace.edit(stack, **SHAPES_WITH_DATA[shape])

    outcome = run(workspace, stack, "preview")
    _, after = of_plan(outcome.events, load_usage("small"), load_sheet("us-east-1"))

    assert outcome.ok, outcome.stderr
    assert [finding.sentence for finding in judged(workspace, stack, outcome.events).stopping] == []
    assert {gap.what for gap in after.unknown} <= {"enhanced monitoring", "Container Insights"}, after.unknown
    assert {item.resource for item in after.items} >= {
        f"{stack}-{part}" for part in ("users-database", "contracts-results", "contracts-uploads", "contracts-jobs")
    }


def test_once_deployed_everything_is_known(workspace: Workspace) -> None:
    outcome = run(workspace, "prod", "up", "--yes", "--skip-preview")

    report = judged(workspace, "prod", outcome.events)
    assert outcome.ok, outcome.stderr
    assert [(one.rule.id, one.resource.name) for one in report.pending] == []
    assert [finding.sentence for finding in report.stopping] == []


def test_what_was_there_before_is_judged_again(workspace: Workspace) -> None:
    run(workspace, "dev", "up", "--yes", "--skip-preview")

    report = judged(workspace, "dev", run(workspace, "dev", "preview").events)

    assert report.pending == []
    assert report.ok
