"""What each stack registers, in either mode: the whole graph by type and name, its tags, and what a switch leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.fargate_traffic import probe_priority
from components.route import priority
from components.service import ImageArtifact, ZipArtifact
from stacks import deploy as deploying
from stacks import program
from stacks.errors import SettingsError
from stacks.load import Resolved, resolve
from stacks.mapping import front_door_args, lambda_options, scaling, secret_ref, service_args
from stacks.settings import Compute
from tests.components.conftest import Recorded, Recording, record

Accepted = Callable[..., Resolved]
Deployed = Callable[[str, str], Recording]

GRAPHS = Path(__file__).parent / "graphs"
PACKAGE = ZipArtifact(path=__file__, sha256="c2hhMjU2")
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:" + "ab" * 32
MODES = ("serverless", "container")

# AWS takes no narrower resource for these.
WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken",
    "logs:DescribeLogGroups",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the package, which takes seconds to build; return the architectures it was asked for."""
    asked: list[str] = []

    def bundle(root: Path, architecture: str, commit: str | None = None) -> ZipArtifact:
        asked.append(architecture)
        return PACKAGE

    monkeypatch.setattr(deploying, "bundle", bundle)
    return asked


@pytest.fixture(scope="module")
def deployed() -> Deployed:
    """Deploy a stack of the repository in a mode, once for all tests that only look at it."""

    @cache
    def run(stack: str, mode: str) -> Recording:
        placement = {"modeshift:container": {"placement": "public"}} if stack == "dev" else {}
        config = {"aws:region": "us-east-1", "modeshift:mode": mode, "modeshift:image": IMAGE, **placement}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deploying, "bundle", lambda root, architecture, commit=None: PACKAGE)
            return record(lambda: deploying.deploy(resolve(stack, config), GRAPHS))

    return run


@pytest.fixture
def up(accepted: Accepted, built: list[str]) -> Callable[..., Recording]:
    """Deploy a stack with settings of the test's own; the value is its outputs."""

    def run(stack: str = "dev", **settings: Any) -> Recording:
        if stack == "dev":
            settings.setdefault("container", {"placement": "public"})
        resolved = accepted(stack, image=IMAGE, **settings)
        return record(lambda: deploying.deploy(resolved, GRAPHS))

    return run


def graph(recorded: Recording) -> list[str]:
    return sorted(f"{r.type} {r.name} < {r.parent}" for r in recorded)


def key(resource: Recorded) -> tuple[str, str, str]:
    return (resource.type, resource.name, resource.parent)


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
@pytest.mark.parametrize("mode", MODES)
def test_graph_is_the_recorded_one(deployed: Deployed, stack: str, mode: str) -> None:
    found = graph(deployed(stack, mode))
    golden = GRAPHS / f"{stack}-{mode}.txt"
    if os.environ.get("WRITE_GRAPHS"):
        golden.write_text("\n".join(found) + "\n", encoding="utf-8")
    expected = golden.read_text(encoding="utf-8").splitlines()
    assert len(found) == len(set(found))
    assert set(found) == set(expected), (
        f"The stack's resources changed. If that is meant, record them: WRITE_GRAPHS=1 pytest {Path(__file__).name}"
    )


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_switch_leaves_the_base_as_it_is(deployed: Deployed, stack: str) -> None:
    serverless, container = (
        {key(r): r.inputs for r in deployed(stack, mode) if r.custom and r.type != "pulumi:providers:aws"}
        for mode in MODES
    )
    shared = serverless.keys() & container.keys()
    of_base = ("components:Network::", "components:CustomerKey::", "components:HttpApi::")
    base = {k for k in serverless | container if any(part in k[2] for part in of_base)}
    assert base
    assert base <= shared
    changed = {k: sorted(p for p in serverless[k] if serverless[k][p] != container[k].get(p)) for k in shared}
    assert {k: v for k, v in changed.items() if v} == {
        ("aws:apigatewayv2/route:Route", f"{stack}-netprobe", f"modeshift:components:Route::{stack}-netprobe"): [
            "target"
        ],
        # It shows what there is.
        ("aws:cloudwatch/dashboard:Dashboard", f"{stack}-stack", f"modeshift:components:Dashboard::{stack}-stack"): [
            "dashboardBody"
        ],
    }


