"""The committed schema is what the installed SDK says, and it says it in the names of the wire."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.control import schema_gen

SCHEMA = json.loads(schema_gen.SCHEMA.read_text("utf-8"))
SCALARS = {"string", "integer", "number", "boolean", "any", "json", "asset", "archive"}


def held(token: str, path: str, side: str = "inputs") -> str:
    """Return the type at a path of nested objects, as in `healthCheck.port`."""
    first, *rest = path.split(".")
    kind = SCHEMA["resources"][token][side][first]
    for part in rest:
        kind = SCHEMA["types"][kind.rpartition("#")[2]]["properties"][part]
    return kind


def test_the_committed_file_is_what_the_installed_sdk_says() -> None:
    built = schema_gen.render(schema_gen.build(schema_gen.tokens()))
    assert built == schema_gen.SCHEMA.read_text("utf-8"), (
        "schema.json is out of date; run `python -m sandbox.control.schema_gen` and read the difference"
    )


# What the public API reference of each resource says.
@pytest.mark.parametrize(
    ("token", "path", "kind"),
    [
        ("aws:lb/targetGroup:TargetGroup", "healthCheck.healthyThreshold", "integer"),
        ("aws:lb/targetGroup:TargetGroup", "healthCheck.port", "string"),
        ("aws:lb/targetGroup:TargetGroup", "preserveClientIp", "string"),
        ("aws:lb/listenerRule:ListenerRule", "conditions.pathPattern.values", "[]string"),
        ("aws:lambda/function:Function", "code", "archive"),
        ("aws:lambda/function:Function", "runtime", "string"),
        ("aws:lambda/function:Function", "environment.variables", "{}string"),
        ("aws:lambda/function:Function", "vpcConfig.ipv6AllowedForDualStack", "boolean"),
        ("aws:ecs/service:Service", "networkConfiguration.assignPublicIp", "boolean"),
        ("aws:ecs/service:Service", "loadBalancers.containerPort", "integer"),
        ("aws:ecs/taskDefinition:TaskDefinition", "containerDefinitions", "string"),
        ("aws:apigatewayv2/stage:Stage", "defaultRouteSettings.throttlingRateLimit", "number"),
        ("aws:iam/role:Role", "assumeRolePolicy", "json"),
        ("aws:iam/role:Role", "managedPolicyArns", "[]string"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "threshold", "number"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "dimensions", "{}string"),
        ("aws:ec2/vpc:Vpc", "tags", "{}string"),
        ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "rules.filter.and.tags", "{}string"),
    ],
)
def test_inputs_have_the_types_of_the_reference(token: str, path: str, kind: str) -> None:
    assert held(token, path) == kind


@pytest.mark.parametrize(
    ("token", "required"),
    [
        ("aws:lambda/function:Function", ["role"]),
        ("aws:lb/listener:Listener", ["defaultActions", "loadBalancerArn"]),
        ("aws:ecs/service:Service", []),
        ("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", ["bucket", "rules"]),
    ],
)
def test_only_what_the_constructor_demands_is_required(token: str, required: list[str]) -> None:
    assert SCHEMA["resources"][token]["required"] == required


def test_outputs_hold_the_inputs_and_what_the_service_adds() -> None:
    for token, entry in SCHEMA["resources"].items():
        # By `compat` the SDK of releases says which one it is.
        assert set(entry["inputs"]) - {"compat"} <= set(entry["outputs"]), token
    assert held("aws:acm/certificate:Certificate", "domainValidationOptions.resourceRecordName", "outputs") == "string"


def test_every_type_that_is_referred_to_is_described() -> None:
    resources = [*SCHEMA["resources"].values(), *SCHEMA["provider"].values()]
    objects = [entry[side] for entry in resources for side in ("inputs", "outputs")]
    objects += [entry["properties"] for entry in SCHEMA["types"].values()]
    for properties in objects:
        for name, kind in properties.items():
            element = kind.replace("[]", "").replace("{}", "")
            assert element in SCALARS or element[1:] in SCHEMA["types"], f"{name}: {kind}"


def test_the_provider_takes_a_region_and_default_tags() -> None:
    inputs = SCHEMA["provider"][schema_gen.PROVIDER]["inputs"]
    assert inputs["region"] == "string"
    assert SCHEMA["types"][inputs["defaultTags"][1:]]["properties"] == {"tags": "{}string"}


def test_each_resource_is_one_line() -> None:
    lines = schema_gen.SCHEMA.read_text("utf-8").splitlines()
    for token in SCHEMA["resources"]:
        assert sum(line.startswith(f'"{token}":') for line in lines) == 1


def test_a_type_that_the_sdk_lacks_is_named() -> None:
    with pytest.raises(schema_gen.SchemaError, match="no resource class Queues in aws:sqs/queues"):
        schema_gen.build(["aws:sqs/queues:Queues"])


def test_the_generator_writes_what_it_builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schema_gen, "SCHEMA", tmp_path / "schema.json")
    monkeypatch.setattr(schema_gen, "tokens", lambda: ["aws:sqs/queue:Queue"])
    schema_gen.main()
    assert list(json.loads((tmp_path / "schema.json").read_text("utf-8"))["resources"]) == ["aws:sqs/queue:Queue"]
