"""What is printed as JSON is what the published schema says."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from automation import operations
from automation.errors import Exit
from automation.operations import Result
from automation.plan import Plan, build
from automation.plan.document import SCHEMA
from automation.plan.remarks import remarks
from tests.automation import events, scenarios

PUBLISHED = json.loads((Path(__file__).parents[2] / "docs" / "plan.schema.json").read_text())
RECORDED = sorted(path.stem for path in events.RECORDED.glob("*.jsonl"))
validator = jsonschema_rs.validator_for(PUBLISHED)


def document(*plans: Plan) -> dict[str, Any]:
    results = [Result(plan.stack, plan, Exit.DONE, 1.5) for plan in plans]
    return json.loads(json.dumps(operations.document(results, "notice")))


def built() -> list[Plan]:
    found = (scenarios.database_events(), scenarios.rotation_events(), scenarios.large_events(60))
    return [build("prod", each) for each in found]


@pytest.mark.parametrize("name", RECORDED)
def test_a_real_plan_is_what_the_schema_says(name: str) -> None:
    validator.validate(document(events.plan_of(name)))


def test_several_stacks_are_one_document_with_totals() -> None:
    whole = document(events.plan_of("switch"), events.plan_of("network", "prod"), *built())
    validator.validate(whole)
    assert whole["schema"] == SCHEMA == PUBLISHED["properties"]["schema"]["const"]
    for op, count in whole["summary"].items():
        assert count == sum(stack["summary"][op] for stack in whole["stacks"])


def test_every_topic_is_published() -> None:
    plans = [*(events.plan_of(name) for name in RECORDED), *built()]
    topics = {remark.topic for plan in plans for remark in remarks(plan)}
    assert topics <= set(PUBLISHED["$defs"]["remark"]["properties"]["topic"]["enum"])


@pytest.mark.parametrize("place", ["schema", "summary", "stacks"])
def test_a_document_that_lacks_something_is_refused(place: str) -> None:
    broken = copy.deepcopy(document(events.plan_of("switch")))
    del broken[place]
    assert not validator.is_valid(broken)


@pytest.mark.parametrize("field", ["diff", "causes", "op", "urn", "noise"])
def test_a_change_that_lacks_something_is_refused(field: str) -> None:
    broken = document(events.plan_of("switch"))
    del broken["stacks"][0]["changes"][0][field]
    assert not validator.is_valid(broken)


def test_a_program_reads_what_changes_without_reading_sentences() -> None:
    (stack,) = document(events.plan_of("network"))["stacks"]
    assert stack["mode"] == {"before": "serverless", "after": "serverless"}
    (vpc,) = [change for change in stack["changes"] if change["type"] == "aws:ec2/vpc:Vpc"]
    assert vpc["diff"] == [
        {"path": "cidrBlock", "before": "10.20.0.0/16", "after": "10.99.0.0/16", "replaces": True, "noise": None}
    ]
    (gateway,) = [change for change in stack["changes"] if change["type"] == "aws:ec2/internetGateway:InternetGateway"]
    assert gateway["diff"][0]["after"] == "[unknown]"