@pytest.mark.parametrize("mode", MODES)
def test_everything_carries_the_stacks_tags_and_its_own_name(up: Callable[..., Recording], mode: str) -> None:
    recorded = up("prod", mode=mode, owner="search", costCenter="4711", tags={"Team": "a", "Owner-Of-Data": "b"})
    (provider,) = recorded.all("pulumi:providers:aws")
    assert json.loads(provider.inputs["defaultTags"])["tags"] == {
        "Team": "a",
        "Owner-Of-Data": "b",
        "Environment": "prod",
        "Owner": "search",
        "Cost-Center": "4711",
        "modeshift:project": "project",
        "modeshift:stack": "prod",
    }
    assert [r.name for r in recorded if "tags" in r.inputs and r.inputs["tags"].get("Name") != r.name] == []


@pytest.mark.parametrize("mode", MODES)
def test_roles_name_what_they_act_on(deployed: Deployed, mode: str) -> None:
    policies = deployed("prod", mode).all("RolePolicy")
    assert policies
    for statement in (s for policy in policies for s in json.loads(policy.inputs["policy"])["Statement"]):
        assert all("*" not in action for action in statement["Action"]), statement
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= WITHOUT_RESOURCE, statement


@pytest.mark.parametrize("mode", MODES)
def test_only_keys_of_production_are_kept(deployed: Deployed, mode: str) -> None:
    kept = {(r.type, r.protect, r.retain) for r in deployed("prod", mode) if r.protect or r.retain}
    assert kept == {("aws:kms/key:Key", True, True), ("aws:kms/alias:Alias", True, True)}
    assert not [r for r in deployed("staging", mode) if r.protect or r.retain]


def test_stack_of_containers_builds_no_package(up: Callable[..., Recording], built: list[str]) -> None:
    up(mode="container")
    assert built == []


def test_package_is_built_once_for_all_functions(up: Callable[..., Recording], built: list[str]) -> None:
    services = {"netprobe": {"route": "/"}, "users": {"route": "/users"}}
    recorded = up(services=services, serverless={"architecture": "x86_64"})
    assert built == ["x86_64"]
    assert [f.inputs["architectures"] for f in recorded.all("lambda/function:Function")] == [["x86_64"], ["x86_64"]]


def test_services_of_both_modes_share_one_entry(up: Callable[..., Recording]) -> None:
    services = {"netprobe": {"route": "/"}, "users": {"route": "/users", "mode": "container"}}
    recorded = up(services=services)
    kinds = {made.name: made.inputs["integrationType"] for made in recorded.all("Integration")}
    assert kinds == {"dev-netprobe-lambda": "AWS_PROXY", "dev-users-link": "HTTP_PROXY"}
    assert len(recorded.all("Api")) == 1
    assert recorded.value["services"]["users"]["mode"] == "container"
    assert recorded.value["services"]["netprobe"]["mode"] == "serverless"


