"""From a run's events to what the policies say of it."""

from __future__ import annotations

import json
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from automation import policies
from automation.errors import UserError
from policy.judge import Report
from policy.suppressions import Suppression

KEY, QUEUE = "aws:kms/key:Key", "aws:sqs/queue:Queue"
BUCKET, BLOCK = "aws:s3/bucket:Bucket", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
TAGS = {"Owner": "o", "Environment": "prod", "Cost-Center": "c"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def urn(name: str, kind: str) -> str:
    return f"urn:pulumi:prod::shop::{kind}::{name}"


def step(name: str, kind: str, op: str = "create", outputs: dict[str, Any] | None = None, **inputs: Any) -> dict:
    """Return the event of one step; with `outputs`, of its end."""
    state = {"urn": urn(name, kind), "type": kind, "inputs": inputs, "outputs": outputs or {}}
    metadata = {"op": op, "urn": state["urn"], "type": kind, "new": state}
    return {"resourcePreEvent" if outputs is None else "resOutputsEvent": {"metadata": metadata}}


def key(name: str = "key", op: str = "create", *, rotates: bool = False) -> dict:
    return step(name, KEY, op, enableKeyRotation=rotates, policy="{}", tags=TAGS)


def judged(*events: dict, suppressions: tuple[Suppression, ...] = (), **options: Any) -> Report:
    return policies.judge(events, environment="prod", suppressions=suppressions, today=date(2026, 1, 1), **options)


def broken(report: Report) -> list[str]:
    return [finding.rule.id for finding in report.findings]


@pytest.mark.parametrize("op", ["create", "update", "same", "replace", "create-replacement", "import", "refresh"])
def test_what_is_there_after_the_run_is_judged(op: str) -> None:
    assert broken(judged(key(op=op))) == ["MS-KMS-001"]


@pytest.mark.parametrize("op", ["delete", "delete-replaced", "discard"])
def test_what_is_gone_is_not(op: str) -> None:
    assert broken(judged(key(op=op))) == []


def test_the_last_step_of_a_resource_counts() -> None:
    assert (
        broken(judged(key(op="create-replacement"), key(op="replace", rotates=True), key(op="delete-replaced"))) == []
    )


def test_other_events_and_resources_without_rules_are_passed_over() -> None:
    state = {"urn": urn("x", "random:index:Id"), "type": "random:index:Id", "inputs": None}
    events = [{"preludeEvent": {}}, {"resourcePreEvent": {"metadata": {"op": "create", "urn": "x", "new": state}}}]

    assert judged(*events) == Report(environment="prod", findings=[], pending=[], kept=[])


BUCKET_EVENTS = (
    step("data", BUCKET, outputs={"arn": UNKNOWN, "bucket": UNKNOWN}, tags=TAGS),
    step("data", BLOCK, outputs={"bucket": UNKNOWN}, bucket=UNKNOWN),
)


def test_what_belongs_together_is_told_by_where_values_come_from() -> None:
    sources = {urn("data", BLOCK): {"bucket": frozenset({urn("data", BUCKET)})}}

    def about_block(report: Report) -> tuple[bool, bool]:
        return "MS-S3-001" in broken(report), "MS-S3-001" in {one.rule.id for one in report.pending}

    assert about_block(judged(*BUCKET_EVENTS)) == (False, True)
    assert about_block(judged(*BUCKET_EVENTS, dependencies=sources)) == (False, False)
    assert about_block(judged(*BUCKET_EVENTS, dependencies={})) == (True, False)


def test_where_values_come_from_is_read_from_a_saved_plan(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    goals = {"a": {"goal": {"propertyDependencies": {"x": ["b"], "y": []}}}, "b": {"goal": {"type": "t"}}, "gone": {}}
    plan.write_text(json.dumps({"resourcePlans": goals}))

    assert policies.plan_dependencies(plan) == {"a": {"x": frozenset({"b"}), "y": frozenset()}, "b": {}}


def shown(report: Report) -> list[str]:
    console = Console(width=300, record=True, file=StringIO())
    console.print(policies.report_view(report))
    return console.export_text().splitlines()


def test_stops_are_told_with_their_remedy_and_advice_in_a_line_for_each_rule() -> None:
    groups = [
        step(f"log-{n}", "aws:cloudwatch/logGroup:LogGroup", retentionInDays=7, kmsKeyId="k", tags=TAGS)
        for n in range(5)
    ]

    *lines, last = shown(judged(key(), *groups))
    assert lines == [
        "stops: MS-KMS-001 key does not rotate (enableKeyRotation). Set `enableKeyRotation`.",
        "advice: MS-LOG-002 Logs are kept for a year: not log-0, log-1, log-2 and 2 more.",
    ]
    assert last.startswith("Policies (prod): ")
    assert last.endswith(" checks kept, 1 broken, 5 to consider.")


def test_exceptions_and_what_is_not_known_are_counted() -> None:
    exception = Suppression(
        rule="MS-KMS-001", resource="key", reason="It signs, and such keys do not rotate.", expires=date(2026, 1, 1)
    )
    report = judged(key(), step("jobs", QUEUE, kmsMasterKeyId=UNKNOWN), suppressions=(exception,))

    assert report.ok is False
    assert "1 excepted" in policies.summary(report)
    assert "not known yet" in policies.summary(report)


def test_no_value_of_a_property_is_ever_told() -> None:
    report = judged(
        step(
            "app",
            "aws:lambda/function:Function",
            runtime="hunter2-runtime",
            environment={"variables": {"PASSWORD": "hunter2"}},
            tags=TAGS,
        )
    )

    assert "MS-LAM-013" in broken(report)
    assert "hunter2" not in json.dumps(report.document()) + "".join(shown(report))


def test_mistakes_in_exceptions_are_a_sentence_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "suppressions.yaml"
    path.write_text("- {rule: MS-KMS-001, resource: key}")

    with pytest.raises(UserError) as raised:
        policies.exceptions(path)

    assert raised.value.message == (
        "suppressions.yaml has mistakes: entry 1, reason: Field required; entry 1, expires: Field required."
    )
    assert "docs/policies.md" in raised.value.hint
