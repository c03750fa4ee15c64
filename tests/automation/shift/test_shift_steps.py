"""Where a shift is by the state and the file, what it may go on to, and what a step may take away."""

from __future__ import annotations

from typing import Any

import pytest

from automation.errors import UserError
from automation.plan import Plan, build
from automation.shift import steps
from automation.shift.guard import Stage, refuse_more, taken_away
from automation.shift.live import Live, live_of
from automation.shift.steps import Move
from stacks.live_traffic import Traffic
from stacks.load import resolve
from stacks.settings import Compute, StackSettings

LAMBDA, FARGATE, EKS = Compute.LAMBDA, Compute.FARGATE, Compute.EKS
MOVE = Move(stack="dev", target=FARGATE, origins={"web": LAMBDA}, whole_stack=True)
IMAGE = "registry/app@sha256:" + "0" * 64


def settings(services: dict[str, Any], mode: str = "serverless") -> StackSettings:
    config = {
        "aws:region": "us-east-1",
        "modeshift:mode": mode,
        "modeshift:image": IMAGE,
        "modeshift:network": {"nat": "single"},
        "modeshift:services": services,
    }
    return resolve("dev", config).settings


def live(own: Compute = LAMBDA, step: int | None = None, **weights: int) -> Live:
    return Live(traffic=Traffic(weights or {own.value: 100}, step), own=own)


def shift(step: int, **weights: int) -> dict[str, Any]:
    return {"route": "/", "shift": {"step": step, "weights": weights}}


ROOT = {"web": {"route": "/"}}
TWO = {"web": {"route": "/"}, "users": {"route": "/users"}}


@pytest.mark.parametrize(("text", "found"), [("100", (100,)), ("10, 50,100", (10, 50, 100)), ("5%,100%", (5, 100))])
def test_shares_rise_to_all(text: str, found: tuple[int, ...]) -> None:
    assert steps.shares(text) == found


@pytest.mark.parametrize("text", ["", "10", "50,10,100", "0,100", "10,101", "x,100", "-1,100", "10,10,100", "1.5,100"])
def test_other_shares_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="is no way to move traffic"):
        steps.shares(text)


def test_times_have_a_unit() -> None:
    assert [steps.seconds(text, "--watch") for text in ("0s", "90s", "5m", "1h")] == [0, 90, 300, 3600]
    for text in ("5", "m", "1d", "-1s", "1.5m", "5 m"):
        with pytest.raises(UserError, match=f"--watch {text} is no length of time"):
            steps.seconds(text, "--watch")


def test_a_new_move_takes_what_is_elsewhere() -> None:
    state = {"web": live(), "users": live(FARGATE)}
    given = settings({**TWO, "users": {"route": "/users", "mode": "container"}})
    move = steps.begin("dev", given, state, FARGATE, None)
    assert (move.origins, move.whole_stack) == ({"web": LAMBDA}, True)
    assert move.words == "web: lambda → fargate"
    assert move.weights(10) == {"web": {LAMBDA: 90, FARGATE: 10}}
    assert list(move.weights(10)["web"]) == [LAMBDA, FARGATE]
    assert not steps.begin("dev", settings(TWO), {"web": live(), "users": live()}, FARGATE, "web").whole_stack