@pytest.mark.parametrize("front_door", ["http-api", "alb"])
@pytest.mark.parametrize("mode", MODES)
def test_service_on_its_way_is_on_both_computes(up: Callable[..., Recording], mode: str, front_door: str) -> None:
    shift = {"step": 3, "weights": {"lambda": 40, "fargate": 60}}
    sides = {"container": {"placement": "public", "architecture": "x86_64"}, "serverless": {"architecture": "arm64"}}
    recorded = up(mode=mode, frontDoor=front_door, services={"netprobe": {"route": "/", "shift": shift}}, **sides)
    assert recorded.one("lambda/function:Function").inputs["architectures"] == ["arm64"]
    definition = recorded.one("ecs/taskDefinition:TaskDefinition").inputs
    assert definition["runtimePlatform"]["cpuArchitecture"] == "X86_64"
    rule = recorded.one("ListenerRule", "dev-netprobe")
    assert [each["weight"] for each in rule.inputs["actions"][0]["forward"]["targetGroups"]] == [40, 60]
    assert rule.inputs["tags"]["modeshift:shift"] == "step 3: lambda=40 fargate=60"
    steady = {"aws:ecs/service:Service::dev-netprobe", "aws:lambda/alias:Alias::dev-netprobe"}
    assert steady <= set(rule.depends_on)
    facts = recorded.value["services"]["netprobe"]
    assert (facts["mode"], facts["traffic"], facts["step"]) == (mode, {"lambda": 40, "fargate": 60}, 3)
    assert facts["logGroup"] == ("/aws/lambda/dev-netprobe" if mode == "serverless" else "/ecs/dev-netprobe")


def test_move_behind_a_rest_api_changes_its_definition_and_keeps_the_rest(up: Callable[..., Recording]) -> None:
    def of_door(recorded: Recording) -> dict[tuple[str, str, str], Any]:
        return {key(r): r.inputs for r in recorded if r.custom and "RestApi::" in r.parent}

    serverless, container = (up(mode=mode, frontDoor="rest-api") for mode in MODES)
    before, after = of_door(serverless), of_door(container)
    assert {kind for kind, _, _ in before.keys() ^ after.keys()} == {"aws:lambda/permission:Permission"}
    changed = {k[0]: {p for p in before[k] if before[k][p] != after[k].get(p)} for k in before.keys() & after.keys()}
    assert {kind: names for kind, names in changed.items() if names} == {
        "aws:apigateway/restApi:RestApi": {"body"},
        "aws:apigateway/deployment:Deployment": {"triggers"},
    }
    assert serverless.value["url"] == container.value["url"]
    assert serverless.value["url"].endswith(".execute-api.us-east-1.amazonaws.com/live")
    assert serverless.value["frontDoor"] == "rest-api"


@pytest.mark.parametrize(("route", "fits"), [("/live", False), ("/live/on", False), ("/lively", True)])
def test_no_route_begins_as_the_stage_of_a_rest_api(up: Callable[..., Recording], route: str, *, fits: bool) -> None:
    services = {"netprobe": {"route": "/"}, "other": {"route": route}}
    up(services=services)
    if fits:
        up(frontDoor="rest-api", services=services)
    else:
        with pytest.raises(SettingsError, match=r"other\.route") as refused:
            up(frontDoor="rest-api", services=services)
        assert "begins as every path of a REST API does" in str(refused.value)


def test_outputs_say_where_to_look(deployed: Deployed) -> None:
    url = "https://dev-front-door-1a2b3c4.execute-api.us-east-1.amazonaws.com"
    assert deployed("dev", "serverless").value == {
        "url": url,
        "frontDoor": "http-api",
        "mode": "serverless",
        "region": "us-east-1",
        "networkId": "dev-network-vpc",
        "services": {
            "netprobe": {
                "mode": "serverless",
                "compute": "lambda",
                "traffic": {"lambda": 100},
                "version": "1",
                "url": url,
                "logGroup": "/aws/lambda/dev-netprobe",
            }
        },
        "logGroups": {"access": "/aws/vendedlogs/apis/dev-front-door", "flow": "dev-network-flow-1a2b3c4"},
        "alarmTopics": {
            severity: f"arn:aws:sns:us-east-1:123456789012:dev-alarms-{severity}-1a2b3c4"
            for severity in ("critical", "warning")
        },
    }


def test_stack_goes_to_the_account_it_names_alone(up: Callable[..., Recording], deployed: Deployed) -> None:
    (named,) = up(account="123456789012").all("pulumi:providers:aws")
    assert json.loads(named.inputs["allowedAccountIds"]) == ["123456789012"]
    (free,) = deployed("dev", "serverless").all("pulumi:providers:aws")
    assert "allowedAccountIds" not in free.inputs


