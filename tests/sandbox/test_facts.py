"""The facts of the resource types agree with the SDK, with each other and with AWS's limits on names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import sandbox.control.facts as facts_module
from sandbox.control import paths, schema_gen
from sandbox.control.facts import Catalog, ResourceType
from sandbox.control.hooks import HOOKS
from sandbox.control.rules import compile_rule
from sandbox.control.wire import Value

FOLDER = Path(facts_module.__file__).parent / "facts"
CATALOG = Catalog()
TYPES = [kind for token in CATALOG.tokens if (kind := CATALOG.get(token)) is not None]
FILES = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}

LISTS = {"required", "replace", "exclusive", "refs", "blocks", "unique", "sets", "json", "secret"}
MAPPINGS = {"name", "recompute", "outputs", "unset", "defaults", "requires", "check", "apply_check"}
FLAGS = {"delete_first", "framework", "put", "tags"}
PYTHON = {"string": str, "json": str, "integer": int, "number": (int, float), "boolean": bool, "any": object}

# The longest name that AWS takes, as its API references state it.
NAME_LIMITS = {
    "aws:cloudwatch/eventTarget:EventTarget": 64,
    "aws:cloudwatch/eventRule:EventRule": 64,
    "aws:wafv2/webAcl:WebAcl": 128,
    "aws:apigateway/usagePlan:UsagePlan": 1024,
    "aws:apigateway/apiKey:ApiKey": 1024,
    "aws:apigateway/restApi:RestApi": 1024,
    "aws:apigatewayv2/api:Api": 128,
    "aws:apigatewayv2/stage:Stage": 128,
    "aws:apigatewayv2/vpcLink:VpcLink": 128,
    "aws:appautoscaling/policy:Policy": 256,
    "aws:appautoscaling/scheduledAction:ScheduledAction": 256,
    "aws:cloudwatch/logGroup:LogGroup": 512,
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": 512,
    "aws:cloudwatch/metricAlarm:MetricAlarm": 255,
    "aws:dynamodb/table:Table": 255,
    "aws:ec2/securityGroup:SecurityGroup": 255,
    "aws:ecr/repository:Repository": 256,
    "aws:ecs/cluster:Cluster": 255,
    "aws:ecs/service:Service": 255,
    "aws:eks/cluster:Cluster": 100,
    "aws:efs/fileSystem:FileSystem": 64,
    "aws:elasticache/serverlessCache:ServerlessCache": 40,
    "aws:iam/policy:Policy": 128,
    "aws:iam/role:Role": 64,
    "aws:iam/rolePolicy:RolePolicy": 128,
    "aws:kms/alias:Alias": 256,
    "aws:lambda/alias:Alias": 128,
    "aws:lambda/function:Function": 64,
    "aws:lambda/permission:Permission": 100,
    "aws:lb/loadBalancer:LoadBalancer": 32,
    "aws:lb/targetGroup:TargetGroup": 32,
    "aws:rds/instance:Instance": 63,
    "aws:rds/parameterGroup:ParameterGroup": 255,
    "aws:rds/proxy:Proxy": 63,
    "aws:rds/subnetGroup:SubnetGroup": 255,
    "aws:pipes/pipe:Pipe": 64,
    "aws:s3/bucket:Bucket": 63,
    "aws:scheduler/schedule:Schedule": 64,
    "aws:secretsmanager/secret:Secret": 512,
    "aws:sns/topic:Topic": 256,
    "aws:sqs/queue:Queue": 80,
    "kubernetes:helm.sh/v3:Release": 53,
}

RANGE = r"(-?\d+(\.\d+)?)?\.\.(-?\d+(\.\d+)?)?"
PLACEHOLDER = re.compile(r"\{([A-Za-z][^{}]*)\}")
FIXED = re.compile(r"id|account|region|partition|uuid|now|(hex|HEX|digits|alnum)\d+(:\w+)?")

every_type = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.token)


def held(kind: ResourceType, text: str, *, outputs: bool = False) -> str | None:
    """Return the type of the property at a path, or None when there is no such property."""
    first, *rest = paths.parse(text)
    found = (kind.outputs if outputs else kind.inputs).get(first)
    for part in rest:
        if found is None:
            return None
        if part == paths.EACH:
            found = found[2:] if found.startswith("[]") else None
        else:
            found = kind.objects[found[1:]].properties.get(part) if found.startswith("#") else None
    return found


def rules(kind: ResourceType) -> Iterator[tuple[str, str | list[Value]]]:
    for section in ("check", "apply_check"):
        yield from kind.facts.get(section, {}).items()


def texts(value: object) -> Iterator[str]:
    """Yield every text in a fact's value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)


