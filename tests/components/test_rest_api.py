"""The REST API as an entry: one definition, a deployment for each, and a URL that stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.domain import DomainName
from components.front_door import FrontDoor, FrontDoorArgs
from components.http_api import Throttle
from components.network import Network
from components.rest_api import Client
from components.rest_definition import Gate, Operation, RestRoute
from components.rest_limits import CacheSize
from components.service import LambdaTarget

Deploy = Callable[..., Any]
ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
ALIAS = "arn:aws:lambda:us-east-1:123456789012:function:users:live"
BALANCER = "dev-front-door-1a2b3c4.us-east-1.elb.amazonaws.com"


def function(alias: str = ALIAS) -> LambdaTarget:
    name, live, arn = (pulumi.Output.from_input(text) for text in ("users", "live", alias))
    return LambdaTarget(function_name=name, alias_name=live, alias_arn=arn, invoke_arn=arn)


@pytest.fixture
def rest(deploy: Deploy) -> Deploy:
    """Deploy a REST API that leads to services by path, each a function or behind the load balancer."""

    def run(routes: dict[str, str], *, alias: str = ALIAS, timeout: int = 28, **choices: Any) -> Any:
        def program() -> pulumi.Output[str]:
            args = FrontDoorArgs(kind="rest-api", containers="balancer" in routes.values(), **choices)
            door = FrontDoor("dev-front-door", args, network=Network("dev-network", flow_logs=False))
            ready = Network("dev-ready", flow_logs=False)
            for at, (path, kind) in enumerate(routes.items()):
                target = function(alias) if kind == "lambda" else door.behind
                door.add(RestRoute(name=f"dev-{at}", path=path, target=target, timeout=timeout, ready=[ready]))
            door.publish()
            return door.url

        return deploy(program)

    return run


def definition(recorded: Any) -> dict[str, Any]:
    return json.loads(recorded.one("apigateway/restApi:RestApi").inputs["body"])


def integrations(recorded: Any) -> dict[str, dict[str, Any]]:
    return {path: methods[ANY][INTEGRATION] for path, methods in definition(recorded)["paths"].items()}


def deployment(recorded: Any) -> Any:
    return recorded.one("apigateway/deployment:Deployment")


def test_every_path_below_a_route_goes_to_its_function(rest: Deploy) -> None:
    found = integrations(rest({"/": "lambda", "/users": "lambda"}))
    assert found.keys() == {"/", "/{proxy+}", "/users", "/users/{proxy+}"}
    for one in found.values():
        assert (one["type"], one["httpMethod"], one["uri"]) == ("aws_proxy", "POST", ALIAS)
        assert one["timeoutInMillis"] == 28_000


def test_containers_are_reached_by_the_link_and_get_the_whole_path(rest: Deploy) -> None:
    recorded = rest({"/users": "balancer"})
    found = integrations(recorded)
    assert {path: one["uri"] for path, one in found.items()} == {
        "/users": f"http://{BALANCER}/users",
        "/users/{proxy+}": f"http://{BALANCER}/users/{{proxy}}",
    }
    for one in found.values():
        assert (one["type"], one["httpMethod"], one["connectionType"]) == ("http_proxy", "ANY", "VPC_LINK")
        assert one["connectionId"] == "dev-front-door-link-id"
        assert ":loadbalancer/app/dev-front-door" in one["integrationTarget"]
    below = definition(recorded)["paths"]["/users/{proxy+}"][ANY]
    assert [parameter["name"] for parameter in below["parameters"]] == ["proxy"]
    assert below[INTEGRATION]["requestParameters"] == {
        "integration.request.path.proxy": "method.request.path.proxy",
    }
    assert recorded.all("Permission") == []


def test_api_gives_up_when_aws_does(rest: Deploy) -> None:
    assert {one["timeoutInMillis"] for one in integrations(rest({"/": "lambda"}, timeout=300)).values()} == {29_000}


def test_api_alone_may_invoke_a_function_and_only_its_alias(rest: Deploy) -> None:
    recorded = rest({"/": "lambda"})
    allowed = recorded.one("Permission").inputs
    assert (allowed["principal"], allowed["qualifier"]) == ("apigateway.amazonaws.com", "live")
    assert allowed["sourceArn"] == "arn:aws:execute-api:us-east-1:123456789012:dev-front-door-1a2b3c4/*"


def test_a_definition_is_deployed_once_all_it_leads_to_is_there(rest: Deploy) -> None:
    waits = deployment(rest({"/": "lambda"})).depends_on
    assert "aws:lambda/permission:Permission::dev-front-door-dev-0" in waits
    assert any(name.endswith("dev-ready") for name in waits)


def test_a_deployment_follows_the_definition_and_nothing_else(rest: Deploy) -> None:
    of = lambda *args, **choices: deployment(rest(*args, **choices)).inputs["triggers"]  # noqa: E731
    usual = of({"/": "lambda", "/users": "lambda"})
    assert of({"/users": "lambda", "/": "lambda"}) == usual
    assert of({"/": "lambda", "/users": "lambda"}, throttle=Throttle(rate=1, burst=2), access_logs=False) == usual
    for other in (
        of({"/": "lambda", "/people": "lambda"}),
        of({"/": "lambda", "/users": "balancer"}),
        of({"/": "lambda", "/users": "lambda"}, alias=f"{ALIAS}2"),
        of({"/": "lambda", "/users": "lambda"}, domain=DomainName(host="api.example.com", zone="example.com")),
    ):
        assert other != usual


def test_a_move_leaves_every_resource_of_the_api_in_place(rest: Deploy) -> None:
    def own(recorded: Any) -> dict[tuple[str, str, str], Any]:
        return {(r.type, r.name, r.parent): r.inputs for r in recorded if r.parent.endswith("RestApi::dev-front-door")}

    before, after = own(rest({"/": "lambda"})), own(rest({"/": "balancer"}))
    gone = {kind for kind, _, _ in before.keys() - after.keys()}
    assert gone == {"aws:lambda/permission:Permission"}
    assert after.keys() < before.keys()
    changed = {key[0]: [p for p in before[key] if before[key][p] != after[key].get(p)] for key in after}
    assert {kind: names for kind, names in changed.items() if names} == {
        "aws:apigateway/restApi:RestApi": ["body"],
        "aws:apigateway/deployment:Deployment": ["triggers"],
    }


def test_the_stage_is_the_last_part_of_the_url_throttled_and_traced(rest: Deploy) -> None:
    recorded = rest({"/": "lambda"}, throttle=Throttle(rate=50, burst=100))
    assert recorded.value == "https://dev-front-door-id.execute-api.us-east-1.amazonaws.com/live"
    stage = recorded.one("apigateway/stage:Stage").inputs
    assert (stage["stageName"], stage["xrayTracingEnabled"]) == ("live", True)
    limits = recorded.one("MethodSettings").inputs
    assert (limits["methodPath"], limits["stageName"]) == ("*/*", "live")
    assert limits["settings"] == {"throttlingRateLimit": 50, "throttlingBurstLimit": 100}


def test_bodies_stay_as_they_are_and_tls_is_new(rest: Deploy) -> None:
    recorded = rest({"/": "lambda"})
    api = recorded.one("apigateway/restApi:RestApi").inputs
    assert api["binaryMediaTypes"] == ["*/*"]
    assert "minimumCompressionSize" not in api
    assert api["endpointConfiguration"] == {"types": "REGIONAL"}
    assert "TLS13_1_2" in api["securityPolicy"]
    assert definition(recorded)["x-amazon-apigateway-security-policy"] == api["securityPolicy"]


def test_each_request_is_one_line_of_json_that_names_no_header_or_query(rest: Deploy) -> None:
    recorded = rest({"/": "lambda"}, log_retention_days=30, key_arn="arn:aws:kms:us-east-1:123456789012:key/k")
    group = recorded.one("LogGroup").inputs
    assert (group["retentionInDays"], group["kmsKeyId"]) == (30, "arn:aws:kms:us-east-1:123456789012:key/k")
    line = json.loads(recorded.one("apigateway/stage:Stage").inputs["accessLogSettings"]["format"])
    assert {"requestId", "status", "route", "integrationMilliseconds"} <= line.keys()
    assert not [value for value in line.values() if "header" in value.lower() or "query" in value.lower()]
    silent = rest({"/": "lambda"}, access_logs=False)
    assert silent.all("LogGroup") == []
    assert "accessLogSettings" not in silent.one("apigateway/stage:Stage").inputs


def test_a_name_is_shared_with_the_other_kind_of_api(rest: Deploy, deploy: Deploy) -> None:
    domain = DomainName(host="api.example.com", zone="example.com")
    recorded = rest({"/": "lambda"}, domain=domain)
    assert recorded.value == "https://api.example.com"
    assert recorded.one("apigateway/restApi:RestApi").inputs["disableExecuteApiEndpoint"] is True
    mapping = recorded.one("ApiMapping")
    assert (mapping.inputs["apiId"], mapping.inputs["stage"]) == ("dev-front-door-id", "live")
    # AWS maps a name to one API: the old mapping has to go first.
    assert mapping.delete_before_replace is True
    other = deploy(
        lambda: FrontDoor(
            "dev-front-door", FrontDoorArgs(domain=domain), network=Network("dev-network", flow_logs=False)
        )
    )
    for kind in ("apigatewayv2/domainName:DomainName", "ApiMapping", "Certificate"):
        one, same = recorded.one(kind), other.one(kind)
        assert (one.name, one.parent) == (same.name, same.parent)
    assert recorded.one("Record", "dev-front-door-alias").inputs == other.one("Record", "dev-front-door-alias").inputs


def test_services_learn_who_called_from_the_last_entry_whatever_is_in_between(rest: Deploy, deploy: Deploy) -> None:
    balancer = rest({"/": "balancer"}).one("lb/loadBalancer:LoadBalancer").inputs
    assert balancer["xffHeaderProcessingMode"] == "preserve"
    args = FrontDoorArgs(containers=True)
    other = deploy(lambda: FrontDoor("dev-front-door", args, network=Network("dev-network", flow_logs=False)))
    assert "xffHeaderProcessingMode" not in other.one("lb/loadBalancer:LoadBalancer").inputs


def test_web_acl_looks_at_the_stage(rest: Deploy) -> None:
    arn = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/ours/1"
    guard = rest({"/": "lambda"}, web_acl_arn=arn).one("WebAclAssociation").inputs
    assert guard["webAclArn"] == arn
    assert guard["resourceArn"].endswith("stage/dev-front-door-1a2b3c4")


def test_it_has_no_url_before_it_is_published(deploy: Deploy) -> None:
    def program() -> None:
        door = FrontDoor("dev-front-door", FrontDoorArgs(kind="rest-api"), network=Network("dev-network"))
        with pytest.raises(ValueError, match="no URL before it is published"):
            _ = door.url

    deploy(program)


def test_who_calls_with_a_key_has_one_and_a_plan(rest: Deploy) -> None:
    clients = {"partner": Client(quota=(10_000, "DAY")), "ci": Client(throttle=Throttle(rate=1, burst=2))}
    recorded = rest({"/": "lambda"}, clients=clients)
    assert [key.name for key in recorded.all("ApiKey")] == ["dev-front-door-ci", "dev-front-door-partner"]
    assert not any("value" in key.inputs for key in recorded.all("ApiKey")), "AWS makes keys, nobody writes them down"
    ci, partner = (plan.inputs for plan in recorded.all("usagePlan:UsagePlan"))
    assert partner["throttleSettings"] == {"rateLimit": 50, "burstLimit": 100}
    assert partner["quotaSettings"] == {"limit": 10_000, "period": "DAY"}
    assert (ci["throttleSettings"], "quotaSettings" in ci) == ({"rateLimit": 1, "burstLimit": 2}, False)
    assert {(bound.inputs["keyType"], bound.name) for bound in recorded.all("UsagePlanKey")} == {
        ("API_KEY", "dev-front-door-ci"),
        ("API_KEY", "dev-front-door-partner"),
    }


def test_only_what_says_how_long_it_holds_is_remembered(deploy: Deploy) -> None:
    def program(cache: CacheSize | None) -> Any:
        def run() -> None:
            door = FrontDoor(
                "dev-front-door",
                FrontDoorArgs(kind="rest-api", cache_gb=cache),
                network=Network("dev-network", flow_logs=False),
            )
            result = Operation(method="GET", path="/results/{hash}", cache_seconds=60)
            gate = Gate(operations=[result])
            door.add(RestRoute(name="dev-0", path="/contracts", target=function(), timeout=28, gate=gate))
            door.publish()

        return deploy(run)

    with_cache, without = program("0.5"), program(None)
    assert with_cache.one("apigateway/stage:Stage").inputs["cacheClusterSize"] == "0.5"
    everything, remembered = (each.inputs for each in with_cache.all("MethodSettings"))
    assert "cachingEnabled" not in everything["settings"]
    assert remembered["methodPath"] == "contracts/results/{hash}/GET"
    assert remembered["settings"]["cacheTtlInSeconds"] == 60
    assert remembered["settings"]["cacheDataEncrypted"] is True
    assert "cacheClusterSize" not in without.one("apigateway/stage:Stage").inputs
    assert [each.inputs["methodPath"] for each in without.all("MethodSettings")] == ["*/*"]