def test_connection_outlives_the_longest_request(accepted: Accepted) -> None:
    services = {"netprobe": {"route": "/"}, "slow": {"route": "/slow", "timeout": 300}}
    assert front_door_args(accepted(frontDoor="alb", services=services).settings, None).idle_timeout == 305
    assert front_door_args(accepted().settings, None).idle_timeout == 60


def test_service_knows_its_environment(accepted: Accepted) -> None:
    settings = accepted("staging", services={"netprobe": {"route": "/", "env": {"LEVEL": "1"}}}).settings
    args = service_args(settings, "netprobe", Compute.FARGATE, artifact=ImageArtifact(reference=IMAGE), key_arn=None)
    assert args.environment == {
        "ENVIRONMENT": "staging",
        "SERVICES": "netprobe=/",
        "LEVEL": "1",
        "TRUSTED_PROXIES": "1",
        "PROXY_HEADER": "forwarded",
    }
    assert args.log_retention_days == 14


@pytest.mark.parametrize(
    ("compute", "front_door", "believed"),
    [
        (Compute.LAMBDA, "http-api", {"PROXY_HEADER": "forwarded"}),
        (Compute.LAMBDA, "alb", {}),
        (Compute.FARGATE, "alb", {"TRUSTED_PROXIES": "1"}),
        (Compute.LAMBDA, "rest-api", {}),
        (Compute.FARGATE, "rest-api", {"TRUSTED_PROXIES": "1"}),
        (Compute.FARGATE, "http-api", {"TRUSTED_PROXIES": "1", "PROXY_HEADER": "forwarded"}),
    ],
)
def test_service_knows_whom_to_believe_about_callers(
    accepted: Accepted, compute: Compute, front_door: str, believed: dict[str, str]
) -> None:
    settings = accepted(frontDoor=front_door).settings
    args = service_args(settings, "netprobe", compute, artifact=ImageArtifact(reference=IMAGE), key_arn=None)
    assert {name: args.environment[name] for name in args.environment if "PROX" in name} == believed


def test_scaling_is_taken_over_in_the_order_of_names(accepted: Accepted) -> None:
    given = {
        "min": 2,
        "max": 8,
        "spotPercent": 50,
        "steps": [{"cpuPercent": 80, "change": 2}],
        "schedules": {
            "night": {"cron": "cron(0 20 ? * * *)", "min": 1, "max": 2},
            "day": {"cron": "cron(0 8 ? * MON-FRI *)", "min": 3, "max": 8, "timezone": "Europe/Berlin"},
        },
    }
    made = scaling(
        accepted(services={"netprobe": {"route": "/", "scaling": given}}).settings.services["netprobe"].scaling
    )
    assert (made.min, made.max, made.spot_percent) == (2, 8, 50)
    assert [(s.name, s.timezone) for s in made.schedules] == [("day", "Europe/Berlin"), ("night", "UTC")]
    assert [(s.cpu_percent, s.change) for s in made.steps] == [(80, 2)]


def test_functions_get_what_only_functions_have(accepted: Accepted) -> None:
    given = {"snapStart": True, "tracing": False, "reservedConcurrency": 7, "deadLetter": False}
    made = lambda_options(accepted(serverless=given).settings.serverless)
    assert (made.snap_start, made.tracing, made.reserved_concurrency, made.dead_letter) == (True, False, 7, False)


@pytest.mark.parametrize("part", ["", ":groq::", ":groq:AWSPREVIOUS:", "::AWSPENDING:", ":::a1b2"])
def test_secret_is_read_from_the_very_version_that_is_named(part: str) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dev/llm-AbCdEf"
    found = secret_ref("GROQ", f"{arn}{part}")
    assert (found.name, found.arn) == ("GROQ", arn)
    assert record(lambda: found.reference).value == f"{arn}{part}"