def test_a_type_stands_in_the_file_of_its_module_and_every_file_is_served() -> None:
    described = {token: stem for stem, entries in FILES.items() for token in entries if not token.startswith("_")}
    assert {token: facts_module.module_of(token) for token in described} == described
    assert set(described) == set(CATALOG.tokens)


@every_type
def test_only_known_keys_are_used(kind: ResourceType) -> None:
    assert set(kind.facts) <= LISTS | MAPPINGS | FLAGS | {"id", "hook"}
    assert kind.hook is None or kind.hook in HOOKS


@every_type
def test_every_path_is_an_input_or_output_of_the_sdk(kind: ResourceType) -> None:
    facts = kind.facts
    inputs = [text for key in ("required", "replace", "sets", "json", "blocks") for text in facts.get(key, ())]
    inputs += [text for key in ("defaults", "unset", "refs", "requires") for text in facts.get(key, ())]
    inputs += [text for text, _ in rules(kind)]
    inputs += [text for group in facts.get("exclusive", ()) for text in group["props"]]
    inputs += [text for group in facts.get("unique", ()) for text in group]
    inputs += [text for causes in facts.get("recompute", {}).values() for text in causes]
    inputs += [text for needed in facts.get("requires", {}).values() for text in needed]
    inputs += [kind.naming.property] if kind.naming else []
    outputs = [text for key in ("outputs", "recompute", "secret") for text in facts.get(key, ())]
    assert [text for text in inputs if held(kind, text) is None] == []
    assert [text for text in outputs if held(kind, text, outputs=True) is None] == []


@every_type
def test_every_output_that_is_not_an_input_gets_a_value(kind: ResourceType) -> None:
    computed = set(kind.outputs) - set(kind.inputs) - {"region", "tagsAll"}
    assert computed == set(kind.facts.get("outputs", ()))


@every_type
def test_references_name_served_types_and_what_blocks_is_a_reference(kind: ResourceType) -> None:
    for reference in kind.refs.values():
        assert set(reference.kinds) <= set(CATALOG.tokens)
    assert kind.blocks <= set(kind.refs)
    assert all(held(kind, text) == "string" for text in kind.refs)


@every_type
def test_templates_use_known_placeholders(kind: ResourceType) -> None:
    for text in texts([kind.id, kind.facts.get("outputs"), kind.facts.get("unset")]):
        for name in PLACEHOLDER.findall(text):
            function, _, argument = name.partition(":")
            if FIXED.fullmatch(name):
                continue
            if function == "lookup":
                prop, _, wanted = argument.partition(":")
                assert prop in kind.refs
                targets = [CATALOG.get(token) for token in kind.refs[prop].kinds]
                assert all(target and held(target, wanted, outputs=True) for target in targets), name
                continue
            used = argument.split("|") if function == "crc32" else [argument.split(":")[0]]
            for prop in used if function in {"crc32", "case", "after"} else [name]:
                assert held(kind, prop, outputs=True), f"{name} in {text}"


