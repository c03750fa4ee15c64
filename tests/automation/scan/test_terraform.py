"""From recorded previews to Terraform plans."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from automation.scan.names import RESOURCES
from automation.scan.terraform import TerraformPlan, terraform_plan
from sandbox.control.schema_gen import FACTS
from tests.automation.events import SECRET, UNKNOWN, recorded

FACT_TYPES = sorted(
    kind for file in FACTS.glob("*.yaml") for kind in yaml.safe_load(file.read_text("utf-8")) if kind.startswith("aws:")
)
QUEUE, LISTENER, ALARM = "aws:sqs/queue:Queue", "aws:lb/listener:Listener", "aws:cloudwatch/metricAlarm:MetricAlarm"


def urn(kind: str, name: str, parent: str = "") -> str:
    return f"urn:pulumi:dev::shop::{parent}{kind}::{name}"


def step(
    kind: str, name: str, op: str = "create", /, *, parent: str = "", old: Any = None, **inputs: Any
) -> dict[str, Any]:
    state = {"urn": urn(kind, name, parent), "type": kind, "inputs": inputs}
    before = {"inputs": old} if old else None
    return {
        "resourcePreEvent": {"metadata": {"op": op, "urn": state["urn"], "type": kind, "new": state, "old": before}}
    }


def values(plan: TerraformPlan, address: str) -> dict[str, Any]:
    resources = plan.document["planned_values"]["root_module"]["resources"]
    return next(one["values"] for one in resources if one["address"] == address)


def change(plan: TerraformPlan, address: str) -> dict[str, Any]:
    return next(one["change"] for one in plan.document["resource_changes"] if one["address"] == address)


def expressions(plan: TerraformPlan, address: str) -> dict[str, Any]:
    resources = plan.document["configuration"]["root_module"]["resources"]
    return next(one["expressions"] for one in resources if one["address"] == address)


def test_every_type_of_aws_that_the_sandbox_knows_has_one_terraform_name() -> None:
    assert sorted(RESOURCES) == FACT_TYPES
    assert len(set(RESOURCES.values())) == len(RESOURCES)


@pytest.mark.parametrize("name", ["first", "front-door", "network", "settings", "switch", "same"])
def test_every_aws_resource_of_a_preview_is_in_its_plan(name: str) -> None:
    events = recorded(name)
    steps = [event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event]
    there = {one["urn"] for one in steps if one["type"].startswith("aws:") and "delete" not in one["op"]}
    plan = terraform_plan(events)
    assert plan.unmapped == {}
    assert sorted(plan.names.values()) == sorted(one.rsplit("::", 1)[-1] for one in there)
    assert json.dumps(plan.document) == json.dumps(terraform_plan(events).document)


def test_no_name_stays_in_camel_case_and_nothing_unknown_or_internal_stays() -> None:
    for name in ("front-door", "switch"):
        document = terraform_plan(recorded(name)).document
        for resource in document["planned_values"]["root_module"]["resources"]:
            assert all(key == key.lower() for key in resource["values"])
            assert "__defaults" not in resource["values"]
        assert UNKNOWN not in json.dumps(document)


def test_objects_are_lists_of_one_block_maps_stay_and_lists_lose_their_plural() -> None:
    plan = terraform_plan(
        [
            step(
                LISTENER,
                "http",
                defaultActions=[{"type": "fixed-response", "fixedResponse": {"contentType": "text/plain"}}],
                tags={"costCenter": "x"},
            )
        ]
    )
    assert values(plan, "aws_lb_listener.http") == {
        "default_action": [{"type": "fixed-response", "fixed_response": [{"content_type": "text/plain"}]}],
        "tags": {"costCenter": "x"},
    }


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (ALARM, {"name": "a"}, {"alarm_name": "a"}),
        ("aws:lambda/permission:Permission", {"function": "f"}, {"function_name": "f"}),
        ("aws:lambda/function:Function", {"name": "f", "code": {"hash": "x"}}, {"function_name": "f"}),
        ("aws:route53/record:Record", {"aliases": [{"zoneId": "z"}]}, {"alias": [{"zone_id": "z"}]}),
        ("aws:apigatewayv2/route:Route", {"apiKeyRequired": False}, {"api_key_required": False}),
        (
            "aws:ecs/service:Service",
            {"capacityProviderStrategies": [{"weight": 1}], "placementConstraints": [{"type": "t"}]},
            {"capacity_provider_strategy": [{"weight": 1}], "placement_constraints": [{"type": "t"}]},
        ),
        (
            "aws:lb/loadBalancer:LoadBalancer",
            {"securityGroups": ["sg"], "enableHttp2": True},
            {"security_groups": ["sg"], "enable_http2": True},
        ),
        ("aws:sqs/queuePolicy:QueuePolicy", {"policy": '{"Statement": []}'}, {"policy": '{"Statement": []}'}),
    ],
)
def test_terraform_names(kind: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert values(terraform_plan([step(kind, "x", **given)]), f"{RESOURCES[kind]}.x") == expected


def test_what_is_unknown_or_secret_is_left_out_and_named() -> None:
    plan = terraform_plan(
        [
            step(
                "aws:lambda/function:Function",
                "f",
                role=UNKNOWN,
                environment={"variables": {"PLAIN": "1", "TOKEN": SECRET}},
                layers=["a", UNKNOWN],
            )
        ]
    )
    seen = change(plan, "aws_lambda_function.f")
    assert seen["after"] == {"environment": [{"variables": {"PLAIN": "1"}}], "layers": ["a", None]}
    assert seen["after_unknown"] == {
        "role": True,
        "environment": [{"variables": {"TOKEN": True}}],
        "layers": [False, True],
    }


def test_an_unknown_value_refers_to_where_it_comes_from() -> None:
    block, bucket = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "aws:s3/bucket:Bucket"
    plan = terraform_plan(
        [step(bucket, "logs", bucket="logs"), step(block, "logs", bucket=UNKNOWN, blockPublicAcls=True)],
        {urn(block, "logs"): {"bucket": frozenset({urn(bucket, "logs"), "urn:pulumi:dev::shop::other::x"})}},
    )
    assert expressions(plan, "aws_s3_bucket_public_access_block.logs") == {
        "bucket": {"references": ["aws_s3_bucket.logs"]}
    }


@pytest.mark.parametrize(
    ("op", "actions"),
    [("create", ["create"]), ("update", ["update"]), ("same", ["no-op"]), ("replace", ["delete", "create"])],
)
def test_actions(op: str, actions: list[str]) -> None:
    plan = terraform_plan([step(QUEUE, "q", op, delaySeconds=1, old={"delaySeconds": 2})])
    assert change(plan, "aws_sqs_queue.q")["actions"] == actions
    assert change(plan, "aws_sqs_queue.q")["before"] == {"delay_seconds": 2}


def test_what_is_deleted_is_not_there() -> None:
    events = [step(QUEUE, "gone", "delete"), step(QUEUE, "kept")]
    assert list(terraform_plan(events).names) == ["aws_sqs_queue.kept"]


def test_equal_logical_names_get_addresses_of_their_own() -> None:
    plan = terraform_plan([step(QUEUE, "a.b"), step(QUEUE, "a.b", parent="x:y:Z$"), step(QUEUE, "1")])
    assert plan.names == {"aws_sqs_queue._1": "1", "aws_sqs_queue.a_b": "a.b", "aws_sqs_queue.a_b_2": "a.b"}


def test_a_type_without_a_terraform_name_is_counted() -> None:
    plan = terraform_plan([step("aws:sdb/domain:Domain", "one"), step("aws:sdb/domain:Domain", "two")])
    assert plan.unmapped == {"aws:sdb/domain:Domain": 2}