@pytest.mark.parametrize(
    ("given", "state", "target", "service", "words"),
    [
        (ROOT, {"web": live()}, None, None, "Where to?"),
        (ROOT, {"web": live()}, FARGATE, "wep", "no service 'wep'"),
        (ROOT, {}, FARGATE, None, "web is not up"),
        (ROOT, {"web": live()}, LAMBDA, None, "Nothing to move: web runs on lambda already"),
        (ROOT, {"web": live(FARGATE)}, LAMBDA, None, "web runs on fargate, and the stack file says lambda"),
        (
            shift(2, **{"lambda": 90, "fargate": 10}),
            {"web": live(LAMBDA, 2, **{"lambda": 90, "fargate": 10})},
            FARGATE,
            None,
            "A shift is under way: web is at step 2: lambda=90 fargate=10.",
        ),
        (
            shift(1, **{"lambda": 100, "fargate": 0}),
            {"web": live()},
            FARGATE,
            None,
            "web is about to begin, by the stack file",
        ),
        (ROOT, {"web": live(LAMBDA, 3, **{"lambda": 50, "fargate": 50})}, FARGATE, None, "web is at step 3"),
    ],
    ids=["where", "unknown", "down", "there", "edited", "under way", "begun in the file", "stale file"],
)
def test_what_cannot_begin_says_why(
    given: dict[str, Any], state: dict[str, Live], target: Compute | None, service: str | None, words: str
) -> None:
    services = given if "web" in given else {"web": given}
    with pytest.raises(UserError) as refused:
        steps.begin("dev", settings(services), state, target, service)
    assert words in refused.value.message


HALF = live(LAMBDA, 3, **{"lambda": 50, "fargate": 50})


@pytest.mark.parametrize("mode", ["serverless", "container"], ids=["file before", "file after"])
def test_a_stale_file_does_not_hide_a_shift(mode: str) -> None:
    given = settings(ROOT, mode)
    move = steps.resume("dev", given, {"web": HALF}, None, None)
    assert (move.origins, move.target) == ({"web": LAMBDA}, FARGATE)
    assert steps.share_of(move, {"web": HALF}) == 50
    assert steps.step_of(move, given, {"web": HALF}) == 3
    assert steps.has_ended(move, given) is (mode == "container")


def test_a_shift_that_only_the_file_knows_has_no_traffic_yet() -> None:
    given = settings({"web": shift(1, **{"lambda": 100, "fargate": 0})})
    move = steps.resume("dev", given, {"web": live()}, None, None)
    assert (move.target, steps.share_of(move, {"web": live()}), steps.step_of(move, given, {"web": live()})) == (
        FARGATE,
        0,
        1,
    )


def test_a_killed_step_that_moved_one_of_two_counts_the_lesser() -> None:
    state = {"web": HALF, "users": live(LAMBDA, 2, **{"lambda": 90, "fargate": 10})}
    given = settings(TWO)
    move = steps.resume("dev", given, state, None, None)
    assert (steps.share_of(move, state), steps.step_of(move, given, state), move.whole_stack) == (10, 3, True)


def test_resuming_the_other_way_is_a_move_of_its_own() -> None:
    move = steps.resume("dev", settings(ROOT), {"web": HALF}, LAMBDA, None)
    assert (move.origins, move.target) == ({"web": FARGATE}, LAMBDA)


@pytest.mark.parametrize(
    ("state", "target", "words"),
    [
        ({"web": live()}, None, "No shift of dev is under way"),
        ({"web": HALF}, EKS, "between lambda and fargate, not to eks"),
        ({"web": live(LAMBDA, 2, **{"lambda": 50, "fargate": 50, "eks": 0})}, None, "between 3 computes"),
    ],
    ids=["none", "elsewhere", "three"],
)
def test_what_cannot_go_on_says_why(state: dict[str, Live], target: Compute | None, words: str) -> None:
    with pytest.raises(UserError) as refused:
        steps.resume("dev", settings(ROOT), state, target, None)
    assert words in refused.value.message


def there(own: Compute, *computes: Compute, step: int | None = None) -> Live:
    return Live(traffic=Traffic({own.value: 100}, step), own=own, computes=frozenset(computes))


@pytest.mark.parametrize(
    ("state", "origin"),
    [
        (there(LAMBDA, LAMBDA), None),
        (there(FARGATE, FARGATE), None),
        (there(FARGATE, LAMBDA, FARGATE), LAMBDA),
        (there(LAMBDA, LAMBDA, FARGATE), LAMBDA),
        (there(LAMBDA, FARGATE), LAMBDA),
        (there(LAMBDA, LAMBDA, FARGATE, step=4), None),
    ],
    ids=["only edited", "over", "a rest", "outputs are old", "all but the outputs", "under way"],
)
def test_a_rest_is_what_an_ended_shift_has_left(state: Live, origin: Compute | None) -> None:
    move = steps.rest("dev", settings(ROOT, "container"), {"web": state})
    assert (move and move.origins) == (None if origin is None else {"web": origin})
    assert move is None or move.target is FARGATE