def meeting(kind: str) -> tuple[str, str]:
    """Return two names or paths that want one place; among ten thousand there are some."""
    seen: dict[int, str] = {}
    for number in range(10_000):
        name = f"p{number}"
        place = priority(f"/{name}") if kind == "path" else probe_priority(f"dev-{name}")
        if (other := seen.setdefault(place, name)) != name:
            return min(other, name), max(other, name)
    return pytest.fail("no two want one place")


def test_two_paths_that_want_one_place_are_refused_before_anything_is_made(
    up: Callable[..., Recording], built: list[str]
) -> None:
    first, second = meeting("path")
    services = {"root": {"route": "/"}, "first": {"route": f"/{first}"}, "second": {"route": f"/{second}"}}
    with pytest.raises(SettingsError, match=rf"modeshift:services\.second\.route[\s\S]*/{first} of first"):
        up(services=services)
    assert built == []


def test_two_names_that_want_one_place_are_refused(up: Callable[..., Recording]) -> None:
    first, second = meeting("name")
    with pytest.raises(SettingsError, match=rf"modeshift:services\.{second}[\s\S]*probes as {first}"):
        up(services={first: {"route": "/"}, second: {"route": "/b"}})


def test_path_too_deep_for_a_place_is_refused(up: Callable[..., Recording]) -> None:
    with pytest.raises(SettingsError, match="has too many segments"):
        up(services={"root": {"route": "/"}, "deep": {"route": "/a" * 9}})


def test_mistake_in_the_settings_ends_the_program_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_root_directory", lambda: str(GRAPHS))
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"modeshift:mode": "containers", "modeshift:environment": "dev"}))
    with pytest.raises(pulumi.RunError, match="containers"):
        record(program.main)


def test_whole_config_is_read_however_the_host_hands_it_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"modeshift:owner": "a", "modeshift:modee": "x"}))
    assert program.engine_config() == {"modeshift:owner": "a", "modeshift:modee": "x"}

    def called() -> dict[str, str]:
        pulumi.runtime.set_all_config({"modeshift:owner": "b"})
        return program.engine_config()

    assert record(lambda: pulumi.Output.from_input(called())).value["modeshift:owner"] == "b"


def test_keys_plans_and_a_firewall_are_made(up: Callable[..., Recording]) -> None:
    recorded = up(
        frontDoor="rest-api",
        services={"netprobe": {"route": "/", "apiKey": True}},
        restApi={"clients": {"partner": {"quota": 1000, "period": "month"}}},
        firewall={"countries": ["DE"]},
    )
    plan = recorded.one("usagePlan:UsagePlan").inputs
    assert plan["throttleSettings"] == {"rateLimit": 50, "burstLimit": 100}
    assert plan["quotaSettings"] == {"limit": 1000, "period": "MONTH"}
    document = json.loads(recorded.one("apigateway/restApi:RestApi").inputs["body"])
    assert document["paths"]["/"]["x-amazon-apigateway-any-method"]["security"] == [{"api_key": []}]
    assert "webAcl" in recorded.one("WebAclAssociation").inputs["webAclArn"]


@pytest.mark.parametrize("mode", MODES)
def test_every_alarm_of_a_stack_tells_somebody_and_is_on_the_page(deployed: Deployed, mode: str) -> None:
    recorded = deployed("prod", mode)
    alarms = recorded.all("MetricAlarm")
    assert alarms
    assert [alarm.name for alarm in alarms if not alarm.inputs.get("alarmActions")] == []
    shown = json.loads(recorded.one("cloudwatch/dashboard:Dashboard").inputs["dashboardBody"])["widgets"][0]
    assert len(shown["properties"]["alarms"]) == len(alarms)


def test_a_stack_may_do_without_a_page(up: Callable[..., Recording]) -> None:
    assert up(dashboard=False).all("cloudwatch/dashboard:Dashboard") == []