@every_type
def test_rules_are_written_in_the_language(kind: ResourceType) -> None:
    for path, rule in rules(kind):
        compile_rule(rule)
        for part in rule.split("; ") if isinstance(rule, str) else ():
            known = re.fullmatch(rf"json|arn|cidr|ip|((len|items) )?{RANGE}", part)
            # A word that is none of these is a regular expression, and those are anchored: so typing errors show.
            assert (known and part != "..") or part[0] == "^" or part[-1] == "$", f"{path}: {part}"


@every_type
def test_rules_fit_the_type_of_their_property(kind: ResourceType) -> None:
    for path, rule in rules(kind):
        found = held(kind, path) or ""
        if isinstance(rule, list):
            assert found in PYTHON, f"{path}: an enumeration of {found}"
            assert all(type(item) in (PYTHON[found], int) for item in rule if found == "integer"), path
            assert all(isinstance(item, str) for item in rule if found == "string"), path
        elif rule.startswith("items "):
            assert found.startswith("[]"), path
        elif re.fullmatch(RANGE, rule):
            assert found in {"integer", "number", "string"}, path
        else:
            # A number with gaps in its range, such as a period, is judged as text.
            assert found in {"string", "json", "integer"}, f"{path}: {rule!r} on {found}"


@every_type
def test_defaults_have_the_type_of_their_property_and_obey_its_rules(kind: ResourceType) -> None:
    for path, value in kind.facts.get("defaults", {}).items():
        expected = PYTHON.get(held(kind, path) or "")
        assert type(value) in (expected if isinstance(expected, tuple) else (expected,)), f"{path}: {value!r}"
        for rule in (rule for checked, rule in rules(kind) if checked == path):
            assert compile_rule(rule)(path, value, repr(value)) is None


@every_type
def test_what_is_filled_in_has_the_type_of_its_property(kind: ResourceType) -> None:
    filled = [(text, held(kind, text), value) for text, value in kind.facts.get("unset", {}).items()]
    filled += [(text, held(kind, text, outputs=True), value) for text, value in kind.facts.get("outputs", {}).items()]
    for text, found, value in filled:
        assert found is not None
        expected = PYTHON.get(found, list if found.startswith("[]") else dict)
        whole = isinstance(value, str) and PLACEHOLDER.fullmatch(value)
        assert isinstance(value, expected) or whole, f"{text}: {value!r} for {found}"


@every_type
def test_generated_names_are_within_the_limit_of_aws(kind: ResourceType) -> None:
    naming = kind.naming
    if naming is None:
        assert "name" not in kind.inputs or "name" in kind.required, "the bridge names every optional `name`"
        return
    assert len(naming.prefix) + naming.max <= NAME_LIMITS[kind.token]
    name = (naming.prefix + "abc-" * 64)[: naming.max - naming.random] + "0" * naming.random
    for path, rule in rules(kind):
        if path == naming.property:
            assert compile_rule(rule)(path, name, name) is None


@every_type
def test_tags_and_policies_are_marked_where_the_sdk_has_them(kind: ResourceType) -> None:
    assert kind.tagged == ("tagsAll" in kind.outputs)
    documents = {name for name, found in kind.inputs.items() if found == "json"}
    assert documents <= set(kind.facts.get("json", ()))


@every_type
def test_secret_outputs_are_those_that_the_sdk_keeps_secret(kind: ResourceType) -> None:
    module, file, base = schema_gen.place(kind.token)
    source = schema_gen.sources(module, file)[base]
    found = re.search(r"additional_secret_outputs=\[(.*?)\]", source)
    assert kind.secret == set(re.findall(r'"(\w+)"', found[1] if found else ""))


@every_type
def test_groups_of_inputs_compile(kind: ResourceType) -> None:
    assert [group.kind for group in kind.groups] == [group["kind"] for group in kind.facts.get("exclusive", ())]
    assert {group.kind for group in kind.groups} <= {"conflicts", "exactly_one_of", "at_least_one_of"}


@every_type
def test_lists_compared_without_order_are_lists(kind: ResourceType) -> None:
    assert all((held(kind, text) or "").startswith("[]") for text in kind.facts.get("sets", ()))