GROUP, RULE = "aws:lb/targetGroup:TargetGroup", "aws:lb/listenerRule:ListenerRule"
ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:"


def urn(chain: str, name: str) -> str:
    return f"urn:pulumi:dev::modeshift::{chain}::{name}"


def component(kind: str, token: str) -> str:
    return f"modeshift:components:{kind}${token}"


def test_the_state_says_through_which_groups_traffic_goes() -> None:
    def of(kind: str, arn: str) -> dict[str, Any]:
        return {"type": GROUP, "urn": urn(component(kind, GROUP), "dev-web"), "outputs": {"arn": arn}}

    old, new, gone = (f"{ARN}targetgroup/{name}/0" for name in ("old", "new", "gone"))
    forward = {"forward": {"targetGroups": [{"arn": old, "weight": 90}, {"arn": new, "weight": 10}]}}
    resources = [
        {
            "type": "pulumi:pulumi:Stack",
            "urn": urn("pulumi:pulumi:Stack", "modeshift-dev"),
            "outputs": {"services": {"web": {"compute": "lambda"}, "plain": {"compute": "lambda"}}},
        },
        of("Route", old),
        of("FargateService", new),
        {**of("FargateService", gone), "delete": True},
        {"type": "modeshift:components:FargateService", "urn": urn("modeshift:components:FargateService", "dev-web")},
        {"type": RULE, "urn": urn(component("FargateService", RULE), "dev-web-probe"), "outputs": {}},
        {
            "type": RULE,
            "urn": urn(component("Route", RULE), "dev-web"),
            "outputs": {
                "listenerArn": f"{ARN}listener/app/dev/11/22",
                "tags": {"modeshift:shift": "step 2: lambda=90 fargate=10"},
                "actions": [forward],
            },
        },
    ]
    found = live_of("dev", resources)
    web = found["web"]
    assert (web.step, web.own, web.weights) == (2, LAMBDA, {LAMBDA: 90, FARGATE: 10})
    assert {compute: (one.name, one.balancer, one.is_function) for compute, one in web.groups.items()} == {
        LAMBDA: ("targetgroup/old/0", "app/dev/11", True),
        FARGATE: ("targetgroup/new/0", "app/dev/11", False),
    }
    assert (web.computes, found["plain"].computes) == ({FARGATE}, frozenset())
    assert (found["plain"].step, found["plain"].groups) == (0, {})
    assert live_of("dev", []) == {}


def plan(*changes: tuple[str, str, str, str]) -> Plan:
    """Build a plan from operation, outermost component, type chain and name of each resource."""
    stack = urn("pulumi:pulumi:Stack", "modeshift-dev")
    events: list[dict[str, Any]] = []

    def step(op: str, urn: str, kind: str, parent: str, *, custom: bool) -> None:
        state = {"type": kind, "urn": urn, "custom": custom, "parent": parent, "inputs": {}}
        metadata = {"op": op, "urn": urn, "type": kind, "old": state, "new": None if op == "delete" else state}
        events.append({"resourcePreEvent": {"metadata": metadata}})

    for op, owner, chain, name in changes:
        top = urn(owner, name.partition("/")[0])
        step("same", top, owner, stack, custom=False)
        token = chain.rpartition("$")[2]
        step(op, urn(f"{owner}${chain}", name.replace("/", "-")), token, top, custom=True)
    return build("dev", events)


def part(kind: str) -> str:
    return f"modeshift:components:{kind}"


