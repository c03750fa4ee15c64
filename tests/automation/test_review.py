"""What is said of a preview besides its plan: broken policies and budgets fail it, standing advice is no news."""

from __future__ import annotations

import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from automation.errors import Exit
from automation.operations import Result
from automation.plan import build
from automation.project import Project
from automation.review import Review, review, review_view
from stacks.load import Resolved, resolve

RECORDED = Path(__file__).parent / "recorded"
TODAY = date(2026, 11, 1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, tmp_path / ".modeshift")


def resolved(**settings: object) -> Resolved:
    return resolve("dev", {"aws:region": "us-east-1", **{f"modeshift:{key}": value for key, value in settings.items()}})


def previewed(recording: str, code: Exit = Exit.DONE) -> Result:
    events = [json.loads(line) for line in (RECORDED / f"{recording}.jsonl").read_text().splitlines()]
    return Result("dev", build("dev", events), code, 1.0, events=events)


def said(made: Review) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(review_view(made))
    return console.export_text()


def test_a_first_deployment_is_judged_and_priced(project: Project) -> None:
    made = review(project, resolved(), previewed("first"), TODAY)

    assert made.code is Exit.DONE
    assert made.policies is not None
    assert made.costs is not None
    report = made.report()
    assert report.policies is not None
    assert report.policies.checked > 40
    assert report.policies.advisory
    assert not report.policies.standing
    assert report.cost is not None
    assert report.cost.before == 0
    assert report.cost.prices_of == made.costs.after.sheet.newest.isoformat()
    assert "Policies (dev)" in said(made)


def test_advice_on_what_is_there_already_is_counted_and_not_repeated(project: Project) -> None:
    made = review(project, resolved(), previewed("same"), TODAY)

    report = made.report()
    assert report.policies is not None
    assert report.policies.advisory == []
    assert sum(report.policies.standing.values()) > 3
    assert f"{sum(report.policies.standing.values())} more to consider, as before." in said(made)
    assert "advice" not in said(made)


@pytest.mark.parametrize(("monthly", "code"), [(1, Exit.POLICY), (10_000, Exit.DONE)])
def test_a_budget_decides(project: Project, monthly: int, code: Exit) -> None:
    made = review(project, resolved(budget={"monthly": monthly}), previewed("first"), TODAY)

    assert made.code is code
    report = made.report()
    assert report.cost is not None
    assert report.cost.budget == Decimal(monthly)
    assert report.cost.over_budget is (code is Exit.POLICY)


def test_of_a_preview_that_failed_nothing_more_is_said(project: Project) -> None:
    made = review(project, resolved(budget={"monthly": 1}), previewed("failing", Exit.FAILED), TODAY)

    assert made.code is Exit.FAILED
    assert made.report().policies is None
    assert made.document() == {"policies": None, "cost": None}
    assert said(made).strip() == ""


def test_a_region_without_prices_has_unknown_costs_and_no_others(project: Project) -> None:
    there = resolve("dev", {"aws:region": "eu-central-1"})
    made = review(project, there, previewed("first"), TODAY)

    assert made.costs is None
    assert made.report().cost is None
    assert made.code is Exit.DONE


def test_the_document_is_json(project: Project) -> None:
    document = review(project, resolved(budget={"monthly": 1}), previewed("first"), TODAY).document()

    again = json.loads(json.dumps(document))
    assert again["cost"]["budget"]["exceeded"] is True
    assert again["policies"]["ok"] is True
