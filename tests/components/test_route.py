"""The production rule of a service: the same resources for any compute, and an order that never depends on others."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pulumi
import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from components.fargate_traffic import PROBE_PRIORITIES
from components.front_door import FrontDoor, FrontDoorArgs, Kind
from components.network import Network
from components.route import DEEPEST_PATH, Route, priority
from components.service import IpTarget, LambdaTarget, Target, Weighted

Deploy = Callable[..., Any]

ALIAS = "arn:aws:lambda:us-east-1:123456789012:function:users:live"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/users/1"
SEGMENTS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
PATHS = st.lists(SEGMENTS, max_size=DEEPEST_PATH).map(lambda segments: "/" + "/".join(segments))


def out(value: str) -> pulumi.Output[str]:
    return pulumi.Output.from_input(value)


def target(compute: str) -> Target:
    if compute != "lambda":
        return IpTarget(target_group_arn=out(GROUP))
    return LambdaTarget(
        function_name=out("users"), alias_name=out("live"), alias_arn=out(ALIAS), invoke_arn=out(f"invoke/{ALIAS}")
    )


@pytest.fixture
def route(deploy: Deploy) -> Deploy:
    """Deploy one route to one compute, or to several with their weights; its URL is the value."""

    def run(kind: Kind, computes: str | dict[str, int], path: str = "/users", **choices: Any) -> Any:
        shares = {computes: 100} if isinstance(computes, str) else computes

        def program() -> pulumi.Output[str]:
            door = FrontDoor(
                "dev-front-door",
                FrontDoorArgs(kind=kind, containers=list(shares) != ["lambda"]),
                network=Network("dev-network", flow_logs=False),
            )
            steady = Network("dev-steady", flow_logs=False)
            targets = [Weighted(target=target(compute), weight=weight) for compute, weight in shares.items()]
            made = Route("dev-users", front_door=door, path=path, targets=targets, depends_on=[steady], **choices)
            door.publish()
            return made.url

        return deploy(program)

    return run


def own(recorded: Any) -> dict[str, Any]:
    return {f"{r.type.split(':')[-1]}::{r.name}": r for r in recorded if r.parent.endswith("Route::dev-users")}


def test_api_invokes_the_alias_of_a_function(route: Deploy) -> None:
    recorded = route("http-api", "lambda", timeout=20)
    made = recorded.one("Integration").inputs
    assert (made["integrationType"], made["payloadFormatVersion"]) == ("AWS_PROXY", "2.0")
    assert made["integrationUri"] == f"invoke/{ALIAS}"
    assert made["timeoutMilliseconds"] == 20_000


def test_api_alone_may_invoke_the_function_and_only_its_alias(route: Deploy) -> None:
    recorded = route("http-api", "lambda")
    allowed = recorded.one("Permission").inputs
    assert (allowed["principal"], allowed["qualifier"]) == ("apigateway.amazonaws.com", "live")
    assert allowed["sourceArn"] == "arn:aws:execute-api:us-east-1:123456789012:dev-front-door-1a2b3c4/*"
    for made in recorded.all("apigatewayv2/route:Route"):
        assert "aws:lambda/permission:Permission::dev-users" in made.depends_on


def test_api_reaches_containers_by_its_link_through_the_listener(route: Deploy) -> None:
    recorded = route("http-api", "fargate")
    made = recorded.one("Integration").inputs
    assert (made["integrationType"], made["connectionType"], made["integrationMethod"]) == (
        "HTTP_PROXY",
        "VPC_LINK",
        "ANY",
    )
    assert made["connectionId"] == "dev-front-door-link-id"
    assert made["integrationUri"].endswith("listener/dev-front-door-http-1a2b3c4")
    assert recorded.all("Permission") == []


@pytest.mark.parametrize("compute", ["lambda", "fargate"])
def test_api_gives_up_when_aws_does(route: Deploy, compute: str) -> None:
    assert route("http-api", compute, timeout=300).one("Integration").inputs["timeoutMilliseconds"] == 30_000


@pytest.mark.parametrize("compute", ["lambda", "fargate"])
def test_load_balancer_forwards_by_weight_even_to_one_group(route: Deploy, compute: str) -> None:
    recorded = route("alb", compute)
    rule = recorded.one("ListenerRule").inputs
    (action,) = rule["actions"]
    group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/dev-users-1a2b3c4/73e2d6bc24d8a067"
    assert action["forward"]["targetGroups"] == [{"arn": GROUP if compute == "fargate" else group, "weight": 100}]
    assert rule["conditions"] == [{"pathPattern": {"values": ["/users", "/users/*"]}}]
    assert rule["priority"] == priority("/users")


def test_function_behind_a_load_balancer_is_registered_once_it_may_be_called(route: Deploy) -> None:
    recorded = route("alb", "lambda")
    group = recorded.one("TargetGroup").inputs
    assert (group["targetType"], group["lambdaMultiValueHeadersEnabled"]) == ("lambda", True)
    allowed = recorded.one("Permission").inputs
    assert (allowed["principal"], allowed["qualifier"]) == ("elasticloadbalancing.amazonaws.com", "live")
    assert ":targetgroup/" in allowed["sourceArn"]
    attached = recorded.one("TargetGroupAttachment")
    assert attached.inputs["targetId"] == ALIAS
    assert "aws:lambda/permission:Permission::dev-users-balancer" in attached.depends_on
    assert "aws:lb/targetGroupAttachment:TargetGroupAttachment::dev-users" in recorded.one("ListenerRule").depends_on


@pytest.mark.parametrize(
    ("kind", "moved"),
    [("http-api", ["Route::dev-users", "Route::dev-users-below"]), ("alb", ["ListenerRule::dev-users"])],
)
def test_move_updates_the_entry_in_place(route: Deploy, kind: str, moved: list[str]) -> None:
    before, after = own(route(kind, "lambda")), own(route(kind, "fargate"))
    assert set(moved) <= before.keys() & after.keys()
    for name in moved:
        changed = {key for key, value in after[name].inputs.items() if before[name].inputs.get(key) != value}
        assert changed == {"target" if kind == "http-api" else "actions"}
    # All else has another name in the other mode: it comes and goes, and nothing is replaced under its name.
    assert before.keys() & after.keys() == set(moved)


@pytest.mark.parametrize("kind", ["http-api", "alb"])
@pytest.mark.parametrize("compute", ["lambda", "fargate"])
def test_traffic_moves_only_when_the_compute_is_steady(route: Deploy, kind: str, compute: str) -> None:
    recorded = route(kind, compute)
    waiting = recorded.one("Integration") if (kind, compute) == ("http-api", "lambda") else recorded.one("ListenerRule")
    assert "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup::dev-steady-default" in waiting.depends_on
    if kind == "http-api":
        integration = recorded.one("Integration")
        entry = recorded.one("apigatewayv2/route:Route", "dev-users")
        assert f"aws:apigatewayv2/integration:Integration::{integration.name}" in entry.depends_on


FUNCTIONS = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/dev-users-1a2b3c4/73e2d6bc24d8a067"


@pytest.mark.parametrize("kind", ["http-api", "alb"])
def test_shares_are_weights_of_the_one_rule(route: Deploy, kind: str) -> None:
    recorded = route(kind, {"lambda": 90, "fargate": 10}, rule_tags={"modeshift:shift": "step 2"})
    rule = recorded.one("ListenerRule").inputs
    (action,) = rule["actions"]
    assert action["forward"]["targetGroups"] == [{"arn": FUNCTIONS, "weight": 90}, {"arn": GROUP, "weight": 10}]
    assert rule["tags"] == {"Name": "dev-users", "modeshift:shift": "step 2"}
    ready = recorded.one("ListenerRule").depends_on
    assert "aws:lb/targetGroupAttachment:TargetGroupAttachment::dev-users" in ready
    assert "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup::dev-steady-default" in ready


def test_function_that_shares_its_traffic_is_behind_the_load_balancer_of_the_api(route: Deploy) -> None:
    recorded = route("http-api", {"lambda": 100, "fargate": 0})
    assert recorded.one("Integration").name == "dev-users-link"
    assert recorded.one("Permission").inputs["principal"] == "elasticloadbalancing.amazonaws.com"


@pytest.mark.parametrize("kind", ["http-api", "alb"])
@pytest.mark.parametrize(("old", "new"), [("lambda", "fargate"), ("fargate", "lambda")])
def test_no_step_of_a_shift_replaces_anything(route: Deploy, kind: str, old: str, new: str) -> None:
    halves = [{old: 100, new: 0}, {old: 10, new: 90}, {old: 0, new: 100}]
    steps = [own(route(kind, step)) for step in ({old: 100}, *halves, {new: 100})]
    # Only these may change under their name; the rest has the same inputs, or comes and goes under a name of its own.
    in_place = {"Route::dev-users": "target", "Route::dev-users-below": "target", "ListenerRule::dev-users": "actions"}
    for before, after in pairwise(steps):
        for name in before.keys() & after.keys():
            changed = {key for key, value in after[name].inputs.items() if before[name].inputs.get(key) != value}
            assert changed <= {in_place.get(name)}
    assert all(step.keys() == steps[1].keys() for step in steps[2:4])


@pytest.mark.parametrize(("path", "keys"), [("/", {"$default"}), ("/users", {"ANY /users", "ANY /users/{proxy+}"})])
def test_prefix_of_an_api(route: Deploy, path: str, keys: set[str]) -> None:
    recorded = route("http-api", "lambda", path)
    assert {made.inputs["routeKey"] for made in recorded.all("apigatewayv2/route:Route")} == keys


def test_root_gets_all_that_no_other_route_does(route: Deploy) -> None:
    rule = route("alb", "fargate", "/").one("ListenerRule").inputs
    assert rule["conditions"] == [{"pathPattern": {"values": ["/*"]}}]


def test_url_of_a_service_is_that_of_the_front_door_and_its_path(route: Deploy) -> None:
    front = "https://dev-front-door-1a2b3c4.execute-api.us-east-1.amazonaws.com"
    assert route("http-api", "lambda", "/users").value == f"{front}/users"
    assert route("http-api", "lambda", "/").value == front


def test_address_behind_an_entry_without_load_balancer_is_refused(deploy: Deploy) -> None:
    def program() -> None:
        door = FrontDoor("dev-front-door", FrontDoorArgs(), network=Network("dev-network", flow_logs=False))
        Route("dev-users", front_door=door, path="/users", targets=[Weighted(target=target("fargate"))])

    with pytest.raises(ValueError, match="dev-front-door has no load balancer"):
        deploy(program)


@given(path=PATHS)
def test_priority_is_one_that_listeners_take_and_probes_do_not(path: str) -> None:
    assert 1 <= priority(path) <= 50_000
    assert priority(path) not in PROBE_PRIORITIES


@given(path=PATHS, more=SEGMENTS)
def test_specific_path_comes_before_the_general_one(path: str, more: str) -> None:
    deeper = f"{path.rstrip('/')}/{more}"
    if deeper.count("/") <= DEEPEST_PATH:
        assert priority(deeper) < priority(path)


def test_priority_of_a_path_never_changes() -> None:
    # Numbers of a release: another one would reorder the rules of every running stack.
    assert [priority(path) for path in ("/", "/users", "/users/admin")] == [50_000, 48_780, 44_172]


def test_path_with_too_many_segments_is_refused() -> None:
    with pytest.raises(ValueError, match="has 9 segments; a route may have 8"):
        priority("/a" * 9)


def definition(recorded: Any) -> dict[str, Any]:
    paths = json.loads(recorded.one("apigateway/restApi:RestApi").inputs["body"])["paths"]
    return {path: next(iter(each.values()))["x-amazon-apigateway-integration"] for path, each in paths.items()}


def test_rest_api_invokes_one_function_directly_and_all_else_through_its_link(route: Deploy) -> None:
    direct = route("rest-api", "lambda")
    assert {one["type"] for one in definition(direct).values()} == {"aws_proxy"}
    assert direct.all("ListenerRule") == []
    assert direct.value == "https://dev-front-door-id.execute-api.us-east-1.amazonaws.com/live/users"
    for computes in ({"fargate": 100}, {"lambda": 90, "fargate": 10}):
        linked = route("rest-api", computes)
        assert {one["type"] for one in definition(linked).values()} == {"http_proxy"}
        (action,) = linked.one("ListenerRule").inputs["actions"]
        weights = [group["weight"] for group in action["forward"]["targetGroups"]]
        assert weights == list(computes.values())
        assert (
            "aws:lb/listenerRule:ListenerRule::dev-users" in linked.one("apigateway/deployment:Deployment").depends_on
        )


def test_shares_behind_a_rest_api_are_nothing_but_weights_of_the_rule(route: Deploy) -> None:
    def inputs(weight: int) -> dict[tuple[str, str, str], Any]:
        recorded = route("rest-api", {"lambda": 100 - weight, "fargate": weight})
        return {(r.type, r.name, r.parent): r.inputs for r in recorded}

    before, after = inputs(10), inputs(50)
    assert [key[0] for key in before if before[key] != after.get(key)] == ["aws:lb/listenerRule:ListenerRule"]


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ("/live/users/1?x=/live/", "/users/1?x=/live/"),
        ("/users/live/1", "/users/live/1"),
        ("/live", "/"),
        ("/live/", "/"),
        ("/liver", "/liver"),
        ("/users", "/users"),
    ],
)
def test_a_service_sees_its_path_whether_or_not_the_stage_comes_along(route: Deploy, asked: str, seen: str) -> None:
    rule = route("rest-api", "fargate").one("ListenerRule").inputs
    (transform,) = rule["transforms"]
    rewrite = transform["urlRewriteConfig"]["rewrite"]
    assert re2.sub(rewrite["regex"], rewrite["replace"].replace("$1", r"\1"), asked) == seen
    assert rule["conditions"] == [{"pathPattern": {"values": ["/users", "/users/*", "/live/users", "/live/users/*"]}}]
    assert route("rest-api", "fargate", path="/").one("ListenerRule").inputs["conditions"] == [
        {"pathPattern": {"values": ["/*"]}}
    ]
    assert "transforms" not in route("http-api", "fargate").one("ListenerRule").inputs