FUNCTION = ("delete", part("LambdaService"), "aws:lambda/function:Function", "dev-web")
DIRECT = ("delete", part("Route"), "aws:apigatewayv2/integration:Integration", "dev-web/lambda")
REST_CALLER = (
    "delete",
    part("FrontDoor"),
    f"{part('RestApi')}$aws:lambda/permission:Permission",
    "dev-front-door/dev-web",
)
REST_PICTURE = (
    "replace",
    part("FrontDoor"),
    f"{part('RestApi')}$aws:apigateway/deployment:Deployment",
    "dev-front-door",
)
LINK = (
    "delete",
    part("FrontDoor"),
    f"{part('PrivateLink')}$aws:apigatewayv2/vpcLink:VpcLink",
    "dev-front-door/link",
)
API = ("same", part("FrontDoor"), f"{part('HttpApi')}$aws:apigatewayv2/api:Api", "dev-front-door")
BALANCER = (
    "delete",
    part("FrontDoor"),
    f"{part('LoadBalancer')}$aws:lb/loadBalancer:LoadBalancer",
    "dev-front-door",
)
CLUSTER = ("delete", part("Cluster"), "aws:ecs/cluster:Cluster", "dev-cluster")
SUBNET = ("replace", part("Network"), "aws:ec2/subnet:Subnet", "dev-network/a")
OTHER = ("delete", part("LambdaService"), "aws:lambda/function:Function", "dev-users")
BUCKET = ("delete", part("LambdaService"), "aws:s3/bucket:Bucket", "dev-web/data")
CLUSTER_KEY = ("delete", part("EksCluster"), "aws:kms/key:Key", "dev-eks/key")
STACK_KEY = ("delete", part("CustomerKey"), "aws:kms/key:Key", "dev-key")
RULE_CHANGE = ("update", part("Route"), RULE, "dev-web")


@pytest.mark.parametrize(
    ("stage", "changes", "strangers"),
    [
        (Stage.BESIDE, (DIRECT, RULE_CHANGE), []),
        (Stage.BESIDE, (REST_CALLER, REST_PICTURE), []),
        (Stage.MOVE, (REST_CALLER,), ["dev-front-door-dev-web"]),
        (Stage.BESIDE, (FUNCTION, SUBNET), ["dev-network-a", "dev-web"]),
        (Stage.MOVE, (RULE_CHANGE,), []),
        (Stage.MOVE, (DIRECT,), ["dev-web-lambda"]),
        (Stage.REMOVE, (FUNCTION, DIRECT, LINK, API, BALANCER, CLUSTER), []),
        (Stage.REMOVE, (FUNCTION, OTHER), ["dev-users"]),
        (Stage.REMOVE, (FUNCTION, SUBNET), ["dev-network-a"]),
        (Stage.REMOVE, (FUNCTION, BALANCER), ["dev-front-door"]),
        (Stage.REMOVE, (FUNCTION, BUCKET), ["dev-web-data"]),
        (Stage.REMOVE, (FUNCTION, CLUSTER_KEY), []),
        (Stage.MOVE, (CLUSTER_KEY,), ["dev-eks-key"]),
        (Stage.REMOVE, (FUNCTION, STACK_KEY), ["dev-key"]),
    ],
    ids=[
        "way",
        "REST",
        "REST late",
        "old one early",
        "rule",
        "way late",
        "all",
        "other service",
        "network",
        "public entry",
        "data",
        "key",
        "key early",
        "stack key",
    ],
)
def test_a_step_takes_away_only_what_it_is_about(
    stage: Stage, changes: tuple[tuple[str, str, str, str], ...], strangers: list[str]
) -> None:
    made = plan(*changes)
    assert sorted(change.name for change in taken_away(made, stage, MOVE)) == strangers
    if not strangers:
        refuse_more(made, stage, MOVE)
        return
    with pytest.raises(UserError) as refused:
        refuse_more(made, stage, MOVE)
    assert strangers[0] in refused.value.message
    assert "modeshift preview --stack dev" in refused.value.hint
