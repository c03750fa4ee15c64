"""The public entry of a stack: it keeps its URL, whatever runs behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.domain import DomainName
from components.front_door import FrontDoor, FrontDoorArgs
from components.http_api import Throttle
from components.network import Network

Deploy = Callable[..., Any]
DOMAIN = DomainName(host="api.example.com", zone="example.com")


@pytest.fixture
def door(deploy: Deploy) -> Deploy:
    """Deploy a front door and return everything it registered; its value is the URL."""

    def run(**choices: Any) -> Any:
        network = "dev-network"
        return deploy(
            lambda: FrontDoor("dev-front-door", FrontDoorArgs(**choices), network=Network(network, flow_logs=False)).url
        )

    return run


def own(recorded: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what the front door registered, without the network."""
    return {(r.type, r.name): r.inputs for r in recorded if r.name.startswith("dev-front-door")}


def test_api_costs_nothing_while_lambda_is_the_only_compute(door: Deploy) -> None:
    recorded = door()
    kinds = {kind.split(":")[-1] for kind, _ in own(recorded)}
    assert kinds == {"FrontDoor", "HttpApi", "Api", "Stage", "LogGroup", "MetricAlarm"}
    assert recorded.value == "https://dev-front-door-1a2b3c4.execute-api.us-east-1.amazonaws.com"


def test_stage_is_at_the_root_throttled_and_deployed_with_every_change(door: Deploy) -> None:
    stage = door(throttle=Throttle(rate=50, burst=100)).one("Stage").inputs
    assert (stage["name"], stage["autoDeploy"]) == ("$default", True)
    assert stage["defaultRouteSettings"] == {"throttlingRateLimit": 50, "throttlingBurstLimit": 100}


def test_each_request_is_one_line_of_json_that_names_no_header_or_query(door: Deploy) -> None:
    recorded = door(log_retention_days=30, key_arn="arn:aws:kms:us-east-1:123456789012:key/k")
    group = recorded.one("LogGroup").inputs
    assert (group["retentionInDays"], group["kmsKeyId"]) == (30, "arn:aws:kms:us-east-1:123456789012:key/k")
    line = json.loads(recorded.one("Stage").inputs["accessLogSettings"]["format"])
    assert {"requestId", "status", "route", "integrationMilliseconds"} <= line.keys()
    assert not [value for value in line.values() if "header" in value.lower() or "query" in value.lower()]


def test_access_log_can_be_turned_off(door: Deploy) -> None:
    recorded = door(access_logs=False)
    assert recorded.all("LogGroup") == []
    assert "accessLogSettings" not in recorded.one("Stage").inputs


def test_containers_add_a_way_into_the_network_and_change_nothing_else(door: Deploy) -> None:
    before, after = own(door()), own(door(containers=True))
    assert {key: after[key] for key in before} == before
    added = {kind.split(":")[-1] for kind, _ in after.keys() - before.keys()}
    assert added == {
        "LoadBalancer",
        "Listener",
        "PrivateLink",
        "VpcLink",
        "SecurityGroup",
        "SecurityGroupEgressRule",
        "SecurityGroupIngressRule",
    }


def test_link_reaches_the_load_balancer_and_is_all_that_does(door: Deploy) -> None:
    recorded = door(containers=True)
    link = recorded.one("VpcLink").inputs
    assert link["subnetIds"] == ["dev-network-private-1", "dev-network-private-2"]
    assert link["securityGroupIds"] == ["dev-front-door-link-id"]
    entry, out = recorded.one("SecurityGroupIngressRule").inputs, recorded.one("SecurityGroupEgressRule").inputs
    assert (entry["securityGroupId"], entry["referencedSecurityGroupId"]) == (
        "dev-front-door-id",
        "dev-front-door-link-id",
    )
    assert (out["securityGroupId"], out["referencedSecurityGroupId"]) == ("dev-front-door-link-id", "dev-front-door-id")
    assert entry["fromPort"] == out["fromPort"] == 80
    assert recorded.one("lb/loadBalancer:LoadBalancer").inputs["internal"] is True


def test_load_balancer_of_a_mode_is_never_guarded_from_going_with_it(door: Deploy) -> None:
    recorded = door(containers=True, deletion_protection=True)
    assert not recorded.one("lb/loadBalancer:LoadBalancer").inputs.get("enableDeletionProtection")


def test_public_load_balancer_is_guarded_and_records_requests(door: Deploy) -> None:
    recorded = door(kind="alb", deletion_protection=True, idle_timeout=90)
    made = recorded.one("lb/loadBalancer:LoadBalancer").inputs
    assert (made["internal"], made["enableDeletionProtection"], made["idleTimeout"]) == (False, True, 90)
    bucket = recorded.one("s3/bucket:Bucket")
    assert (bucket.protect, bucket.retain) == (True, True)
    assert made["accessLogs"]["bucket"] == "dev-front-door-logs-id"
    assert recorded.all("Api") == []
    assert recorded.value == "http://dev-front-door-1a2b3c4.us-east-1.elb.amazonaws.com"


def test_bucket_of_a_stack_to_throw_away_goes_with_its_logs(door: Deploy) -> None:
    bucket = door(kind="alb").one("s3/bucket:Bucket")
    assert (bucket.protect, bucket.inputs["forceDestroy"]) == (False, True)
    assert door(kind="alb", access_logs=False).all("s3/bucket:Bucket") == []


@pytest.mark.parametrize("kind", ["http-api", "alb"])
def test_domain_is_proved_served_over_tls_and_leads_to_the_entry(door: Deploy, kind: str) -> None:
    recorded = door(kind=kind, domain=DOMAIN)
    assert recorded.value == "https://api.example.com"
    certificate = recorded.one("Certificate").inputs
    assert (certificate["domainName"], certificate["validationMethod"]) == ("api.example.com", "DNS")
    proof = recorded.one("Record", "dev-front-door-proof").inputs
    assert (proof["name"], proof["type"], proof["records"]) == ("_x", "CNAME", ["_y"])
    assert recorded.one("CertificateValidation").inputs["certificateArn"]
    alias = recorded.one("Record", "dev-front-door-alias")
    # One record for any kind, so that a change of kind moves it instead of colliding with it.
    assert alias.parent == "modeshift:components:FrontDoor::dev-front-door"
    assert (alias.inputs["name"], alias.inputs["type"]) == ("api.example.com", "A")
    assert alias.inputs["aliases"][0]["name"].endswith("amazonaws.com")


def test_api_with_a_domain_answers_to_that_name_alone(door: Deploy) -> None:
    recorded = door(domain=DOMAIN)
    assert recorded.one("Api").inputs["disableExecuteApiEndpoint"] is True
    name = recorded.one("apigatewayv2/domainName:DomainName").inputs["domainNameConfiguration"]
    assert (name["endpointType"], name["securityPolicy"]) == ("REGIONAL", "TLS_1_2")
    assert recorded.one("ApiMapping").inputs["stage"] == "$default"
    assert door().one("Api").inputs["disableExecuteApiEndpoint"] is False


def test_web_acl_looks_at_what_it_can_be_attached_to(door: Deploy) -> None:
    arn = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/ours/1"
    guard = door(kind="alb", web_acl_arn=arn).one("WebAclAssociation")
    assert guard.inputs["webAclArn"] == arn
    assert ":loadbalancer/app/dev-front-door" in guard.inputs["resourceArn"]
    # The end of an old association ends whatever its resource has by then.
    assert guard.delete_before_replace is True
    assert door(kind="alb").all("WebAclAssociation") == []