def test_the_exceptions_to_create_before_delete() -> None:
    assert {kind.token for kind in TYPES if kind.delete_first} == {
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "aws:efs/mountTarget:MountTarget",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    }
    assert {kind.token for kind in TYPES if kind.framework} == {
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
        "aws:elasticache/serverlessCache:ServerlessCache",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "kubernetes:helm.sh/v3:Release",
    }


# Deletes that AWS refuses: the type that would be deleted, and a type and input that hold it.
@pytest.mark.parametrize(
    ("target", "holder", "path"),
    [
        ("aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "vpcId"),
        ("aws:ec2/vpc:Vpc", "aws:ec2/internetGateway:InternetGateway", "vpcId"),
        ("aws:ec2/vpc:Vpc", "aws:ec2/securityGroup:SecurityGroup", "vpcId"),
        ("aws:ec2/vpc:Vpc", "aws:ec2/vpcEndpoint:VpcEndpoint", "vpcId"),
        ("aws:ec2/subnet:Subnet", "aws:ec2/natGateway:NatGateway", "subnetId"),
        ("aws:ec2/subnet:Subnet", "aws:lb/loadBalancer:LoadBalancer", "subnets[]"),
        ("aws:ec2/subnet:Subnet", "aws:ecs/service:Service", "networkConfiguration.subnets[]"),
        ("aws:ec2/subnet:Subnet", "aws:lambda/function:Function", "vpcConfig.subnetIds[]"),
        ("aws:ec2/subnet:Subnet", "aws:apigatewayv2/vpcLink:VpcLink", "subnetIds[]"),
        ("aws:ec2/eip:Eip", "aws:ec2/natGateway:NatGateway", "allocationId"),
        (
            "aws:ec2/securityGroup:SecurityGroup",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "referencedSecurityGroupId",
        ),
        ("aws:ec2/securityGroup:SecurityGroup", "aws:lb/loadBalancer:LoadBalancer", "securityGroups[]"),
        ("aws:ec2/securityGroup:SecurityGroup", "aws:ecs/service:Service", "networkConfiguration.securityGroups[]"),
        ("aws:lb/targetGroup:TargetGroup", "aws:lb/listenerRule:ListenerRule", "actions[].targetGroupArn"),
        ("aws:lb/targetGroup:TargetGroup", "aws:lb/listener:Listener", "defaultActions[].forward.targetGroups[].arn"),
        ("aws:ec2/securityGroup:SecurityGroup", "aws:rds/instance:Instance", "vpcSecurityGroupIds[]"),
        ("aws:rds/subnetGroup:SubnetGroup", "aws:rds/instance:Instance", "dbSubnetGroupName"),
        ("aws:rds/parameterGroup:ParameterGroup", "aws:rds/instance:Instance", "parameterGroupName"),
        ("aws:efs/fileSystem:FileSystem", "aws:efs/mountTarget:MountTarget", "fileSystemId"),
        ("aws:ecs/cluster:Cluster", "aws:ecs/service:Service", "cluster"),
        ("aws:apigatewayv2/vpcLink:VpcLink", "aws:apigatewayv2/integration:Integration", "connectionId"),
        ("aws:apigatewayv2/integration:Integration", "aws:apigatewayv2/route:Route", "target"),
        ("aws:apigatewayv2/api:Api", "aws:apigatewayv2/apiMapping:ApiMapping", "apiId"),
        ("aws:acm/certificate:Certificate", "aws:lb/listener:Listener", "certificateArn"),
        ("aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy", "role"),
        ("aws:iam/role:Role", "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "role"),
    ],
)
def test_deletes_that_aws_refuses_are_refused(target: str, holder: str, path: str) -> None:
    kind = CATALOG.get(holder)
    assert kind is not None
    assert path in kind.blocks
    assert target in kind.refs[path].kinds
